import type { Comparison } from './comparison.js';
import type { ReportContent } from './content.js';
import { picture } from './figure.js';
import { type Html, html } from './html.js';
import { legend } from './legend.js';
import { count, percent } from './numbers.js';
import { splitName } from './splits.js';

/** Predictions beside the truth, a row of pictures a frame. */
export function comparisonRows(content: ReportContent): Html | undefined {
  const { comparisons } = content;
  if (comparisons.length === 0) return undefined;
  return html`<h3>Prediction beside the truth</h3>
<p>Of the ${splitName(comparisons[0].row.split, content)}, those of lowest, median and highest pixel accuracy. Hatched: no label.</p>
${comparisons.map(comparisonRow)}`;
}

function comparisonRow(comparison: Comparison): Html {
  const { row, standing, colour, truth, prediction, errors } = comparison;
  const place = `${row.scene} / ${row.frame}`;
  return html`<article class="compared"><p><b>${capitalised(standing)}</b>: ${place}, ${percent(row.pixel_accuracy)} of ${count(row.pixels)} labelled pixels right, mIoU ${percent(row.miou)}</p>
<div class="beside">
<figure>${picture(comparison, colour, `frame ${place}`, 'photograph')}<figcaption>Frame</figcaption></figure>
<figure>${picture(comparison, truth, 'ground truth', 'flat')}<figcaption>Ground truth</figcaption></figure>
<figure>${picture(comparison, prediction, 'prediction', 'flat')}<figcaption>Prediction</figcaption></figure>
<figure>${picture(comparison, errors, 'where they differ', 'flat')}<figcaption><span class="wrong">Where they differ</span></figcaption></figure>
</div>
${legend(comparison.legend)}</article>
`;
}

function capitalised(word: string): string {
  return `${word[0].toUpperCase()}${word.slice(1)}`;
}
