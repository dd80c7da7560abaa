import { reachOf } from '../../comparison/labels-to-reach.js';
import { BASELINE, type Ranking } from '../../comparison/ranking.js';
import { regionClasses } from '../../comparison/region-classes.js';
import { runsOf } from '../../comparison/runs.js';
import { curvesOf, type StrategyCurve } from '../../comparison/strategy-curves.js';
import type { RegionClassRow } from '../../tables/schemas.js';
import { type Fragment, type Html, html } from '../html.js';
import { counted, percent } from '../numbers.js';
import { classPlot } from './class-plot.js';
import { type ComparisonContent, runName } from './content.js';
import { curvePlot, showsAllSpreads } from './curve-plot.js';
import { reachPlot } from './reach-plot.js';
import { seriesOf } from './series.js';
import { spreadPanels } from './spread-panels.js';

/** ViewAL as the paper takes it apart (Fig. 10 and 11), and what it is held against there. */
const ABLATION = ['ve', 've+spx', 've+spx+mcdr', 'viewal'];
const ABLATION_PLOT = [BASELINE, 'ent', ...ABLATION];

export interface Drawing {
  /** Of the file that holds it alone. */
  readonly file: string;
  readonly title: string;
  readonly caption: Fragment;
  readonly plot: Html;
}

const SIZE = { width: 1000, height: 500 };

/** All plots of a comparison that it has data for. */
export function drawingsOf(content: ComparisonContent, ranking: Ranking): Drawing[] {
  const names = new Set(content.strategies.map(({ name }) => name));
  const series = seriesOf(content.strategies);
  const { full } = ranking;
  const measured = curvesOf(content.rounds.filter(({ strategy }) => names.has(strategy))).filter(
    ({ points }) => points.some(({ miou }) => miou !== undefined),
  );
  const published = measured.filter(({ strategy }) => isPublished(strategy));
  const ablation = measured.filter(({ strategy }) => ABLATION_PLOT.includes(strategy));
  const variants = measured.filter(
    ({ strategy }) => strategy === BASELINE || strategy === 'viewal' || isVariant(strategy),
  );
  const classes = regionClassesOf(content).filter((rows) => rows.length > 0);
  const runs = runsOf(content.rounds);
  const drawings: Drawing[] = [];

  if (full.miou && ranking.rows.length > 0)
    drawings.push({
      file: 'labels-to-95-percent.svg',
      title: 'Labels needed for 95 % of full training',
      caption: `Bars: mean over the seeds that reached it. Dots: seeds. Triangles: seeds that were taken so far without reaching it; the bar is pale, as its mean is over the others.`,
      plot: reachPlot(
        ranking.rows.map(({ strategy }) => ({
          strategy,
          reach: reachOf(
            runs.filter((run) => run.strategy === strategy),
            full,
            'labelled_share',
          ),
        })),
        series,
        SIZE.width,
      ),
    });
  const curves = (
    file: string,
    title: string,
    shown: readonly StrategyCurve[],
    axis: 'labelled_share' | 'effort',
  ) => {
    drawings.push({
      file,
      title,
      caption: spreadCaption(shown),
      plot: curvePlot({ ...SIZE, axis, curves: shown, series, full }),
    });
  };
  if (published.length > 0) {
    curves('miou-by-share.svg', 'mIoU by labelled share (paper, Fig. 7)', published, 'labelled_share');
    curves('miou-by-effort.svg', 'mIoU by labelling effort (paper, Fig. 9)', published, 'effort');
  }
  if (ablation.some(({ strategy }) => ABLATION.slice(0, -1).includes(strategy)))
    curves('ablation.svg', 'ViewAL in parts (paper, Fig. 10 and 11)', ablation, 'labelled_share');
  if (variants.some(({ strategy }) => isVariant(strategy)))
    curves('beyond.svg', 'Beyond the paper: ViewAL and its variants', variants, 'labelled_share');
  if (measured.some(({ strategy }) => strategy !== BASELINE))
    drawings.push({
      file: 'spread.svg',
      title: 'Each strategy over its seeds',
      caption: html`Colour: the strategy, its mean, and least to most; dots: seeds. Grey and dashed: ${BASELINE}, likewise. Dashed level: p95.`,
      plot: spreadPanels(measured, series, full, SIZE.width),
    });
  if (classes.length > 0)
    drawings.push({
      file: 'classes-per-region.svg',
      title: 'Distinct classes in a selected region (paper, Fig. 8)',
      caption:
        'All seeds together, without the seed set. The fewer classes a region holds, the quicker it is labelled.',
      plot: classPlot(classes, SIZE.width),
    });
  return drawings;
}

/** By strategy, in their order; without rows where nothing was selected. */
export function regionClassesOf({ strategies, labels, rounds }: ComparisonContent): RegionClassRow[][] {
  const runs = runsOf(rounds);
  return strategies.map(({ name }) =>
    regionClasses(
      name,
      runs
        .filter(({ strategy }) => strategy === name)
        .flatMap(({ seed }) => labels.get(runName(name, seed)) ?? []),
    ),
  );
}

/** What full training gives, in words. */
export function fullInWords({ full }: Pick<Ranking, 'full'>): string {
  if (full.miou === undefined) return 'No network was trained on all labels, so there is no level to reach';
  const { count, mean, min, max } = full.miou;
  return count === 1
    ? `Full training: mIoU ${percent(mean)}, one seed`
    : `Full training: mIoU ${percent(mean)}, ${percent(min)} to ${percent(max)} over ${counted(count, 'seed')}`;
}

function isVariant(strategy: string): boolean {
  return strategy.startsWith('viewal+') || strategy.endsWith('+carry');
}

/** Neither a part of ViewAL alone nor a variant of it; these have plots of their own. */
function isPublished(strategy: string): boolean {
  return !isVariant(strategy) && (strategy === 'viewal' || !ABLATION.includes(strategy));
}

function spreadCaption(curves: readonly StrategyCurve[]): string {
  const whose = showsAllSpreads(curves)
    ? 'bands: least to most over seeds'
    : 'bands, of the emphasised alone: least to most over seeds';
  const hollow = curves.some(({ points }) => points.some(({ missing }) => missing.length > 0))
    ? '; hollow: some seeds are missing, so the mean is over the others'
    : '';
  return `Lines: mean over seeds; ${whose}; small dots: seeds${hollow}.`;
}
