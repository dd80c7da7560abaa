import * as Plot from '@observablehq/plot';
import type { HistoryRow, ValidationRow } from '../tables/schemas.js';
import type { Html } from './html.js';
import { draw } from './plots.js';

/** Points of a curve at most: what bounds its size. */
const MOST_POINTS = 300;
/** Marks of learning-rate drops at most. */
const MOST_DROPS = 20;
/** The last step's number stands under the end of the axis. */
const SIDES = { marginRight: 28 };
/** A step whose rate is less than this share of the last step's is a drop; a gradual decay never is. */
const DROP = 0.5;

/** Steps at which the learning rate dropped, at most 20 of them. */
export function learningRateDrops(history: readonly HistoryRow[]): number[] {
  return history
    .filter(({ learning_rate }, i) => i > 0 && learning_rate < DROP * history[i - 1].learning_rate)
    .slice(0, MOST_DROPS)
    .map(({ step }) => step);
}

/** Training loss by step: as it was, averaged over so many steps that the points stay few, and its running mean. */
export function lossCurve(history: readonly HistoryRow[], drops: readonly number[]): Html {
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
    ...SIDES,
    x: { label: 'training step', domain: stepsOf(history) },
    y: { label: 'cross-entropy, nats', grid: true, zero: true },
    marks: [
      dropRules(drops),
      Plot.line(points, { x: 'step', y: 'loss', stroke: 'var(--bar)', strokeOpacity: 0.6 }),
      Plot.line(points, { ...mean, stroke: 'var(--strong)', strokeWidth: 2 }),
    ],
  });
}

/** Validation mIoU by step, over the same steps as the loss, with a dot at the best. */
export function validationCurve(
  history: readonly HistoryRow[],
  validation: readonly ValidationRow[],
  drops: readonly number[],
): Html {
  const every = Math.ceil(validation.length / MOST_POINTS);
  const best = validation.findLast((row) => row.best);
  const points = validation.filter((row, i) => row === best || (validation.length - 1 - i) % every === 0);
  return draw({
    ...SIDES,
    x: { label: 'training step', domain: stepsOf(history) },
    y: { label: 'validation mIoU, %', percent: true, grid: true, zero: true, nice: true },
    marks: [
      dropRules(drops),
      Plot.line(points, { x: 'step', y: 'miou', stroke: 'var(--strong)', strokeWidth: 2 }),
      Plot.dot(best ? [best] : [], {
        x: 'step',
        y: 'miou',
        r: 4.5,
        fill: 'var(--pick)',
        stroke: 'var(--surface)',
      }),
    ],
  });
}

function stepsOf(history: readonly HistoryRow[]): [number, number] {
  return [0, history.at(-1)?.step ?? 1];
}

function dropRules(drops: readonly number[]): Plot.RuleX {
  return Plot.ruleX(drops, { stroke: 'currentColor', strokeOpacity: 0.6, strokeDasharray: '4 3' });
}
