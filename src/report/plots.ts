import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { random, seedOf } from '../random.js';
import type { HistoryRow, SelectionRow } from '../tables/schemas.js';
import type { Candidates } from './content.js';
import { Html } from './html.js';

/** Marks of a scatter and points of a curve at most: what bounds a plot's size. */
export const MOST_DOTS = 2000;
const MOST_POINTS = 300;

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

/** Training loss by step: as it was, averaged over so many steps that the points stay few, and its running mean. */
export function lossCurve(history: readonly HistoryRow[]): Html {
  const every = Math.ceil(history.length / MOST_POINTS);
  const points: { step: number; loss: number }[] = [];
  for (let start = 0; start < history.length; start += every) {
    const rows = history.slice(start, start + every);
    points.push({
      step: rows.at(-1)!.step,
      loss: rows.reduce((sum, row) => sum + row.loss, 0) / rows.length,
    });
  }
  const mean = Plot.windowY(
    { k: Math.max(1, Math.round(points.length / 10)), reduce: 'mean' },
    { x: 'step', y: 'loss' },
  );
  return draw({
    x: { label: 'training step' },
    y: { label: 'cross-entropy, nats', grid: true, zero: true },
    marks: [
      Plot.line(points, { x: 'step', y: 'loss', stroke: 'var(--bar)', strokeOpacity: 0.6 }),
      Plot.line(points, { ...mean, stroke: 'var(--strong)', strokeWidth: 2 }),
    ],
  });
}

/** Renders on the server. Coordinates are kept to a tenth of a pixel, as nobody sees more. */
function draw(options: Plot.PlotOptions): Html {
  const { document } = parseHTML('<!doctype html><body></body>');
  const plot: { outerHTML: string } = Plot.plot({ ...SIZE, ...options, document });
  return new Html(plot.outerHTML.replace(/(\d+\.\d)\d+/g, '$1'));
}

/** At most `size` of the numbers below `count`, ascending, each as likely as the others (Knuth's algorithm S). */
function sample(count: number, size: number): number[] {
  const next = random(seedOf('report scatter'));
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) if (next() * (count - i) < size - chosen.length) chosen.push(i);
  return chosen;
}
