import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';
import { count, nats, percent } from './numbers.js';
import { bySplit, splitName } from './splits.js';
import { type TableColumn, table } from './table.js';

/** A row a split, with every measure of the whole. */
export function splitTable(content: ReportContent): Html {
  const { metrics, trainedHere } = content;
  const splits = [...bySplit(metrics.filter((row) => row.class === null))];
  type Split = (typeof splits)[number];
  const value = ([, rows]: Split, metric: string) => rows.find((row) => row.metric === metric)?.value;
  const measure = (title: string, metric: string, write = percent): TableColumn<Split> => ({
    title,
    kind: 'number',
    cell: (split) => write(value(split, metric)),
  });
  return html`${table(
    [
      { title: 'measured on', cell: ([split]) => splitName(split, content) },
      measure('mIoU', 'miou'),
      measure('pixel accuracy', 'pixel_accuracy'),
      measure('class accuracy', 'mean_class_accuracy'),
      measure('frequency-weighted IoU', 'frequency_weighted_iou'),
      measure('calibration error', 'expected_calibration_error'),
      measure('negative log-likelihood, nats', 'negative_log_likelihood', nats),
      measure('Brier score', 'brier_score', nats),
      { title: 'frames', kind: 'number', cell: ([, rows]) => count(rows[0].frames) },
      { title: 'labelled pixels', kind: 'number', cell: ([, rows]) => count(rows[0].pixels) },
    ],
    splits,
    'metrics/metrics.parquet',
  )}<p class="note">${
    trainedHere
      ? `Figures for frames trained on flatter the network, those for validation frames a little, as they chose
among networks; other frames tell how good it is. `
      : undefined
  }Unlabelled pixels do not count, and classes without a true pixel have
no part in mIoU and class accuracy. For calibration error, negative log-likelihood and Brier score, lower is better.</p>`;
}

/** A row a class that the ground truth holds, with its IoU and accuracy on each split. */
export function classTable(content: ReportContent): Html {
  const { metrics } = content;
  const splits = [...new Set(metrics.map((row) => row.split))];
  const classes = new Map<string, Map<string, number | null>>();
  for (const { split, metric, class: name, value } of metrics) {
    if (name === null) continue;
    const values = classes.get(name) ?? new Map<string, number | null>();
    classes.set(name, values.set(`${split} ${metric}`, value));
  }
  const isPresent = (values: ReadonlyMap<string, number | null>) =>
    [...values.values()].some((value) => value !== null);
  const present = [...classes].filter(([, values]) => isPresent(values));
  const absent = [...classes].filter(([, values]) => !isPresent(values)).map(([name]) => name);
  const column = (title: string, key: string): TableColumn<(typeof present)[number]> => ({
    title,
    cell: ([, values]) => share(values.get(key)),
  });
  return html`<h3>By class</h3>
${table(
  [
    { title: 'class', cell: ([name]) => name },
    ...splits.flatMap((split) => [
      column(`IoU, ${splitName(split, content)}`, `${split} iou`),
      column(`accuracy, ${splitName(split, content)}`, `${split} class_accuracy`),
    ]),
  ],
  present,
  'metrics/metrics.parquet',
)}
<p class="note">IoU: of the pixels that are of the class or predicted so, the share that is both. Accuracy: of those that
are, the share predicted so. A dash marks a class that the ground truth of these frames lacks: it has no part in their
means.${absent.length > 0 ? html` Left out of all of it, for the same reason: ${absent.join(', ')}.` : undefined}</p>`;
}

function share(value: number | null | undefined): Html {
  if (value == null) return html`–`;
  return html`<span class="share"><i style="width:${(100 * value).toFixed(1)}%"></i><span>${percent(value)}</span></span>`;
}
