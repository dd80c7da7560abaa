import type { RoundRow } from '../tables/schemas.js';

/** What mIoU is set against: a share of the pool's pixels, a share of the time for the whole pool, or minutes. */
export type Axis = 'labelled_share' | 'effort' | 'minutes';

/** mIoU by what the labels cost: the measured rounds of one run, by round, straight lines between them. */
export type Curve = readonly { readonly x: number; readonly miou: number }[];

/** The curve of one strategy and seed; rounds whose mIoU is not known are passed over. */
export function curveOf(rounds: readonly RoundRow[], axis: Axis): Curve {
  return rounds
    .filter(isMeasured)
    .sort((a, b) => a.round - b.round)
    .map((row) => ({ x: row[axis], miou: row.miou }));
}

export function isMeasured<R extends { readonly miou: number | null }>(
  row: R,
): row is R & { readonly miou: number } {
  return row.miou !== null && Number.isFinite(row.miou);
}

/** The least x at which a curve is at the level or above; undefined if it never is. */
export function firstReach(curve: Curve, level: number): number | undefined {
  const i = curve.findIndex(({ miou }) => miou >= level);
  if (i <= 0) return curve[i]?.x;
  const [before, after] = [curve[i - 1], curve[i]];
  return before.x + ((level - before.miou) / (after.miou - before.miou)) * (after.x - before.x);
}

/** The mIoU at x; undefined where the curve does not reach so far. Of several rounds at x, the last. */
export function valueAt(curve: Curve, x: number): number | undefined {
  const i = curve.findLastIndex((point) => point.x <= x);
  if (i < 0) return undefined;
  const [before, after] = [curve[i], curve[i + 1]];
  if (before.x === x) return before.miou;
  return after && before.miou + ((x - before.x) / (after.x - before.x)) * (after.miou - before.miou);
}

/** From inclusive, to inclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What all curves span; undefined where that is nothing, or a single point. Curves without a point do not count. */
export function commonRange(curves: readonly Curve[]): Range | undefined {
  const spans = curves.filter((curve) => curve.length > 0);
  const from = Math.max(...spans.map((curve) => curve[0].x));
  const to = Math.min(...spans.map((curve) => curve[curve.length - 1].x));
  return spans.length > 0 && from < to ? { from, to } : undefined;
}

/** Mean height of a curve over a range (trapezoids over its width); undefined where it does not span the range. */
export function meanHeight(curve: Curve, { from, to }: Range): number | undefined {
  const [first, last] = [valueAt(curve, from), valueAt(curve, to)];
  if (first === undefined || last === undefined) return undefined;
  const inside = curve.filter(({ x }) => x > from && x < to);
  const points = [{ x: from, miou: first }, ...inside, { x: to, miou: last }];
  let area = 0;
  for (let i = 1; i < points.length; i++)
    area += ((points[i].miou + points[i - 1].miou) / 2) * (points[i].x - points[i - 1].x);
  return area / (to - from);
}
