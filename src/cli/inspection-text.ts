import Table from 'cli-table3';
import type { Size } from '../frame.js';
import { sayVerdict, type Tried } from '../inspect/geometry-check.js';
import type { Inspection, SceneFacts } from '../inspect/inspection.js';
import { percent } from '../percent.js';
import { changes, sayCorrection } from '../sources/correction.js';
import { duration } from './monitor.js';
import { PLAIN } from './plain-table.js';

/** Scenes, classes and bad frames that are named; there may be thousands. */
const SHOWN = 8;

/** What was found, for people. @param sheet the contact sheet's file */
export function inspectionText(inspection: Inspection, sheet: string): string {
  const { path, format, correction, frames, sampled, bad, geometry, warnings } = inspection;
  const lines = [
    `${path}, in the ${format} layout`,
    ...(correction ? [`A correction is in force: ${sayCorrection(correction)}. "As read" is with it.`] : []),
    `frames    ${frames}, ${sampled.length} of them looked at${bad.length > 0 ? `, and ${bad.length} bad` : ''}`,
    ...bad.slice(0, SHOWN).map(({ file, reason }) => `          ${file}: ${reason}`),
    ...more(bad.length, '          '),
    `scenes    ${sayScenes(inspection.scenes)}`,
    ...sayDuration(inspection.scenes),
    `images    ${saySizes(inspection)}`,
    `classes   ${sayClasses(inspection)}`,
    `overlap   ${percent(inspection.shared)} of the surface seen is seen by two of the frames looked at, or more`,
    `poses     ${inspection.posesRead === 0 ? 'not held against each other: this format does not tell them without decoding' : `${inspection.posesRead} held against the next one's, ${inspection.jumps.length} of them jumps`}`,
    '',
    sayVerdict(geometry),
    hypothesisTable(inspection),
    ...sayRivals(geometry),
    ...warnings.map((warning) => `warning: ${warning}`),
    `Contact sheet: ${sheet}`,
  ];
  return lines.join('\n');
}

/** The same for programs, without pictures. */
export function inspectionJson(inspection: Inspection, sheet: string): string {
  const { sampled, geometry, colourDelay, correction, ...facts } = inspection;
  const { verdict, tolerance, asRead, best, rivals, tried } = geometry;
  return JSON.stringify(
    {
      ...facts,
      correction: correction ?? null,
      colourDelay: colourDelay ?? null,
      scenes: facts.scenes.map(({ seconds, ...scene }) => ({ ...scene, seconds: seconds ?? null })),
      sampled: sampled.map(({ scene, id }) => ({ scene, frame: id })),
      geometry: { verdict, sentence: sayVerdict(geometry), tolerance, asRead, best, rivals, tried },
      sheet,
    },
    null,
    2,
  );
}

function sayScenes(scenes: readonly SceneFacts[]): string {
  const named = scenes.slice(0, SHOWN).map(({ scene, frames }) => `${scene} (${frames})`);
  return `${scenes.length}: ${[...named, ...(scenes.length > SHOWN ? ['…'] : [])].join(', ')}`;
}

function sayDuration(scenes: readonly SceneFacts[]): string[] {
  const known = scenes.flatMap(({ seconds }) => seconds ?? []);
  if (known.length === 0) return ['duration  not known: no clock'];
  const total = known.reduce((sum, seconds) => sum + seconds, 0);
  const of = known.length < scenes.length ? `, of ${known.length} scenes that tell` : '';
  return [`duration  ${duration(total)}${of}`];
}

function saySizes({ sizes, fieldOfView }: Inspection): string {
  const said = sizes.map(
    ({ colour, depth, frames }) =>
      `colour ${saySize(colour)}, depth ${saySize(depth)}${sizes.length > 1 ? ` (${frames} frames)` : ''}`,
  );
  const view = `${fieldOfView.width.toFixed(0)}° × ${fieldOfView.height.toFixed(0)}°`;
  return `${said.join('; ')}; field of view ${view}`;
}

const saySize = ({ width, height }: Size) => `${width}×${height}`;

function sayClasses({ classes, scenes }: Inspection): string {
  if (classes.length === 0) return 'none: no labels';
  const labelled = scenes.reduce((sum, scene) => sum + scene.labelled, 0);
  const names = [...classes.slice(0, SHOWN), ...(classes.length > SHOWN ? ['…'] : [])].join(', ');
  return `${classes.length}: ${names}; ${labelled} frames are labelled`;
}

/** As read, the best, what differs from it in one convention alone, and the best other way. */
function hypothesisTable({ geometry: { asRead, best, tried } }: Inspection): string {
  const single = tried.filter(({ correction }) => changes(correction) === 1 && correction.depthFactor === 1);
  const shown = new Set<Tried>([asRead, best, ...single]);
  const others = tried.filter((one) => !shown.has(one)).sort((a, b) => b.score - a.score);
  const table = new Table({
    head: ['poses and depth', 'agree', 'within 5 cm', 'pairs of views', 'points'],
    ...PLAIN,
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  const rows = [...shown].sort((a, b) => b.score - a.score);
  for (const one of [...rows, others[0]!])
    table.push([
      `${one === asRead ? 'as read' : sayCorrection(one.correction)}${one === others[0] ? ' (best of the others)' : ''}`,
      percent(one.score),
      percent(one.tested === 0 ? null : one.near / one.tested),
      one.pairs,
      one.tested,
    ]);
  return `${table}`;
}

function sayRivals({ rivals }: Inspection['geometry']): string[] {
  if (rivals.length === 0) return [];
  const named = rivals.slice(0, 3).map(({ correction, score }) => {
    const what = changes(correction) === 0 ? 'as read' : sayCorrection(correction);
    return `${what} (${percent(score)})`;
  });
  const rest = rivals.length > 3 ? `, and ${rivals.length - 3} more` : '';
  return [`Nearly as good, so that this cannot be told for certain: ${named.join('; ')}${rest}.`];
}

function more(count: number, indent: string): string[] {
  return count > SHOWN ? [`${indent}… and ${count - SHOWN} more`] : [];
}
