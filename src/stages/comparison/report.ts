import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lastValueFrom, of } from 'rxjs';
import sharp from 'sharp';
import { runsOf, type UnfinishedRun } from '../../comparison/runs.js';
import { BadFrameError } from '../../errors.js';
import { isMissing, writeFileAtomically } from '../../files.js';
import { frameName } from '../../frame.js';
import { regionOf } from '../../labels/label-row.js';
import { paint } from '../../labels/paint.js';
import { compareCommand, kebab, type OptionValue } from '../../report/command-line.js';
import { counted } from '../../report/numbers.js';
import {
  type ComparisonContent,
  type NamedValue,
  type PickedPicture,
  runName,
} from '../../report/strategy-comparison/content.js';
import {
  comparisonPlots,
  comparisonTables,
  renderComparison,
} from '../../report/strategy-comparison/page.js';
import { drawPicked, MOST_PICTURES } from '../../report/strategy-comparison/picked.js';
import { STRATEGIES } from '../../strategies/index.js';
import { keepParquet } from '../../tables/parquet.js';
import {
  COMPARISON,
  type ComparisonRow,
  type LabelRow,
  REGION_CLASSES,
  ROUNDS,
  type RoundRow,
  type RunRow,
} from '../../tables/schemas.js';
import { VERSION } from '../../version.js';
import { type LearningOptions, parseLearning } from '../learning/options.js';
import { readLabels } from '../learning/round.js';
import { distinctNames } from '../measure.js';
import { superpixelsOf } from '../observe.js';
import { parseOptions, type RunOptions } from '../options.js';
import { listScenes } from '../scene.js';
import { networkConfig, trainingRecipe } from '../training/plan.js';
import { type Comparison, FULL, poolRun, runFolder } from './comparison.js';
import { readRounds } from './runs.js';

/** Points an inch of the plots' bitmaps: twice as many pixels as the drawing has units. */
const PNG_DENSITY = 144;

/**
 * Writes the tables over all runs, compare.html and the plots as files, from what the runs have measured so far. A file
 * that would be the same is left alone.
 *
 * @returns the comparison table, best strategy first
 */
export async function comparisonReport(
  comparison: Comparison,
  runs: readonly RunRow[],
): Promise<readonly ComparisonRow[]> {
  const { folder } = comparison;
  const content = await contentOf(comparison, runs);
  const tables = comparisonTables(content);
  await keepParquet(folder.runFile(ROUNDS.name), ROUNDS, [...content.full, ...content.rounds]);
  await keepParquet(folder.runFile(COMPARISON.name), COMPARISON, tables.comparison);
  await keepParquet(folder.runFile(REGION_CLASSES.name), REGION_CLASSES, tables.regionClasses);
  for (const [file, svg] of comparisonPlots(content)) {
    const path = join(folder.path, 'plots', file);
    // The bitmap first: where the drawing is current, so is its bitmap.
    if ((await textOf(path)) === svg) continue;
    const png = await sharp(Buffer.from(svg), { density: PNG_DENSITY }).png().toBuffer();
    await writeFileAtomically(path.replace(/\.svg$/, '.png'), png);
    await writeFileAtomically(path, svg);
  }
  const page = renderComparison(content);
  const path = comparisonPage(comparison);
  if ((await textOf(path)) !== page) await writeFileAtomically(path, page);
  return tables.comparison;
}

