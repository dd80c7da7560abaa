import { isMeasured } from '../../comparison/curve.js';
import { BASELINE, type Ranking } from '../../comparison/ranking.js';
import { runsOf } from '../../comparison/runs.js';
import type { ComparisonRow, RoundRow } from '../../tables/schemas.js';
import { type Fragment, type Html, html } from '../html.js';
import { count, counted, percent } from '../numbers.js';
import { table } from '../table.js';
import type { ComparisonContent } from './content.js';

/** One row a strategy, best first. */
export function headlineTable({ rows, range }: Ranking): Html {
  return html`${table<ComparisonRow>(
    [
      { title: 'rank', kind: 'number', cell: ({ rank }) => rank },
      {
        title: 'strategy',
        kind: 'prose',
        cell: ({ strategy, title, unit }) =>
          html`<b>${strategy}</b><br><small>${title}; labels by ${unit}</small>`,
      },
      { title: 'seeds', kind: 'number', cell: seedsOf },
      { title: 'labels for 95 %', kind: 'number', cell: (row) => needed(row, 'labels') },
      { title: 'effort for 95 %', kind: 'number', cell: (row) => needed(row, 'effort') },
      { title: 'mean mIoU', kind: 'number', cell: (row) => spread(row.area, row.area_min, row.area_max) },
      { title: `over ${BASELINE}`, kind: 'number', cell: gain },
      {
        title: 'last mIoU',
        kind: 'number',
        cell: (row) =>
          html`${spread(row.miou, row.miou_min, row.miou_max)}<br><small>at ${percent(row.labelled_share)} labelled</small>`,
      },
    ],
    rows,
    'comparison.parquet',
  )}
<p class="note">Labels, effort: where a run first reaches 95 % of the full training of its own seed (of the mean, where it has
none), on straight lines between its rounds; mean over seeds, then least to most. As mIoU is noisy, a first reach is
lenient; the mean mIoU is less so: each curve’s mean height ${
    range
      ? html`from ${percent(range.from)} to ${percent(range.to)} labelled, which all finished runs span`
      : 'over the shares that all finished runs span, of which there are none'
  }. Over ${BASELINE}: mIoU minus that of ${BASELINE} at the last of these shares, in points, mean over the same seeds ± standard
deviation. Ranked by labels: first strategies that all seeds got there with, then those that some did, then the others by
mean mIoU.</p>`;
}

/** What went wrong or is not done: failed runs, rounds without a known mIoU, strategies without a round. */
export function unfinishedTable({ unfinished, strategies, rounds, full }: ComparisonContent): Html {
  const unmeasured = [...rounds, ...full].filter((row) => !isMeasured(row));
  const absent = strategies.filter(
    ({ name }) =>
      !rounds.some(({ strategy }) => strategy === name) &&
      !unfinished.some(({ strategy }) => strategy === name),
  );
  const rows = [
    ...unfinished.map((run) => ({ ...run, seed: `${run.seed}` })),
    ...unmeasured.map(({ strategy, seed, round }) => ({
      strategy,
      seed: `${seed}`,
      reason: `mIoU of round ${round} is not known`,
    })),
    ...absent.map(({ name }) => ({ strategy: name, seed: '–', reason: 'no round was run' })),
  ];
  if (rows.length === 0) return html`<p>None: every run got to its last round.</p>`;
  return table(
    [
      { title: 'strategy', cell: ({ strategy }) => strategy },
      { title: 'seed', kind: 'number', cell: ({ seed }) => seed },
      {
        title: 'rounds measured',
        kind: 'number',
        cell: ({ strategy, seed }) => roundsMeasured([...rounds, ...full], strategy, seed),
      },
      { title: 'what happened', kind: 'prose', cell: ({ reason }) => reason },
    ],
    rows,
    'the comparison’s folder',
  );
}

/** Every round of every run, full training first. */
export function roundTable({ rounds, full }: ComparisonContent): Html {
  const sorted = [...runsOf(full), ...runsOf(rounds)].flatMap((run) => run.rounds);
  return html`<details><summary>All ${counted(sorted.length, 'round')}</summary>${table<RoundRow>(
    [
      { title: 'strategy', cell: ({ strategy }) => strategy },
      { title: 'seed', kind: 'number', cell: ({ seed }) => seed },
      { title: 'round', kind: 'number', cell: ({ round }) => round },
      { title: 'labelled', kind: 'number', cell: (row) => percent(row.labelled_share) },
      { title: 'regions', kind: 'number', cell: (row) => count(row.regions) },
      { title: 'minutes', kind: 'number', cell: (row) => row.minutes.toFixed(1) },
      { title: 'clicks', kind: 'number', cell: (row) => count(Math.round(row.clicks)) },
      { title: 'effort', kind: 'number', cell: (row) => percent(row.effort) },
      { title: 'carried pixels', kind: 'number', cell: (row) => count(row.carried_pixels) },
      { title: 'pseudo pixels', kind: 'number', cell: (row) => count(row.pseudo_pixels) },
      { title: 'mIoU', kind: 'number', cell: (row) => percent(row.miou) },
      { title: 'pixel accuracy', kind: 'number', cell: (row) => percent(row.pixel_accuracy) },
      { title: 'mean class accuracy', kind: 'number', cell: (row) => percent(row.mean_class_accuracy) },
    ],
    sorted,
    'rounds.parquet',
  )}</details>`;
}

function needed(row: ComparisonRow, what: 'labels' | 'effort'): Fragment {
  const [mean, within] = [row[what], row[`${what}_within`]];
  if (row.seeds === 0) return '–';
  const bound = within !== null && html`<small>not within ${percent(within)}</small>`;
  if (mean === null) return bound || '–';
  const known = spread(mean, row[`${what}_min`], row[`${what}_max`]);
  return row.reached === row.seeds
    ? known
    : html`${known}<br><small>${row.seeds - row.reached} of ${row.seeds} </small>${bound || undefined}`;
}

/** The mean, and under it least to most where they differ. */
function spread(mean: number | null, min: number | null, max: number | null): Fragment {
  if (mean === null || min === max) return percent(mean);
  return html`${percent(mean)}<br><small>${bare(min)} to ${bare(max)}</small>`;
}

function bare(share: number | null): string {
  return share === null ? '–' : (100 * share).toFixed(1);
}

function gain({
  strategy,
  gain: mean,
  gain_deviation: deviation,
  gain_seeds: seeds,
}: ComparisonRow): Fragment {
  if (strategy === BASELINE || mean === null) return '–';
  const points = `${mean < 0 ? '−' : '+'}${(100 * Math.abs(mean)).toFixed(1)}`;
  return html`${points}<br><small>${deviation === null ? '1 seed' : `± ${(100 * deviation).toFixed(1)}, ${seeds} seeds`}</small>`;
}

function seedsOf({ seeds, unfinished, miou_seeds }: ComparisonRow): Fragment {
  const notes = [
    miou_seeds < seeds ? `${miou_seeds} in last round` : undefined,
    unfinished > 0 ? `${unfinished} unfinished` : undefined,
  ].filter((note) => note !== undefined);
  return html`${seeds}${notes.map((note) => html`<br><small>${note}</small>`)}`;
}

function roundsMeasured(rounds: readonly RoundRow[], strategy: string, seed: string): number {
  return rounds.filter((row) => row.strategy === strategy && `${row.seed}` === seed && isMeasured(row))
    .length;
}
