import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonRange, curveOf, firstReach, meanHeight, valueAt } from '../src/comparison/curve.js';
import { fullTraining, labelsToReach, reachOf, targetOf } from '../src/comparison/labels-to-reach.js';
import { rankStrategies } from '../src/comparison/ranking.js';
import { expectedClasses, regionClasses } from '../src/comparison/region-classes.js';
import { runsOf } from '../src/comparison/runs.js';
import { spreadOf } from '../src/comparison/spread.js';
import { curvesOf } from '../src/comparison/strategy-curves.js';
import type { LabelRow, RoundRow } from '../src/tables/schemas.js';

/** A round; effort is half the share, and the whole pool takes 100 minutes. */
function round(strategy: string, seed: number, number: number, share: number, miou: number | null): RoundRow {
  return {
    strategy,
    seed,
    round: number,
    labelled_pixels: 1e6 * share,
    labelled_share: share,
    regions: 10 * number,
    minutes: 50 * share,
    clicks: 100 * share,
    effort: share / 2,
    carried_pixels: 0,
    pseudo_pixels: 0,
    miou,
    pixel_accuracy: miou,
    mean_class_accuracy: miou,
    test_frames: 8,
  };
}

/** A run at shares of 10 %, 20 %, … */
function run(strategy: string, seed: number, mious: readonly (number | null)[]): RoundRow[] {
  return mious.map((miou, i) => round(strategy, seed, i, (i + 1) / 10, miou));
}

const full = (mious: readonly (number | null)[]) =>
  mious.map((miou, seed) => round('full', seed, 0, 1, miou));
const strategy = (name: string) => ({ name, title: `${name} in words`, unit: 'image' as const });

describe('labels to reach a target', () => {
  it('lie on the line between the rounds around it', () => {
    const rounds = run('s', 0, [0.2, 0.4, 0.5]);
    expect(labelsToReach(rounds, 0.45, 'labelled_share')).toBeCloseTo(0.25, 12);
    expect(labelsToReach(rounds, 0.3, 'labelled_share')).toBeCloseTo(0.15, 12);
    expect(labelsToReach(rounds, 0.45, 'effort')).toBeCloseTo(0.125, 12);
    expect(labelsToReach(rounds, 0.45, 'minutes')).toBeCloseTo(12.5, 12);
  });

  it('are those of a round that is exactly there, and of the first that is beyond from the start', () => {
    const rounds = run('s', 0, [0.2, 0.4, 0.5]);
    expect(labelsToReach(rounds, 0.4, 'labelled_share')).toBeCloseTo(0.2, 12);
    expect(labelsToReach(rounds, 0.1, 'labelled_share')).toBeCloseTo(0.1, 12);
  });

  it('are not known where no round gets there, or none is measured', () => {
    expect(labelsToReach(run('s', 0, [0.2, 0.4]), 0.41, 'labelled_share')).toBeUndefined();
    expect(labelsToReach(run('s', 0, [null, Number.NaN]), 0.1, 'labelled_share')).toBeUndefined();
    expect(labelsToReach([], 0.1, 'labelled_share')).toBeUndefined();
  });

  it('are of the first crossing where the curve falls below again, in whatever order rows come', () => {
    const rounds = run('s', 0, [0.2, 0.5, 0.3, 0.6]);
    expect(labelsToReach(rounds.toReversed(), 0.35, 'labelled_share')).toBeCloseTo(0.15, 12);
  });

  it('pass over rounds whose mIoU is not known', () => {
    expect(labelsToReach(run('s', 0, [0.2, null, 0.6]), 0.3, 'labelled_share')).toBeCloseTo(0.15, 12);
    expect(labelsToReach(run('s', 0, [0.2, Number.NaN, 0.6]), 0.3, 'labelled_share')).toBeCloseTo(0.15, 12);
  });

  it('grow with the target, and the curve is at the target there', () => {
    const mious = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
    const level = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(mious, level, level, (values, a, b) => {
        const curve = curveOf(run('s', 0, values), 'labelled_share');
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((value) => firstReach(curve, value));
        if (high !== undefined) expect(low).toBeLessThanOrEqual(high + 1e-12);
        if (high === undefined) expect(Math.max(...values)).toBeLessThan(Math.max(a, b));
        else expect(valueAt(curve, high)! + 1e-9).toBeGreaterThanOrEqual(Math.max(a, b));
      }),
    );
  });

  it('are 95 % of the full training of the same seed, else of the mean', () => {
    const trained = fullTraining(full([0.5, 0.6, null]));
    expect(targetOf(0, trained)).toBeCloseTo(0.475, 12);
    expect(targetOf(1, trained)).toBeCloseTo(0.57, 12);
    expect(targetOf(2, trained)).toBeCloseTo(0.95 * 0.55, 12);
    expect(targetOf(0, fullTraining([]))).toBeUndefined();
  });

  it('are averaged over the seeds that got there, and say how far the others were taken', () => {
    // Targets 0.38 each. Seed 0 at 0.1 + 0.1 · 0.18 / 0.2 = 0.19, seed 1 at 0.2 + 0.1 · 0.08 / 0.1 = 0.28.
    const rounds = [
      ...run('s', 0, [0.2, 0.4]),
      ...run('s', 1, [0.2, 0.3, 0.4]),
      ...run('s', 2, [0.2, 0.3, 0.3, 0.3]),
    ];
    const { needed, within, seeds } = reachOf(
      runsOf(rounds),
      fullTraining(full([0.4, 0.4, 0.4])),
      'labelled_share',
    );
    expect(needed?.count).toBe(2);
    expect(needed?.mean).toBeCloseTo(0.235, 12);
    expect(needed?.min).toBeCloseTo(0.19, 12);
    expect(needed?.max).toBeCloseTo(0.28, 12);
    expect(within).toBeCloseTo(0.4, 12);
    expect(seeds[2]).toEqual({ seed: 2, target: 0.38, needed: undefined, last: 0.4 });
  });
});

