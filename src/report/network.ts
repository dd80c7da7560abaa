import { comparisonRows } from './comparisons.js';
import { confusionTable } from './confusion.js';
import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';
import { learningRateDrops, lossCurve, validationCurve } from './learning-curves.js';
import { classTable, splitTable } from './measures.js';
import { nextStage } from './next-stage.js';
import { count, counted, percent } from './numbers.js';
import { reliabilityDiagram } from './reliability-diagram.js';
import { bySplit, splitName } from './splits.js';

/** The network: how it was trained, and how good its maps are where there are labels. */
export function networkSection(content: ReportContent): Html {
  const { history, metrics, missingMaps } = content;
  return html`<section id="network"><h2>Network</h2>
${
  history.length + metrics.length + missingMaps === 0
    ? html`<p class="empty">Not trained in this run, and no usable frame has labels of its classes to measure on.</p>`
    : html`${history.length === 0 ? html`<p>The network was not trained in this run.</p>` : learningCurves(content)}
${metrics.length === 0 ? undefined : quality(content)}
${missingMaps === 0 ? undefined : html`<p class="note">Not measured yet on ${counted(missingMaps, 'labelled frame')}: their probability maps are still missing${nextStage(content)}.</p>`}`
}</section>`;
}

function learningCurves({ history, validation, metrics }: ReportContent): Html {
  const drops = learningRateDrops(history);
  const best = validation.findLast((row) => row.best);
  const dashed = drops.length > 0 ? html`; dashed: the learning rate drops` : undefined;
  const isMeasured = metrics.some((row) => row.split === 'validation');
  return html`<div class="plots"><figure class="plot">${lossCurve(history, drops)}<figcaption>Loss on the training batches: each step, and its running mean${dashed}</figcaption></figure>${
    validation.length === 0
      ? undefined
      : html`<figure class="plot">${validationCurve(history, validation, drops)}<figcaption>mIoU on the validation frames, by one pass without dropout${isMeasured ? ' (measured below on the mean of the dropout draws)' : undefined}${
          best &&
          html`; <span class="key">best</span>: ${percent(best.miou)} after step ${count(best.step)}, the network that is kept`
        }${dashed}</figcaption></figure>`
  }</div>`;
}

function quality(content: ReportContent): Html {
  return html`<h3>Measured against the labels</h3>
${splitTable(content)}
${comparisonRows(content)}
${content.calibration.length === 0 ? undefined : reliability(content)}
${confusionTable(content)}
${classTable(content)}`;
}

function reliability(content: ReportContent): Html {
  const { metrics, calibration } = content;
  const error = (split: string) =>
    metrics.find((row) => row.split === split && row.metric === 'expected_calibration_error')?.value;
  return html`<h3>Reliability</h3>
<p>Pixels by the probability of their most probable class, in 15 bins, and the share of each bin that is right. On the
dashed line the network is as sure as it should be; a <span class="key">gap</span> below it is overconfidence, above it
the reverse. The calibration error is the mean gap, each bin weighted by its pixels: the stronger its colour, the more it has.</p>
<div class="plots">${[...bySplit(calibration)].map(
    ([split, bins]) =>
      html`<figure class="plot">${reliabilityDiagram(bins)}<figcaption>Calibration error on the ${splitName(split, content)}: ${percent(error(split))}</figcaption></figure>
`,
  )}</div>`;
}
