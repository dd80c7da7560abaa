import type { MetricRow } from '../tables/schemas.js';
import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';
import { count, percent } from './numbers.js';
import { lossCurve } from './plots.js';
import { table } from './table.js';

/** The network: loss while it was trained, and how good its maps are where there are labels. */
export function trainingSection({ history, metrics }: ReportContent): Html {
  const body =
    history.length + metrics.length === 0
      ? html`<p class="empty">Not trained in this run, and there are no labels to measure on.</p>`
      : html`${
          history.length === 0
            ? html`<p>The network was not trained in this run.</p>`
            : html`<div class="plots"><figure class="plot">${lossCurve(history)}<figcaption>Loss on the training batches: each step, and its running mean</figcaption></figure>${
                metrics.length > 0 ? splitTable(metrics) : undefined
              }</div>`
        }${history.length === 0 && metrics.length > 0 ? splitTable(metrics) : undefined}${metrics.length > 0 ? classTable(metrics) : undefined}`;
  return html`<section id="training"><h2>Network</h2>${body}</section>`;
}

const SPLITS: Readonly<Record<string, string>> = {
  trained: 'frames trained on',
  pool: 'other labelled frames',
};

function splitTable(metrics: readonly MetricRow[]): Html {
  const splits = [...new Set(metrics.map((row) => row.split))];
  const value = (split: string, metric: string) =>
    metrics.find((row) => row.split === split && row.metric === metric);
  return html`<div>${table(
    [
      { title: 'measured on', cell: (split: string) => SPLITS[split] ?? split },
      { title: 'mIoU', kind: 'number', cell: (split) => percent(value(split, 'miou')?.value) },
      {
        title: 'pixel accuracy',
        kind: 'number',
        cell: (split) => percent(value(split, 'pixel_accuracy')?.value),
      },
      { title: 'frames', kind: 'number', cell: (split) => count(value(split, 'miou')?.frames ?? 0) },
      { title: 'labelled pixels', kind: 'number', cell: (split) => count(value(split, 'miou')?.pixels ?? 0) },
    ],
    splits,
    'metrics/metrics.parquet',
  )}<p class="note">Figures for frames trained on flatter the network; the other frames tell how good it is. Unlabelled
pixels do not count.</p></div>`;
}

function classTable(metrics: readonly MetricRow[]): Html {
  const splits = [...new Set(metrics.map((row) => row.split))];
  const rows = new Map<string, Map<string, MetricRow>>();
  for (const row of metrics) {
    if (row.metric !== 'iou' || row.class === null) continue;
    const bySplit = rows.get(row.class) ?? new Map<string, MetricRow>();
    rows.set(row.class, bySplit.set(row.split, row));
  }
  const isPresent = (bySplit: ReadonlyMap<string, MetricRow>) =>
    [...bySplit.values()].some((row) => row.value !== null);
  const present = [...rows].filter(([, bySplit]) => isPresent(bySplit));
  const absent = [...rows].filter(([, bySplit]) => !isPresent(bySplit)).map(([name]) => name);
  return html`<h3>Intersection over union by class</h3>
${table(
  [
    { title: 'class', cell: ([name]) => name },
    ...splits.map((split) => ({
      title: SPLITS[split] ?? split,
      cell: ([, bySplit]: [string, ReadonlyMap<string, MetricRow>]) => share(bySplit.get(split)?.value),
    })),
  ],
  present,
  'metrics/metrics.parquet',
)}
<p class="note">A dash marks a class that the ground truth of these frames lacks: it has no part in their
mIoU.${absent.length > 0 ? html` Left out of all of it, for the same reason: ${absent.join(', ')}.` : undefined}</p>`;
}

function share(value: number | null | undefined): Html {
  if (value == null) return html`–`;
  return html`<span class="share"><i style="width:${(100 * value).toFixed(1)}%"></i><span>${percent(value)}</span></span>`;
}
