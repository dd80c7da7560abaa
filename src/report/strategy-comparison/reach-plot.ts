import * as Plot from '@observablehq/plot';
import type { Reach } from '../../comparison/labels-to-reach.js';
import { draw } from '../draw.js';
import type { Html } from '../html.js';
import { clipped } from './layout.js';
import type { Series } from './series.js';

const ROW = 26;
const MARGINS = { marginTop: 14, marginRight: 150, marginBottom: 42, marginLeft: 160 };

/** Labels needed for 95 % of full training, a row a strategy: a dot a seed, a bar to their mean (pale where not all got there), triangles for seeds that never did. */
export function reachPlot(
  reaches: readonly { readonly strategy: string; readonly reach: Reach }[],
  series: ReadonlyMap<string, Series>,
  width: number,
): Html {
  const rows = reaches.map(({ strategy, reach }) => ({
    strategy,
    look: series.get(strategy)!,
    mean: reach.needed && 100 * reach.needed.mean,
    reached: reach.seeds.flatMap(({ needed }) => (needed === undefined ? [] : [100 * needed])),
    short: reach.seeds.flatMap(({ needed, last }) => (needed === undefined ? [100 * last] : [])),
    words: inWords(reach),
  }));
  const at = (strategy: string) => ({ y: () => strategy });
  return draw({
    ...MARGINS,
    width,
    height: MARGINS.marginTop + rows.length * ROW + MARGINS.marginBottom,
    x: {
      label: 'labelled share of the pool, %',
      labelAnchor: 'center',
      labelArrow: false,
      grid: true,
      domain: [0, Math.max(1, ...rows.flatMap(({ reached, short }) => [...reached, ...short]))],
    },
    y: {
      label: null,
      domain: rows.map(({ strategy }) => strategy),
      tickFormat: clipped,
      tickSize: 0,
      padding: 0.3,
    },
    marks: rows.flatMap(({ strategy, look, mean, reached, short, words }) => [
      Plot.barX(mean === undefined ? [] : [mean], {
        ...at(strategy),
        x1: 0,
        x2: (value: number) => value,
        fill: look.colour,
        fillOpacity: short.length === 0 ? 0.5 : 0.2,
      }),
      Plot.dot(reached, {
        ...at(strategy),
        x: (value: number) => value,
        r: 3.4,
        fill: look.colour,
        stroke: 'var(--surface)',
      }),
      Plot.dot(short, {
        ...at(strategy),
        x: (value: number) => value,
        symbol: 'triangle',
        rotate: 90,
        r: 3.4,
        fill: 'var(--surface)',
        stroke: look.colour,
      }),
      Plot.text([words], {
        ...at(strategy),
        frameAnchor: 'right',
        textAnchor: 'start',
        dx: 14,
        text: (text: string) => text,
        fill: 'var(--text)',
        fontWeight: look.emphasised ? 700 : 400,
      }),
    ]),
  });
}

function inWords({ needed, within, seeds }: Reach): string {
  const bound = within === undefined ? '' : `not within ${(100 * within).toFixed(1)} %`;
  if (seeds.length === 0) return 'not run';
  if (needed === undefined) return bound;
  const share = `${(100 * needed.mean).toFixed(1)} %`;
  return needed.count === seeds.length ? share : `${share}, ${needed.count} of ${seeds.length} seeds`;
}