describe('a curve', () => {
  const curve = curveOf(run('s', 0, [0.2, 0.4, 0.5]), 'labelled_share');

  it('has the mean height of its trapezoids, whole or in part', () => {
    expect(meanHeight(curve, { from: 0.1, to: 0.3 })).toBeCloseTo((0.3 + 0.45) / 2, 9);
    // From 0.3 at 0.15 to 0.4 at 0.2 to 0.45 at 0.25.
    expect(meanHeight(curve, { from: 0.15, to: 0.25 })).toBeCloseTo((0.35 + 0.425) / 2, 9);
  });

  it('has none over what it does not span', () => {
    expect(meanHeight(curve, { from: 0.1, to: 0.31 })).toBeUndefined();
    expect(meanHeight(curve, { from: 0.05, to: 0.3 })).toBeUndefined();
    expect(valueAt([], 0.1)).toBeUndefined();
  });

  it('of a constant has that height over any range', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 0.29, noNaN: true }), (from) => {
        const flat = curveOf(run('s', 0, [0.4, 0.4, 0.4]), 'labelled_share');
        expect(meanHeight(flat, { from, to: 0.3 })).toBeCloseTo(0.4, 9);
      }),
    );
  });

  it('has the last mIoU where two rounds lie at one share', () => {
    const rounds = [round('s', 0, 0, 0.1, 0.2), round('s', 0, 1, 0.1, 0.3), round('s', 0, 2, 0.2, 0.4)];
    const twice = curveOf(rounds, 'labelled_share');
    expect(valueAt(twice, 0.1)).toBe(0.3);
    expect(firstReach(twice, 0.25)).toBe(0.1);
  });

  it('shares a range with others only where all are', () => {
    const other = curveOf(run('t', 0, [null, 0.4, 0.5, 0.6]), 'labelled_share');
    expect(commonRange([curve, other])).toEqual({ from: 0.2, to: expect.closeTo(0.3, 12) });
    expect(commonRange([curve, other, []])).toEqual(commonRange([curve, other]));
    expect(commonRange([curve, [{ x: 0.9, miou: 1 }]])).toBeUndefined();
    expect(commonRange([])).toBeUndefined();
  });
});

