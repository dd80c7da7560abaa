import type { ConfusionRow } from '../tables/schemas.js';
import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';
import { count, percent } from './numbers.js';
import { splitName, tellingSplit } from './splits.js';

/** Rows and columns at most, those with most true pixels: what bounds the picture. */
export const MOST_CLASSES = 40;
/** With more classes than this the cells are smaller. */
const ROOMY = 16;
/** Shares below would round to 0 %: they are not written, unless of what is right. */
const LEAST_SHARE = 0.005;

/** Which classes are taken for which: a row a true class, its pixels spread over the predicted ones. */
export function confusionTable(content: ReportContent): Html | undefined {
  const { confusion, classes } = content;
  const split = tellingSplit(confusion);
  if (split === undefined) return undefined;
  const pixels = countsByPair(confusion.filter((row) => row.split === split));
  const total = (truth: string) => sum(pixels.get(truth)?.values() ?? []);
  const predicted = new Set([...pixels.values()].flatMap((row) => [...row.keys()]));
  const occurring = classes.filter((name) => pixels.has(name) || predicted.has(name));
  const shown = new Set([...occurring].sort((a, b) => total(b) - total(a)).slice(0, MOST_CLASSES));
  const columns = occurring.filter((name) => shown.has(name));
  const rows = columns.filter((name) => pixels.has(name));
  const hidden = occurring.length - columns.length;
  return html`<h3>What is taken for what</h3>
<p>On the ${splitName(split, content)}: of the pixels of each class (row), the percentage predicted as each class
(column). Outlined: right. Blank elsewhere: below half a percent.</p>
<div class="scroll snug"><table class="confusion${columns.length > ROOMY ? ' dense' : undefined}">
<thead><tr><th>truth</th>${columns.map((name) => html`<th><span>${name}</span></th>`)}<th class="number">pixels</th></tr></thead>
<tbody>${rows.map(
    (truth) => html`<tr><th>${truth}</th>${columns.map((name) =>
      cell(truth, name, (pixels.get(truth)?.get(name) ?? 0) / total(truth)),
    )}<td class="number">${count(total(truth))}</td></tr>
`,
  )}</tbody>
</table></div>
${hidden > 0 ? html`<p class="note">The ${MOST_CLASSES} classes with most pixels; ${count(hidden)} more in confusion/confusion.parquet.</p>` : undefined}`;
}

function cell(truth: string, predicted: string, share: number): Html {
  const right = truth === predicted ? html` right` : undefined;
  if (share < LEAST_SHARE) return right ? html`<td class="right">0</td>` : html`<td></td>`;
  return html`<td class="h${Math.ceil(10 * share)}${right}" title="${truth} as ${predicted}: ${percent(share)}">${Math.round(100 * share)}</td>`;
}

/** Pixels by true and predicted class. */
function countsByPair(rows: readonly ConfusionRow[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const counts = new Map<string, Map<string, number>>();
  for (const { truth, predicted, pixels } of rows) {
    const row = counts.get(truth) ?? new Map<string, number>();
    counts.set(truth, row.set(predicted, (row.get(predicted) ?? 0) + pixels));
  }
  return counts;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
