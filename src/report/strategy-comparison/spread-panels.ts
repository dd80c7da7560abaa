import * as Plot from '@observablehq/plot';
import { type FullTraining, TARGET_SHARE } from '../../comparison/labels-to-reach.js';
import { BASELINE } from '../../comparison/ranking.js';
import type { StrategyCurve } from '../../comparison/strategy-curves.js';
import { draw } from '../draw.js';
import type { Html } from '../html.js';
import { inPercent } from './curve-plot.js';
import { clipped, roundDomain } from './layout.js';
import type { Series } from './series.js';

const COLUMNS = 4;
const ROW = 180;
const MARGINS = { marginTop: 44, marginRight: 12, marginBottom: 42, marginLeft: 44 };

/** A panel a strategy: its seeds, mean, and least to most, over the baseline's. Percent on both axes. */
export function spreadPanels(
  curves: readonly StrategyCurve[],
  series: ReadonlyMap<string, Series>,
  full: FullTraining,
  width: number,
): Html {
  const drawn = curves.map((curve) => ({
    look: series.get(curve.strategy)!,
    seeds: curve.seeds.length,
    points: curve.points.flatMap((point) => inPercent(point, 'labelled_share')),
  }));
  const baseline = drawn.find(({ look }) => look.name === BASELINE);
  const panels = drawn
    .filter((line) => line !== baseline && line.points.length > 0)
    .map((line, i) => ({ ...line, fx: i % COLUMNS, fy: Math.floor(i / COLUMNS) }));
  const all = drawn.flatMap(({ points }) => points);
  const level = full.miou && 100 * TARGET_SHARE * full.miou.mean;
  const limits = all.flatMap(({ min, max }) => [min, max]);
  const y = roundDomain(level === undefined ? limits : [level, ...limits]);
  const x: [number, number] = [0, Math.max(...all.map((point) => point.x))];
  const rows = Math.ceil(panels.length / COLUMNS);
  return draw({
    ...MARGINS,
    width,
    height: MARGINS.marginTop + rows * ROW + MARGINS.marginBottom,
    x: {
      label: 'labelled share of the pool, %',
      labelAnchor: 'center',
      labelArrow: false,
      domain: x,
      ticks: 4,
    },
    y: { label: 'mIoU, %', labelArrow: false, domain: y, grid: true, ticks: 5 },
    fx: { axis: null, padding: 0.08 },
    fy: { axis: null, padding: 0.2 },
    marks: panels.flatMap(({ look, seeds, points, fx, fy }) => {
      const facet = { fx: () => fx, fy: () => fy };
      const line = { ...facet, x: 'x', y: 'y' };
      const band = { ...facet, x: 'x', y1: 'min', y2: 'max', fillOpacity: 0.2 };
      return [
        Plot.ruleY(level === undefined ? [] : [level], {
          ...facet,
          stroke: 'var(--dim)',
          strokeDasharray: '4 3',
        }),
        Plot.areaY(baseline?.points ?? [], { ...band, fill: 'var(--text)', fillOpacity: 0.1 }),
        Plot.line(baseline?.points ?? [], { ...line, stroke: 'var(--text)', strokeDasharray: '4 3' }),
        Plot.areaY(points, { ...band, fill: look.colour }),
        Plot.dot(
          points.flatMap((point) => point.seeds.map((seed) => ({ x: point.x, ...seed }))),
          { ...line, r: 1.6, fill: look.colour },
        ),
        Plot.line(points, { ...line, stroke: look.colour, strokeWidth: 2 }),
        Plot.text([{ name: `${clipped(look.name)}${seeds === 1 ? ' · 1 seed' : ''}` }], {
          ...facet,
          text: 'name',
          frameAnchor: 'top-left',
          lineAnchor: 'bottom',
          dy: -4,
          fontWeight: 700,
          fill: 'var(--text)',
        }),
      ];
    }),
  });
}
