import * as Plot from '@observablehq/plot';
import { type FullTraining, TARGET_SHARE } from '../../comparison/labels-to-reach.js';
import type { RoundPoint, StrategyCurve } from '../../comparison/strategy-curves.js';
import type { Size } from '../../frame.js';
import { draw } from '../draw.js';
import type { Html } from '../html.js';
import { clipped, roundDomain, spaced } from './layout.js';
import type { Series } from './series.js';

/** More lines than these, and spreads hide each other: only those of the emphasised are drawn. */
const MOST_SPREADS = 6;
const MARGINS = { marginTop: 26, marginRight: 224, marginBottom: 42, marginLeft: 44 };
/** Pixels right of the plot's edge: where leaders end, a sample of the line lies, and its name starts. */
const LEADER = 18;
const SAMPLE = [22, 46] as const;
const NAME = 54;
const KEY_GAP = 16;

export interface CurvePlot extends Size {
  readonly axis: 'labelled_share' | 'effort';
  /** Strategies of the plot. */
  readonly curves: readonly StrategyCurve[];
  readonly series: ReadonlyMap<string, Series>;
  readonly full: FullTraining;
}

const AXIS_LABELS = {
  labelled_share: 'labelled share of the pool, %',
  effort: 'labelling effort, % of the time for the whole pool image by image',
} as const;

/** Whether the plot shows the spread of every strategy, or of the emphasised alone. */
export function showsAllSpreads(curves: readonly StrategyCurve[]): boolean {
  return curves.length <= MOST_SPREADS;
}

/**
 * mIoU over seeds by what was labelled (paper, Fig. 7 and 9): the mean as a line, least to most as a band, a small dot a
 * seed; hollow where seeds are missing. Names stand at the ends of the lines. Percent on both axes.
 */
export function curvePlot({ axis, curves, series, full, width, height }: CurvePlot): Html {
  const lines = curves
    .map((curve) => ({
      look: series.get(curve.strategy)!,
      seeds: curve.seeds.length,
      points: curve.points.flatMap((point) => inPercent(point, axis)),
    }))
    .filter(({ points }) => points.length > 0)
    // The emphasised over the others, ViewAL over the baseline.
    .sort((a, b) => prominence(a.look) - prominence(b.look));
  const levels = full.miou ? [100 * full.miou.mean, 100 * TARGET_SHARE * full.miou.mean] : [];
  const all = lines.flatMap(({ points }) => points);
  const y = roundDomain([...levels, ...all.flatMap(({ min, max }) => [min, max])]);
  const x: [number, number] = [0, Math.max(...all.map((point) => point.x))];

  // Positions beside the plot, as values of its scales.
  const beside = (pixels: number) =>
    x[1] + (pixels * (x[1] - x[0])) / (width - MARGINS.marginLeft - MARGINS.marginRight);
  const bottom = height - MARGINS.marginBottom;
  const perUnit = (bottom - MARGINS.marginTop) / (y[1] - y[0]);
  const byEnd = lines
    .map((line) => ({ ...line, end: line.points[line.points.length - 1] }))
    .sort((a, b) => b.end.y - a.end.y);
  const places = spaced(
    byEnd.map(({ end }) => bottom - (end.y - y[0]) * perUnit),
    KEY_GAP,
    MARGINS.marginTop,
    bottom,
  ).map((pixel) => y[0] + (bottom - pixel) / perUnit);

  const spreads = lines.filter(({ look }) => look.emphasised || showsAllSpreads(curves));
  return draw({
    ...MARGINS,
    width,
    height,
    x: { label: AXIS_LABELS[axis], labelAnchor: 'center', labelArrow: false, domain: x },
    y: { label: 'mIoU, %', labelArrow: false, domain: y, grid: true, ticks: 8 },
    marks: [
      referenceMarks(levels, x[0]),
      spreads.map(({ look, points }) =>
        Plot.areaY(points, { x: 'x', y1: 'min', y2: 'max', fill: look.colour, fillOpacity: 0.1 }),
      ),
      spreads.map(({ look, points }) =>
        Plot.dot(
          points.flatMap((point) => point.seeds.map((seed) => ({ x: point.x, ...seed }))),
          { x: 'x', y: 'y', r: 1.6, fill: look.colour, fillOpacity: 0.6 },
        ),
      ),
      lines.flatMap(({ look, points }) => lineMarks(look, points)),
      byEnd.flatMap(({ look, seeds, end }, i) => {
        const place = places[i];
        const sample = SAMPLE.map((pixels) => ({ x: beside(pixels), y: place }));
        const middle = { x: (sample[0].x + sample[1].x) / 2, y: place, complete: true };
        return [
          Plot.line([end, { x: beside(LEADER), y: place }], {
            x: 'x',
            y: 'y',
            stroke: look.colour,
            strokeWidth: 0.8,
            strokeOpacity: 0.5,
          }),
          ...lineMarks(look, sample),
          symbolMark(look, [middle]),
          Plot.text([{ x: beside(NAME), y: place }], {
            x: 'x',
            y: 'y',
            text: () => `${clipped(look.name)}${seeds === 1 ? ' · 1 seed' : ''}`,
            textAnchor: 'start',
            fill: 'var(--text)',
            fontWeight: look.emphasised ? 700 : 400,
          }),
        ];
      }),
    ],
  });
}

