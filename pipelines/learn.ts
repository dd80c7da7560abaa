import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { percent } from '../src/percent.js';
import { acquireStage, seedLabels } from '../src/stages/learning/acquire.js';
import type { Learning } from '../src/stages/learning/learning.js';
import { openRound, type Round, readLabels, roundFolder, writeLabels } from '../src/stages/learning/round.js';
import { testStage } from '../src/stages/learning/test.js';
import { trainStage } from '../src/stages/train.js';
import { readParquet, writeParquet } from '../src/tables/parquet.js';
import { INCIDENCES, type MetricRow, POINTS, ROUNDS, type RoundRow } from '../src/tables/schemas.js';

/**
 * Active learning (paper, Figure 3):
 *
 *     seed set ─► labels ─► train from scratch ─► test
 *                   ▲              │
 *                   │              ▼
 *               annotate ◄─ choose regions by the strategy
 *
 * until the rounds are done or nothing is left to label. Each round has a folder of its own, and begins when its labels
 * are written: the same call again goes on in the round where it stopped, and never redoes one.
 *
 * @param onRound hears of each round when its network is measured, of those done before too
 */
export async function learn(
  learning: Learning,
  onRound: (row: RoundRow) => void = (row) => learning.monitor.note(sayRound(row)),
): Promise<readonly RoundRow[]> {
  const { monitor, folder } = learning;
  const { rounds } = learning.learning;
  const done: RoundRow[] = [];
  if ((await readLabels(learning, 0)) === undefined)
    await writeLabels(learning, 0, await seedLabels(learning));
  const before = (await readParquet(folder.runFile(ROUNDS.name), ROUNDS)) ?? [];
  for (let number = 0; ; number++) {
    const known = before[number];
    if (
      known !== undefined &&
      (number === rounds || (await readLabels(learning, number + 1)) !== undefined)
    ) {
      done.push(known);
      onRound(known);
      if (number === rounds) return done;
      continue;
    }
    const round = await openRound(learning, number, (await readLabels(learning, number))!);
    const modelFolder = await trainStage(round.run);
    done.push(roundRow(learning, round, await testStage(learning, round, modelFolder)));
    await writeParquet(folder.runFile(ROUNDS.name), ROUNDS, `${number}`, done);
    onRound(done.at(-1)!);
    if (number === rounds) return done;
    const labelled = await acquireStage(learning, round, modelFolder);
    if (labelled.length === 0) {
      monitor.note('nothing is left to label');
      return done;
    }
    await writeLabels(learning, number + 1, [...round.labels.rows, ...labelled]);
    // What only the choice needed: as much as all else together, many times over.
    for (const { name } of [INCIDENCES, POINTS])
      await rm(join(roundFolder(learning, number).path, name), { recursive: true, force: true });
  }
}

function roundRow(
  { strategy, options, pool, size, times, validation }: Learning,
  { number, labels, carriedPixels, pseudoPixels }: Round,
  metrics: readonly MetricRow[],
): RoundRow {
  const images = pool.frames.length - validation.size;
  const whole = (metric: string) => metrics.find((row) => row.metric === metric && row.class === null);
  return {
    strategy: strategy.name,
    seed: options.seed,
    round: number,
    labelled_pixels: labels.pixels,
    labelled_share: labels.pixels / (images * size.width * size.height),
    regions: labels.regions,
    minutes: labels.minutes,
    clicks: labels.clicks,
    effort: labels.minutes / (images * times.imageMinutes),
    carried_pixels: carriedPixels,
    pseudo_pixels: pseudoPixels,
    miou: whole('miou')?.value ?? null,
    pixel_accuracy: whole('pixel_accuracy')?.value ?? null,
    mean_class_accuracy: whole('mean_class_accuracy')?.value ?? null,
    test_frames: whole('miou')?.frames ?? 0,
  };
}

function sayRound({ round, regions, labelled_share, miou, test_frames }: RoundRow): string {
  return `round ${round}: ${regions} regions labelled, ${percent(labelled_share)} of the pool; mIoU on ${test_frames} test frames ${percent(miou)}`;
}
