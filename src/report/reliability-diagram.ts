import * as Plot from '@observablehq/plot';
import type { CalibrationRow } from '../tables/schemas.js';
import type { Html } from './html.js';
import { draw } from './plots.js';

/** Opacity of the bar of a bin that holds hardly a pixel. */
const FAINTEST = 0.25;

/** Accuracy by bin of confidence (Guo et al. 2017, Fig. 1), the gap between the two, and the diagonal where there is none. */
export function reliabilityDiagram(bins: readonly CalibrationRow[]): Html {
  const occupied = bins.flatMap(({ confidence, accuracy, ...bin }) =>
    confidence === null || accuracy === null ? [] : [{ ...bin, confidence, accuracy }],
  );
  const most = Math.max(...occupied.map(({ pixels }) => pixels));
  const fullness = ({ pixels }: { pixels: number }) => FAINTEST + (1 - FAINTEST) * Math.sqrt(pixels / most);
  const bar = { x1: 'lower', x2: 'upper', insetLeft: 0.5, insetRight: 0.5 };
  return draw({
    x: { label: 'top probability, %', domain: [0, 100], percent: true },
    y: { label: 'right, %', domain: [0, 100], percent: true, grid: true },
    // As it is, not as a scale of its own.
    opacity: { type: 'identity' },
    marks: [
      Plot.rectY(occupied, { ...bar, y1: 0, y2: 'accuracy', fill: 'var(--strong)', fillOpacity: fullness }),
      Plot.rectY(occupied, {
        ...bar,
        y1: 'accuracy',
        y2: 'confidence',
        fill: 'var(--pick)',
        fillOpacity: (bin) => 0.6 * fullness(bin),
      }),
      Plot.ruleY([0], { stroke: 'currentColor' }),
      Plot.line(
        [
          [0, 0],
          [1, 1],
        ],
        { stroke: 'currentColor', strokeDasharray: '4 3' },
      ),
    ],
  });
}