/** What full training gives, and 95 % of it, named at the left, where curves are low. */
export function referenceMarks(levels: readonly number[], left: number): Plot.Markish[] {
  const [p100, p95] = levels;
  if (p100 === undefined) return [];
  const text = {
    x: () => left,
    y: (level: number) => level,
    textAnchor: 'start',
    dx: 4,
    fill: 'var(--dim)',
  } as const;
  return [
    Plot.ruleY([p100], { stroke: 'var(--dim)', strokeWidth: 1.3 }),
    Plot.ruleY([p95], { stroke: 'var(--dim)', strokeWidth: 1.3, strokeDasharray: '4 3' }),
    Plot.text([p100], { ...text, dy: -8, text: () => `p100: full training, ${p100.toFixed(1)} %` }),
    Plot.text([p95], { ...text, dy: 9, text: () => `p95: ${p95.toFixed(1)} %` }),
  ];
}

interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly min: number;
  readonly max: number;
  readonly seeds: readonly { readonly y: number }[];
  readonly complete: boolean;
}

/** A point of a line, in percent; none where no seed's mIoU is known. */
export function inPercent(point: RoundPoint, axis: CurvePlot['axis']): PlotPoint[] {
  const { miou, measured, missing } = point;
  if (miou === undefined) return [];
  return [
    {
      x: 100 * point[axis],
      y: 100 * miou.mean,
      min: 100 * miou.min,
      max: 100 * miou.max,
      seeds: measured.length > 1 ? measured.map((row) => ({ y: 100 * row.miou })) : [],
      complete: missing.length === 0,
    },
  ];
}

function lineMarks(
  look: Series,
  points: readonly { readonly x: number; readonly y: number; readonly complete?: boolean }[],
): Plot.Markish[] {
  const line = Plot.line(points, {
    x: 'x',
    y: 'y',
    stroke: look.colour,
    strokeWidth: look.emphasised ? 2.8 : 1.4,
    strokeDasharray: look.dash,
  });
  return [
    line,
    symbolMark(
      look,
      points.filter(({ complete }) => complete !== undefined),
    ),
  ];
}

function symbolMark(
  look: Series,
  points: readonly { readonly x: number; readonly y: number; readonly complete?: boolean }[],
): Plot.Dot {
  return Plot.dot(points, {
    x: 'x',
    y: 'y',
    symbol: look.symbol,
    r: look.emphasised ? 4 : 3.2,
    fill: ({ complete }: { complete: boolean }) => (complete ? look.colour : 'var(--surface)'),
    stroke: look.colour,
    strokeWidth: 1.2,
  });
}

function prominence({ name, emphasised }: Series): number {
  return emphasised ? (name === 'viewal' ? 2 : 1) : 0;
}
