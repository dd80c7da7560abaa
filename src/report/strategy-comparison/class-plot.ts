import * as Plot from '@observablehq/plot';
import { expectedClasses } from '../../comparison/region-classes.js';
import type { RegionClassRow } from '../../tables/schemas.js';
import { draw } from '../draw.js';
import type { Html } from '../html.js';
import { clipped } from './layout.js';

const ROW = 26;
const MARGINS = { marginTop: 40, marginRight: 110, marginBottom: 42, marginLeft: 160 };
/** Regions of so many classes or more are drawn as one. */
const MOST = 6;
/** By number of classes, from none. */
const OPACITIES = [0, 1, 0.8, 0.6, 0.4, 0.3, 0.2] as const;
/** Least share of a segment that has room for its number, percent. */
const ROOMY = 6;

/** Distinct classes in what each strategy selected, a row of shares a strategy (paper, Fig. 8), and the expected number. */
export function classPlot(rows: readonly (readonly RegionClassRow[])[], width: number): Html {
  const strategies = rows.map(([{ strategy }]) => strategy);
  const segments = rows.flatMap((own) => {
    let end = 0;
    return stacked(own).map(({ classes, share }) => {
      const start = end;
      end += 100 * share;
      return { strategy: own[0].strategy, classes, start, end };
    });
  });
  const fewest = Math.min(...segments.map(({ classes }) => classes));
  const most = Math.max(...segments.map(({ classes }) => classes));
  const key = Array.from({ length: most - fewest + 1 }, (_, i) => ({ classes: fewest + i, place: 46 * i }));
  return draw({
    ...MARGINS,
    width,
    height: MARGINS.marginTop + rows.length * ROW + MARGINS.marginBottom,
    x: {
      label: 'share of the selected regions, %',
      labelAnchor: 'center',
      labelArrow: false,
      domain: [0, 100],
    },
    y: { label: null, domain: strategies, tickFormat: clipped, tickSize: 0, padding: 0.2 },
    opacity: { type: 'identity' },
    marks: [
      Plot.barX(segments, {
        x1: 'start',
        x2: 'end',
        y: 'strategy',
        fill: 'var(--strong)',
        fillOpacity: ({ classes }) => OPACITIES[classes],
        stroke: 'var(--surface)',
        strokeWidth: 1,
      }),
      Plot.text(
        segments.filter(({ start, end }) => end - start >= ROOMY),
        {
          x: ({ start, end }) => (start + end) / 2,
          y: 'strategy',
          text: ({ start, end }) => `${(end - start).toFixed(0)}`,
          fill: ({ classes }) => (OPACITIES[classes] >= 0.8 ? 'var(--surface)' : 'var(--text)'),
        },
      ),
      Plot.text(rows, {
        y: ([{ strategy }]) => strategy,
        frameAnchor: 'right',
        textAnchor: 'start',
        dx: 12,
        fill: 'var(--text)',
        text: (own) => `expected ${expectedClasses(own)?.toFixed(2)}`,
      }),
      Plot.text(['distinct classes:'], {
        frameAnchor: 'top-left',
        dy: -28,
        textAnchor: 'start',
        fill: 'var(--dim)',
      }),
      key.flatMap(({ classes, place }) => [
        Plot.dot([classes], {
          frameAnchor: 'top-left',
          symbol: 'square',
          r: 6,
          dx: 112 + place,
          dy: -23,
          fill: 'var(--strong)',
          fillOpacity: OPACITIES[classes],
          stroke: 'var(--strong)',
          strokeWidth: 0.6,
        }),
        Plot.text([classes === MOST ? `${MOST} +` : `${classes}`], {
          frameAnchor: 'top-left',
          textAnchor: 'start',
          dx: 124 + place,
          dy: -28,
          fill: 'var(--text)',
        }),
      ]),
    ],
  });
}

/** Shares by number of classes, those of `MOST` and more together. */
function stacked(rows: readonly RegionClassRow[]): { classes: number; share: number }[] {
  const few = rows.filter(({ classes }) => classes < MOST);
  const share = rows.filter(({ classes }) => classes >= MOST).reduce((sum, row) => sum + row.share, 0);
  return share > 0 ? [...few, { classes: MOST, share }] : few;
}
