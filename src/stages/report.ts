import { basename } from 'node:path';
import { BadFrameError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { frameName } from '../frame.js';
import { readClassNames } from '../model/inference/model-folder.js';
import { kebab, type OptionValue, replayCommand } from '../report/command-line.js';
import {
  type ComparedFrame,
  type Comparison,
  drawComparison,
  framesToCompare,
} from '../report/comparison.js';
import type { Candidates, PickCard, ReportOption, SceneSummary, SkippedFrame } from '../report/content.js';
import { type DetailSources, drawFrame, type FramePicture } from '../report/frame-picture.js';
import { type Range, robustRange } from '../report/heat-map.js';
import { MOST_CARDS, MOST_FRAMES, renderReport } from '../report/page.js';
import type { FrameEntry } from '../sources/recording.js';
import { readParquet } from '../tables/parquet.js';
import { readPoints } from '../tables/points-table.js';
import {
  FRAMES,
  HISTORY,
  SCORES,
  type ScoreRow,
  SELECTIONS,
  type SelectionRow,
  VALIDATION,
} from '../tables/schemas.js';
import { VERSION } from '../version.js';
import { distinctNames, type Measures } from './measure.js';
import { parseOptions, type RunOptions, runOptions } from './options.js';
import { type FrameKeys, storedProbabilities, storedSuperpixels } from './origins.js';
import type { Run } from './run.js';
import { missingStage, trainsNetwork } from './run-state.js';
import type { Scene } from './scene.js';
import { selectionsKey } from './select.js';
import { networkConfig, trainingRecipe } from './training/plan.js';

/**
 * Writes report.html from the run's tables and the recording's frames. Scenes and pictures go through one at a time.
 * What is not stored, or stored from other inputs, is left out.
 *
 * @param measures what `measureStage` gave
 * @returns its path
 */
export async function reportStage(run: Run, scenes: readonly Scene[], measures: Measures): Promise<string> {
  const { folder, recording, size } = run;
  const selections = await readParquet(folder.runFile(SELECTIONS.name), SELECTIONS, selectionsKey(scenes));
  const picks = selections ?? [];
  const survey = await surveyScenes(run, scenes, selections);
  const ranges = {
    viewEntropy: robustRange(survey.candidates.viewEntropy),
    viewDivergence: robustRange(survey.candidates.viewDivergence),
  };
  const interesting = framesOfInterest(picks, survey.meanEntropies);
  const detail = { frames: interesting, ranges, classNames: await classNames(run) };
  const { pictures, cards } = await drawFrames(run, scenes, picks, detail);

  const trainedHere = await trainsNetwork(run);
  const page = renderReport({
    recording: basename(recording.path),
    format: recording.format,
    version: VERSION,
    command: replayCommand(recording.path, changedOptions(run)),
    options: describedOptions(run, trainedHere),
    size,
    trainedHere,
    missingStage: await missingStage(run, scenes),
    scenes: survey.scenes,
    skipped: survey.skipped,
    selections,
    candidates: survey.candidates,
    cards,
    frames: [...interesting].flatMap((name) => pictures.get(name) ?? []),
    pictures,
    classes: distinctNames(recording.classes),
    history: (trainedHere && (await readParquet(folder.runFile(HISTORY.name), HISTORY))) || [],
    validation: (trainedHere && (await readParquet(folder.runFile(VALIDATION.name), VALIDATION))) || [],
    metrics: measures.metrics,
    confusion: measures.confusion,
    calibration: measures.calibration,
    missingMaps: measures.missing,
    comparisons: await drawComparisons(run, scenes, framesToCompare(measures.frameMetrics)),
  });
  await writeFileAtomically(folder.report, page);
  return folder.report;
}

interface Survey {
  readonly scenes: readonly SceneSummary[];
  readonly skipped: readonly SkippedFrame[];
  readonly candidates: Candidates;
  /** Mean view entropy of each frame that is scored, by name. */
  readonly meanEntropies: ReadonlyMap<string, number>;
}

/** What the page says of all scenes: of each superpixel only its two scores are kept. */
async function surveyScenes(
  run: Run,
  scenes: readonly Scene[],
  selections: readonly SelectionRow[] | undefined,
): Promise<Survey> {
  const summaries: SceneSummary[] = [];
  const skipped: SkippedFrame[] = [];
  const entropies: number[] = [];
  const divergences: number[] = [];
  const meanEntropies = new Map<string, number>();
  for (const { name, entries, keys } of scenes) {
    const file = run.folder.sceneFile(FRAMES.name, name, 'parquet');
    const frames = await readParquet(file, FRAMES, keys.frameRows);
    const bad = frames?.filter((row) => !row.used);
    const names = entries.map(frameName);
    for (const { scene, frame, reason } of bad ?? []) skipped.push({ scene, frame, reason: reason ?? '' });

    const total = { scored: 0, entropy: 0, divergence: 0 };
    const ofFrame = new Map<string, { sum: number; count: number }>();
    const scores = await sceneScores(run, name, keys.scores);
    for (const { frame, view_entropy, view_divergence } of scores ?? []) {
      if (view_entropy === null || view_divergence === null) continue;
      total.scored++;
      total.entropy += view_entropy;
      total.divergence += view_divergence;
      const mean = ofFrame.get(frame) ?? { sum: 0, count: 0 };
      ofFrame.set(frame, { sum: mean.sum + view_entropy, count: mean.count + 1 });
      const place = frameName({ scene: name, id: frame });
      if (run.training.has(place) || run.validation.has(place)) continue;
      entropies.push(view_entropy);
      divergences.push(view_divergence);
    }
    for (const [id, { sum, count }] of ofFrame)
      meanEntropies.set(frameName({ scene: name, id }), sum / count);

    summaries.push({
      name,
      frames: entries.length,
      used: frames?.filter((row) => row.used).length,
      skipped: bad?.length,
      trained: names.filter((each) => run.training.has(each)).length,
      validation: names.filter((each) => run.validation.has(each)).length,
      points: (await readPoints(run.folder, name, keys.points))?.pixels.length,
      scored: scores && total.scored,
      viewEntropy: total.entropy / total.scored,
      viewDivergence: total.divergence / total.scored,
      picks: selections?.filter((pick) => pick.scene === name).length,
    });
  }
  addUnlisted(run, summaries, skipped);
  const candidates = {
    viewEntropy: Float32Array.from(entropies),
    viewDivergence: Float32Array.from(divergences),
  };
  return { scenes: summaries, skipped, candidates, meanEntropies };
}

/** Adds the frames that the listing left out; a scene may have no others, and is in no table then. */
function addUnlisted(run: Run, summaries: SceneSummary[], skipped: SkippedFrame[]): void {
  const known = new Set(skipped.map(({ scene, frame }) => frameName({ scene, id: frame })));
  for (const { scene, id, file, reason } of run.recording.bad) {
    let at = summaries.findIndex((summary) => summary.name === scene);
    if (at < 0) at = summaries.push({ ...NOTHING_USED, name: scene }) - 1;
    const { frames, skipped: before } = summaries[at];
    const isNew = !known.has(frameName({ scene, id }));
    summaries[at] = { ...summaries[at], frames: frames + 1, skipped: (before ?? 0) + (isNew ? 1 : 0) };
    if (isNew) skipped.push({ scene, frame: id, reason: `${file}: ${reason}` });
  }
}

const NOTHING_USED = {
  frames: 0,
  used: 0,
  skipped: 0,
  trained: 0,
  validation: 0,
  points: undefined,
  scored: 0,
  viewEntropy: Number.NaN,
  viewDivergence: Number.NaN,
  picks: 0,
};

/** Undefined where none are stored of these inputs. */
async function sceneScores(run: Run, scene: string, key: string): Promise<readonly ScoreRow[] | undefined> {
  return await readParquet(run.folder.sceneFile(SCORES.name, scene, 'parquet'), SCORES, key);
}

/** Names of the frames to show in detail: those with most picks, or of highest mean entropy where none are picked. */
function framesOfInterest(
  picks: readonly SelectionRow[],
  meanEntropies: ReadonlyMap<string, number>,
): ReadonlySet<string> {
  const weights = new Map<string, number>(picks.length === 0 ? meanEntropies : []);
  for (const pick of picks) weights.set(nameOf(pick), (weights.get(nameOf(pick)) ?? 0) + 1);
  const heaviest = [...weights].sort(([, a], [, b]) => b - a).slice(0, MOST_FRAMES);
  return new Set(heaviest.map(([name]) => name));
}

function nameOf(row: { readonly scene: string; readonly frame: string }): string {
  return frameName({ scene: row.scene, id: row.frame });
}

/** Which frames are drawn in detail, and what is the same for all of them. */
interface Detail {
  readonly frames: ReadonlySet<string>;
  readonly ranges: { readonly viewEntropy: Range | undefined; readonly viewDivergence: Range | undefined };
  /** Of the maps, by class. */
  readonly classNames: readonly string[];
}

/** Draws the frames of the first picks and the frames of interest, a frame at a time. */
async function drawFrames(
  run: Run,
  scenes: readonly Scene[],
  picks: readonly SelectionRow[],
  detail: Detail,
): Promise<{ pictures: ReadonlyMap<string, FramePicture>; cards: readonly PickCard[] }> {
  const first = picks.slice(0, MOST_CARDS);
  const shown = new Set([...first.map(nameOf), ...detail.frames]);
  if (shown.size === 0) return { pictures: new Map(), cards: [] };
  const pictures = new Map<string, FramePicture>();
  const views = new Map<SelectionRow, number>();
  const progress = run.monitor.begin('report', shown.size, 'frames');
  for (const scene of scenes) {
    const entries = scene.entries.filter((entry) => shown.has(frameName(entry)));
    if (entries.length === 0) continue;
    const scores = new Map<string, ScoreRow[]>(entries.map((entry) => [entry.id, []]));
    for (const row of (await sceneScores(run, scene.name, scene.keys.scores)) ?? [])
      scores.get(row.frame)?.push(row);
    for (const pick of first) {
      if (pick.scene !== scene.name) continue;
      const row = scores.get(pick.frame)?.find(({ superpixel }) => superpixel === pick.superpixel);
      if (row?.views != null) views.set(pick, row.views);
    }
    for (const entry of entries) {
      const name = frameName(entry);
      const outlined = picks.filter((pick) => nameOf(pick) === name);
      try {
        const frame = await run.recording.read(entry, run.size);
        const keys = scene.keys.frames.get(entry.id)!;
        const ids = (await storedSuperpixels(run, entry, keys))?.ids;
        const details = detail.frames.has(name)
          ? await detailSources(run, entry, keys, scores.get(entry.id) ?? [], detail)
          : undefined;
        if (ids !== undefined) pictures.set(name, await drawFrame(frame, ids, outlined, details));
      } catch (error) {
        // The recording may have changed since the frame was scored; its picks stand, without a picture.
        if (!(error instanceof BadFrameError)) throw error;
        run.monitor.warn(`no picture of ${name}: ${error.message}`);
      }
      progress.advance();
    }
  }
  progress.end();
  return { pictures, cards: first.map((pick) => ({ pick, views: views.get(pick) })) };
}

/** Draws predictions beside the truth, a frame at a time. */
async function drawComparisons(
  run: Run,
  scenes: readonly Scene[],
  frames: readonly ComparedFrame[],
): Promise<Comparison[]> {
  const names = distinctNames(run.recording.classes);
  const comparisons: Comparison[] = [];
  for (const compared of frames) {
    const { scene: name, frame: id } = compared.row;
    const scene = scenes.find((each) => each.name === name);
    const entry = scene?.entries.find((each) => each.id === id);
    if (scene === undefined || entry === undefined) continue;
    try {
      const frame = await run.recording.read(entry, run.size);
      const map = await storedProbabilities(run, entry, scene.keys.frames.get(id)!);
      if (frame.labels === undefined || map === undefined) continue;
      comparisons.push(await drawComparison(compared, frame, frame.labels, map, names));
    } catch (error) {
      // Likewise: its figures stand.
      if (!(error instanceof BadFrameError)) throw error;
      run.monitor.warn(`no comparison of ${frameName(entry)}: ${error.message}`);
    }
  }
  return comparisons;
}

async function detailSources(
  run: Run,
  frame: FrameEntry,
  keys: FrameKeys,
  rows: readonly ScoreRow[],
  { ranges, classNames }: Detail,
): Promise<DetailSources> {
  const heat = (
    [
      ['View entropy', 'view_entropy', ranges.viewEntropy],
      ['View divergence', 'view_divergence', ranges.viewDivergence],
    ] as const
  ).flatMap(([title, column, range]) => {
    if (range === undefined || rows.length === 0) return [];
    const scores = new Float32Array(Math.max(...rows.map((row) => row.superpixel)) + 1).fill(Number.NaN);
    for (const row of rows) scores[row.superpixel] = row[column] ?? Number.NaN;
    return [{ title, scores, range }];
  });
  const probabilities = await storedProbabilities(run, frame, keys);
  // Maps of another number of classes are of other classes, whose names are not known.
  const areNamed = probabilities === undefined || probabilities.classes === classNames.length;
  return { heat, probabilities, classNames: areNamed ? classNames : [] };
}

/** The given network's class names, or the recording's where it has none. */
async function classNames({ recording, options }: Run): Promise<readonly string[]> {
  const given = options.probabilities === null ? options.model : null;
  return distinctNames((given === null ? undefined : await readClassNames(given)) ?? recording.classes);
}

/** Options that do not have their default, by name. */
function changedOptions(run: Run): Record<string, OptionValue> {
  const standard: Readonly<Record<string, OptionValue>> = parseOptions({});
  return Object.fromEntries(Object.entries(run.options).filter(([name, value]) => value !== standard[name]));
}

/** @param trainedHere else the training options have no effect */
function describedOptions(run: Run, trainedHere: boolean): ReportOption[] {
  const changed = changedOptions(run);
  const effective: EffectiveValues = { workers: 'one a core', ...(trainedHere && trainingValues(run)) };
  return Object.entries(runOptions.shape).map(([key, field]) => {
    const name = key as keyof RunOptions;
    return {
      name: kebab(name),
      meaning: field.description ?? '',
      value: `${run.options[name] ?? effective[name] ?? '–'}`,
      isDefault: !(name in changed),
    };
  });
}

/** What stands for options that were not given. */
type EffectiveValues = Partial<Record<keyof RunOptions, string>>;

function trainingValues({ options, recording, training }: Run): EffectiveValues {
  const { width, head } = networkConfig(options, recording.classes.length);
  const recipe = trainingRecipe(options, Math.max(1, training.size));
  const { steps, patience, crop, augment, learningRate, decay } = recipe;
  return {
    width: `${width} (by profile)`,
    head: `${head} (by profile)`,
    steps: `${steps} (by ${options.epochs === null ? 'profile' : 'epochs'})`,
    patience: `${patience ?? 'none'} (by profile)`,
    crop: `${crop.width}x${crop.height} (by profile)`,
    augment: `${augment.join(',') || 'none'} (by profile)`,
    learningRate: `${learningRate} (by profile)`,
    decayEpoch: `${decay === 'poly' ? 'none' : decay} (by profile)`,
  };
}