describe('curves over seeds', () => {
  it('have mean, least, most and standard deviation by round', () => {
    const [curve] = curvesOf([
      round('s', 1, 0, 0.12, 0.4),
      round('s', 0, 0, 0.1, 0.2),
      round('s', 2, 0, 0.14, 0.3),
    ]);
    const [point] = curve.points;
    expect(curve.seeds).toEqual([0, 1, 2]);
    expect(point.labelled_share).toBeCloseTo(0.12, 12);
    expect(point.effort).toBeCloseTo(0.06, 12);
    expect(point.miou).toEqual({
      count: 3,
      mean: expect.closeTo(0.3, 12),
      min: 0.2,
      max: 0.4,
      deviation: expect.closeTo(0.1, 12),
    });
    expect(point.missing).toEqual([]);
  });

  it('name the seeds that a round lacks, be the row absent or its mIoU', () => {
    const [{ points }] = curvesOf([
      ...run('s', 0, [0.2, 0.3, 0.4]),
      ...run('s', 1, [0.3, null]),
      ...run('s', 2, [null]),
    ]);
    expect(points.map(({ missing }) => missing)).toEqual([[2], [1, 2], [1, 2]]);
    expect(points.map(({ miou }) => miou?.count)).toEqual([2, 1, 1]);
    expect(points[0].miou?.mean).toBeCloseTo(0.25, 12);
  });

  it('keep a round that no seed is measured in', () => {
    const [{ points }] = curvesOf(run('s', 0, [0.2, null]));
    expect(points[1]).toMatchObject({ round: 1, labelled_share: 0.2, miou: undefined, missing: [0] });
  });

  it('have no deviation for one seed', () => {
    expect(spreadOf([0.3])).toEqual({ count: 1, mean: 0.3, min: 0.3, max: 0.3, deviation: undefined });
    expect(spreadOf([])).toBeUndefined();
  });
});

