import { concatMap, lastValueFrom, takeWhile, tap, toArray } from 'rxjs';
import { BadFrameError, UserError } from '../../errors.js';
import { frameName, IGNORE } from '../../frame.js';
import { effortOf } from '../../labels/effort.js';
import { rowOf } from '../../labels/label-row.js';
import { distinctClasses } from '../../labels/oracle.js';
import { paint } from '../../labels/paint.js';
import { random, seedOf, shuffle } from '../../random.js';
import { BudgetMeter, parseBudget } from '../../selection/budget.js';
import type { Candidate } from '../../strategies/strategy.js';
import { ORIGIN } from '../../tables/frame-tables.js';
import type { LabelRow } from '../../tables/schemas.js';
import { stageNetwork } from '../network.js';
import { storedSuperpixels } from '../origins.js';
import { listScenes } from '../scene.js';
import type { Learning } from './learning.js';
import { roundPool } from './pool.js';
import { pseudoLabelTable, type Round } from './round.js';

/** The seed set: random images of the pool, at least one, or those listed, labelled whole (paper, §4.1). */
export async function seedLabels({
  pool,
  options,
  learning,
  validation,
  size,
  times,
  monitor,
  annotator,
}: Learning): Promise<LabelRow[]> {
  const free = pool.frames.filter((entry) => !validation.has(frameName(entry)));
  const { seedSet } = learning;
  const isDrawn = typeof seedSet === 'number';
  const count = isDrawn ? Math.max(1, Math.round((seedSet / 100) * free.length)) : seedSet.length;
  const listed = new Set(isDrawn ? [] : seedSet);
  const seeds = isDrawn
    ? shuffle([...free], random(seedOf(options.seed, 'seed set')))
    : free.filter((entry) => listed.has(frameName(entry)));
  const rows: LabelRow[] = [];
  for (const entry of seeds) {
    if (rows.length === count) break;
    try {
      const labels = await annotator.labels(await pool.read(entry, size));
      const region = { unit: 'image', scene: entry.scene, frame: entry.id } as const;
      const pixels = size.width * size.height;
      const classes = distinctClasses(labels, new Uint8Array(pixels).fill(1));
      const cost = effortOf(region, size, times);
      rows.push(
        rowOf(region, { pixels, classes, ...cost, by: 'seed set', round: 0, rank: null, score: null }),
      );
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      monitor.warn(`not labelled ${frameName(entry)}: ${error.message}`);
    }
  }
  if (rows.length === 0) throw new UserError(`No frame of ${pool.path} can be read to be labelled.`);
  return rows;
}

/**
 * Has the strategy choose regions until the round's budget is spent, and the annotator label them.
 * @returns rows of what was labelled, in order; empty where there is nothing left
 */
export async function acquireStage(
  learning: Learning,
  round: Round,
  modelFolder: string,
): Promise<LabelRow[]> {
  const { strategy, options, size, pool: recording, monitor } = learning;
  const { run } = round;
  const network = await stageNetwork(run, modelFolder, strategy.dropout ? options.draws : 0);
  const budget = parseBudget(options.budget);
  const meter = new BudgetMeter(budget, recording.frames.length, size.width * size.height);
  const progress = monitor.begin('choose', recording.frames.length, 'frames');
  try {
    const pool = await roundPool(round, network, imagesWorth(learning), progress);
    const chosen = await lastValueFrom(
      strategy.rank(pool).pipe(
        takeWhile(() => !meter.spent),
        tap(({ region, pixels }) => meter.add({ pixels, ...effortOf(region, size, learning.times) })),
        toArray(),
      ),
    );
    const pseudo = pseudoLabelTable(run.folder);
    if (strategy.pseudoLabels !== undefined)
      await lastValueFrom(
        strategy.pseudoLabels(pool).pipe(
          concatMap(({ scene, frame, labels }) => {
            const origin = labels.map((label) => (label === IGNORE ? ORIGIN.none : ORIGIN.network));
            return pseudo.write({ scene, id: frame }, 'pseudo', { label: labels, origin });
          }),
        ),
        { defaultValue: undefined },
      );
    return await annotate(learning, round, chosen);
  } finally {
    progress.end();
    await network.close();
  }
}

/** The budget in images' worth of pixels, for strategies that choose a set; what is counted otherwise, by its effort. */
function imagesWorth({ options, pool, times }: Learning): number {
  const { amount, unit } = parseBudget(options.budget);
  const minutes = {
    superpixels: amount * times.superpixelMinutes,
    clicks: amount * times.superpixelMinutes,
    minutes: amount,
  };
  if (unit === 'images') return amount;
  if (unit === '%') return (amount / 100) * pool.frames.length;
  return minutes[unit] / times.imageMinutes;
}

/** The annotator's answers to what was chosen, in its order; one frame is held at a time. */
async function annotate(
  { size, times, annotator, pool }: Learning,
  { number, run, labels }: Round,
  chosen: readonly Candidate[],
): Promise<LabelRow[]> {
  const rows: LabelRow[] = [];
  const keys = new Map((await listScenes(run, 'none')).map((scene) => [scene.name, scene.keys.frames]));
  const places = new Map<string, number[]>();
  for (const [i, { region }] of chosen.entries()) {
    const name = frameName({ scene: region.scene, id: region.frame });
    places.set(name, [...(places.get(name) ?? []), i]);
  }
  for (const entry of pool.frames) {
    const at = places.get(frameName(entry));
    if (at === undefined) continue;
    const ids = (await storedSuperpixels(run, entry, keys.get(entry.scene)!.get(entry.id)!))?.ids;
    const given = await annotator.labels(await pool.read(entry, size));
    const mask = labels.mask(entry, size, ids);
    for (const i of at) {
      const { region, score } = chosen[i];
      const whole = new Uint8Array(mask.length);
      paint(region, whole, size, ids);
      rows[i] = rowOf(region, {
        pixels: paint(region, mask, size, ids),
        classes: distinctClasses(given, whole),
        ...effortOf(region, size, times),
        by: annotator.name,
        round: number + 1,
        rank: i + 1,
        score,
      });
    }
  }
  return rows;
}
