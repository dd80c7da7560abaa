import * as Plot from '@observablehq/plot';
import { random, seedOf } from '../random.js';
import type { SelectionRow } from '../tables/schemas.js';
import type { Candidates } from './content.js';
import { draw as render } from './draw.js';
import type { Html } from './html.js';

/** Marks of a scatter at most: what bounds its size. */
export const MOST_DOTS = 2000;

const SIZE = { width: 380, height: 250, marginTop: 30, marginBottom: 40, marginLeft: 46 };
/** Leaves 14 pixels of a histogram's height to the ticks of the picks. */
const ABOVE_TICKS = SIZE.height - SIZE.marginTop - SIZE.marginBottom - 14;

/** How many candidates have which score, with a tick at each pick's. */
export function scoreHistogram(label: string, scores: Float32Array, picked: readonly number[]): Html {
  return draw({
    x: { label: `${label}, nats`, zero: false },
    y: { label: 'superpixels', grid: true, nice: true },
    marks: [
      Plot.rectY(
        { length: scores.length },
        {
          ...Plot.binX({ y: 'count' }, { x: { value: scores, thresholds: 40 } }),
          fill: 'var(--bar)',
          insetLeft: 0.5,
          insetRight: 0.5,
        },
      ),
      Plot.ruleY([0], { stroke: 'currentColor' }),
      Plot.tickX(sample(picked.length, MOST_DOTS), {
        x: (i: number) => picked[i],
        stroke: 'var(--pick)',
        strokeWidth: 1.5,
        insetTop: ABOVE_TICKS,
      }),
    ],
  });
}

/** View divergence over view entropy: candidates, picks, and the trigger entropy at which the budget was met. */
export function scoreScatter(candidates: Candidates, picks: readonly SelectionRow[]): Html {
  const shown = sample(candidates.viewEntropy.length, MOST_DOTS);
  const last = picks.at(-1)?.trigger_entropy;
  return draw({
    x: { label: 'view entropy, nats', zero: false },
    y: { label: 'view divergence, nats', grid: true },
    marks: [
      Plot.dot(shown, {
        x: (i: number) => candidates.viewEntropy[i],
        y: (i: number) => candidates.viewDivergence[i],
        r: 1.6,
        fill: 'var(--bar)',
        fillOpacity: 0.55,
      }),
      Plot.ruleX(last === undefined ? [] : [last], { stroke: 'currentColor', strokeDasharray: '4 3' }),
      Plot.dot(picks.slice(0, MOST_DOTS), {
        x: 'view_entropy',
        y: 'view_divergence',
        r: 3.2,
        fill: 'var(--pick)',
        stroke: 'var(--surface)',
        strokeWidth: 0.8,
      }),
    ],
  });
}

/** Draws at the size that the report's plots have. */
export function draw(options: Plot.PlotOptions): Html {
  return render({ ...SIZE, ...options });
}

/** At most `size` of the numbers below `count`, ascending, each as likely as the others (Knuth's algorithm S). */
function sample(count: number, size: number): number[] {
  const next = random(seedOf('report scatter'));
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) if (next() * (count - i) < size - chosen.length) chosen.push(i);
  return chosen;
}