describe('the ranking', () => {
  const rank = (
    names: readonly string[],
    rounds: readonly RoundRow[],
    fullMious: readonly (number | null)[] = [0.4, 0.4],
    unfinished: readonly { strategy: string; seed: number; reason: string }[] = [],
  ) => rankStrategies({ strategies: names.map(strategy), rounds, full: full(fullMious), unfinished });

  it('puts fewest labels first, then those that some seeds got there with, then the highest mean', () => {
    const { rows } = rank(
      ['low', 'high', 'some', 'slow', 'fast'],
      [
        ...run('low', 0, [0.1, 0.2, 0.3]),
        ...run('high', 0, [0.1, 0.3, 0.3]),
        ...run('some', 0, [0.4, 0.4, 0.4]),
        ...run('some', 1, [0.1, 0.2, 0.3]),
        ...run('slow', 0, [0.1, 0.2, 0.4]),
        ...run('fast', 0, [0.1, 0.4, 0.4]),
      ],
    );
    expect(rows.map((row) => row.strategy)).toEqual(['fast', 'slow', 'some', 'high', 'low']);
    expect(rows.map((row) => row.rank)).toEqual([1, 2, 3, 4, 5]);
    expect(rows[2]).toMatchObject({
      seeds: 2,
      reached: 1,
      labels: 0.1,
      labels_within: expect.closeTo(0.3, 12),
    });
    expect(rows[0]).toMatchObject({
      labels_within: null,
      reached: 1,
      effort: expect.closeTo(rows[0].labels! / 2, 12),
    });
  });

  it('breaks ties by the mean height, then by the order given', () => {
    const { rows } = rank(
      ['c', 'b', 'a'],
      [...run('a', 0, [0.1, 0.4, 0.5]), ...run('b', 0, [0.1, 0.4, 0.4]), ...run('c', 0, [0.1, 0.4, 0.4])],
    );
    expect(rows.map((row) => row.strategy)).toEqual(['a', 'c', 'b']);
  });

  it('ranks by the mean height alone without full training', () => {
    const { rows } = rank(['a', 'b'], [...run('a', 0, [0.1, 0.2]), ...run('b', 0, [0.2, 0.3])], []);
    expect(rows.map((row) => row.strategy)).toEqual(['b', 'a']);
    expect(rows[0]).toMatchObject({ reached: 0, labels: null, area: expect.closeTo(0.25, 12) });
  });

  it('compares with rand over the seeds that both have', () => {
    const { rows } = rank(
      ['rand', 's'],
      [
        ...run('rand', 0, [0.1, 0.2]),
        ...run('rand', 1, [0.1, 0.25]),
        ...run('s', 0, [0.1, 0.3]),
        ...run('s', 1, [0.1, 0.31]),
        ...run('s', 2, [0.1, 0.9]),
      ],
    );
    const row = rows.find(({ strategy: name }) => name === 's')!;
    expect(row.gain_seeds).toBe(2);
    expect(row.gain).toBeCloseTo(0.08, 12);
    expect(row.gain_deviation).toBeCloseTo(Math.SQRT2 * 0.02, 12);
  });

  it('counts unfinished runs, which do not narrow what areas are taken over', () => {
    const rounds = [...run('s', 0, [0.1, 0.2, 0.3]), ...run('s', 1, [0.1])];
    const unfinished = [
      { strategy: 's', seed: 1, reason: 'killed' },
      { strategy: 'absent', seed: 0, reason: 'failed' },
    ];
    const { rows, range } = rank(['s', 'absent'], rounds, [0.4], unfinished);
    expect(range).toEqual({ from: 0.1, to: expect.closeTo(0.3, 12) });
    expect(rows[0]).toMatchObject({ strategy: 's', seeds: 2, unfinished: 1, area: expect.closeTo(0.2, 12) });
    expect(rows[0]).toMatchObject({ last_round: 2, miou_seeds: 1, miou: 0.3 });
    expect(rows[1]).toMatchObject({ strategy: 'absent', seeds: 0, unfinished: 1, miou: null, area: null });
  });

  it('is of the strategies named: rows of full training among the others change nothing', () => {
    const rounds = run('s', 0, [0.1, 0.2]);
    expect(rank(['s'], [...rounds, ...full([0.4])])).toEqual(rank(['s'], rounds));
  });
});

describe('classes in a selected region', () => {
  const label = (classes: number, number = 1): LabelRow => ({
    scene: 'a',
    frame: '0',
    unit: 'superpixel',
    superpixel: 0,
    left: null,
    top: null,
    width: null,
    height: null,
    pixels: 1,
    classes,
    minutes: 1,
    clicks: 1,
    by: 'ground truth',
    round: number,
    rank: 1,
    score: 0,
  });

  it('are counted without the seed set, with numbers that no region has', () => {
    const rows = regionClasses('s', [label(9, 0), label(1), label(1), label(3, 2), label(1, 2)]);
    expect(rows).toEqual([
      { strategy: 's', classes: 1, regions: 3, share: 0.75 },
      { strategy: 's', classes: 2, regions: 0, share: 0 },
      { strategy: 's', classes: 3, regions: 1, share: 0.25 },
    ]);
    expect(expectedClasses(rows)).toBeCloseTo(1.5, 12);
  });

  it('are none where nothing was selected', () => {
    expect(regionClasses('s', [label(4, 0)])).toEqual([]);
    expect(expectedClasses([])).toBeUndefined();
  });
});