export function comparisonPage({ folder }: Pick<Comparison, 'folder'>): string {
  return join(folder.path, 'compare.html');
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

async function contentOf(comparison: Comparison, runs: readonly RunRow[]): Promise<ComparisonContent> {
  const { recording, size, folder } = comparison;
  const measured = await Promise.all(runs.map((run) => readRounds(comparison, run)));
  const rows = measured.flat();
  const rounds = rows.filter(({ strategy }) => strategy !== FULL);
  const labels = new Map<string, readonly LabelRow[]>();
  for (const { strategy, seed, rounds: own } of runsOf(rounds)) {
    const run = runFolder({ folder }, { strategy, seed });
    const last = await readLabels({ folder: run }, own.at(-1)!.round);
    if (last !== undefined) labels.set(runName(strategy, seed), last);
  }
  const strategies = STRATEGIES.filter(({ name }) => runs.some(({ strategy }) => strategy === name));
  return {
    recording: basename(recording.path),
    version: VERSION,
    size,
    classes: distinctNames(recording.classes),
    strategies: strategies.map(({ name, title, unit }) => ({ name, title, unit })),
    rounds,
    full: rows.filter(({ strategy }) => strategy === FULL),
    unfinished: runs.flatMap((run, i) => unfinished(run, measured[i])),
    setting: settingOf(comparison, runs),
    commands: commandsOf(comparison, runs),
    options: optionsOf(comparison),
    labels,
    pictures: await drawPictures(comparison, rounds, labels),
  };
}

function unfinished(
  { strategy, seed, rounds, finished, reason }: RunRow,
  { length: measured }: readonly RoundRow[],
): UnfinishedRun[] {
  if (finished) return [];
  const state =
    measured === 0 ? 'no round is measured yet' : `${measured} of ${rounds + 1} rounds are measured`;
  return [{ strategy, seed, reason: reason ?? state }];
}

function settingOf({ pool, test, options, learning }: Comparison, runs: readonly RunRow[]): NamedValue[] {
  const framesOf = ({ frames }: typeof pool) =>
    `${counted(frames.length, 'frame')} of ${counted(new Set(frames.map(({ scene }) => scene)).size, 'scene')}`;
  const { width, head } = networkConfig(options, pool.classes.length);
  const { steps, batch, crop, learningRate } = trainingRecipe(options, pool.frames.length);
  const length = options.epochs === null ? `${steps} steps` : `${options.epochs} epochs`;
  const seeds = [...new Set(runs.map(({ seed }) => seed))].sort((a, b) => a - b);
  return [
    { name: 'pool', value: framesOf(pool) },
    { name: 'test', value: framesOf(test) },
    { name: 'seeds', value: seeds.join(', ') },
    { name: 'rounds', value: `${learning.rounds} after the seed set, each of ${options.budget}` },
    { name: 'network', value: `DeepLabv3+ on MobileNetV2 ${width}, ${head} head` },
    {
      name: 'training',
      value: `from scratch in each round: ${length} in batches of ${batch} crops of ${crop.width}×${crop.height}, learning rate ${learningRate}`,
    },
  ];
}

/** One command a set of strategies with the same seeds. */
function commandsOf({ recording, options, learning }: Comparison, runs: readonly RunRow[]): string[] {
  const bySeeds = new Map<string, string[]>();
  for (const { name } of STRATEGIES) {
    const seeds = runs.filter(({ strategy }) => strategy === name).map(({ seed }) => seed);
    if (seeds.length === 0) continue;
    const list = seeds.sort((a, b) => a - b).join(',');
    bySeeds.set(list, [...(bySeeds.get(list) ?? []), name]);
  }
  const standard = optionsInCommon(parseOptions({}), parseLearning({}));
  const changed = Object.entries(optionsInCommon(options, learning)).filter(
    ([name, value]) => value !== standard[name],
  );
  return [...bySeeds].map(([list, strategies]) =>
    compareCommand(basename(recording.path), {
      strategies: strategies.length === STRATEGIES.length ? 'all' : strategies.join(','),
      seeds: asSeeds(list),
      ...Object.fromEntries(changed),
    }),
  );
}

/** As `--seeds` takes it: 1 to n by their number; a single one, which would be read as a number, twice. */
function asSeeds(list: string): string {
  const seeds = list.split(',');
  if (seeds.every((seed, i) => Number(seed) === i + 1)) return `${seeds.length}`;
  return seeds.length === 1 ? `${list},${list}` : list;
}

/** What the command has no option for, or what has no bearing on the results. */
const LEFT_OUT = new Set([
  ...['labelled', 'model', 'superpixels', 'probabilities', 'views', 'workers', 'backend'],
  ...['seed', 'strategy'],
]);

/** A list of frames came from a file, whose name is not kept. */
function optionsInCommon(options: RunOptions, learning: LearningOptions): Record<string, OptionValue> {
  return Object.fromEntries(
    Object.entries({ ...learning, ...options })
      .filter(([name]) => !LEFT_OUT.has(name))
      .map(([name, value]) => [
        name,
        typeof value === 'object' && value ? `<${value.length} frames>` : value,
      ]),
  );
}

function optionsOf({ options, learning }: Comparison): NamedValue[] {
  return Object.entries(optionsInCommon(options, learning)).map(([name, value]) => ({
    name: kebab(name),
    value: `${value ?? 'by profile'}`,
  }));
}

/** What each strategy picked last, with the first seed, of the frames that most of them picked something of. */
async function drawPictures(
  comparison: Comparison,
  rounds: readonly RoundRow[],
  labels: ReadonlyMap<string, readonly LabelRow[]>,
): Promise<PickedPicture[]> {
  const { pool, size } = comparison;
  const seed = Math.min(...rounds.map((row) => row.seed));
  const picked = runsOf(rounds)
    .filter((run) => run.seed === seed)
    .map(({ strategy, rounds: own }) => {
      const last = own.at(-1)!.round;
      const rows = labels.get(runName(strategy, seed)) ?? [];
      return { strategy, rows: rows.filter(({ round }) => round > 0 && round === last) };
    })
    .filter(({ rows }) => rows.length > 0);

  const counts = new Map<string, number>();
  for (const { rows } of picked)
    for (const name of new Set(rows.map(nameOf))) counts.set(name, (counts.get(name) ?? 0) + 1);
  const shown = new Set(
    [...counts]
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      .slice(0, MOST_PICTURES)
      .map(([name]) => name),
  );

  const run = poolRun(comparison);
  const pictures: PickedPicture[] = [];
  for (const scene of await listScenes(run, 'none'))
    for (const entry of scene.entries) {
      if (!shown.has(frameName(entry))) continue;
      try {
        const frame = await pool.read(entry, size);
        const { ids } = await lastValueFrom(of(frame).pipe(superpixelsOf(run, scene)));
        for (const { strategy, rows } of picked) {
          const mask = new Uint8Array(size.width * size.height);
          for (const row of rows) if (nameOf(row) === frameName(entry)) paint(regionOf(row), mask, size, ids);
          pictures.push(await drawPicked(strategy, frame, mask));
        }
      } catch (error) {
        if (!(error instanceof BadFrameError)) throw error;
      }
    }
  return pictures;
}

function nameOf({ scene, frame }: LabelRow): string {
  return frameName({ scene, id: frame });
}
