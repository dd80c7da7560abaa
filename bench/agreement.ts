import { existsSync } from 'node:fs';
import { replay } from '../pipelines/replay.js';
import { score } from '../pipelines/stages.js';
import { openRun } from '../src/stages/run.js';
import { readParquet } from '../src/tables/parquet.js';
import { SCORES, type ScoreRow } from '../src/tables/schemas.js';
import { type Figure, SCANNET } from './figure.js';

/** Kept between benches: training and inference are resumed, or found done. */
const RUN = 'runs/bench-agreement';

/**
 * Rank correlation of the store's scores with exact pairwise reprojection (5 cm) over the superpixels of real frames,
 * their given superpixels and a network trained on 12 of them.
 */
export async function benchAgreement(): Promise<Figure[]> {
  if (!existsSync(SCANNET)) return [];
  const options = { labelled: '12', steps: 300 };
  const run = await openRun(RUN, { ...options, views: 'store' }, { recording: SCANNET });
  await replay(run);
  const rows = async () => {
    const all: ScoreRow[] = [];
    for (const scene of run.scenes.keys())
      all.push(...((await readParquet(run.folder.sceneFile(SCORES.name, scene, 'parquet'), SCORES)) ?? []));
    return all.filter((row) => row.view_entropy !== null);
  };
  const fast = await rows();
  await score(await openRun(RUN, { ...options, views: 'pairwise' }, { recording: SCANNET }));
  const exact = await rows();
  const correlation = (of: (row: ScoreRow) => number) => spearman(fast.map(of), exact.map(of));
  return [
    {
      name: 'view entropy, rank correlation with pairwise',
      value: correlation((r) => r.view_entropy!),
      unit: '',
      target: '≥ 0.985',
    },
    {
      name: 'view divergence, rank correlation with pairwise',
      value: correlation((r) => r.view_divergence!),
      unit: '',
      target: '≥ 0.95',
    },
    { name: '  superpixels compared', value: fast.length, unit: '' },
  ];
}

/** Spearman's rank correlation; equal values share their mean rank. */
function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

function ranks(values: readonly number[]): Float64Array {
  const order = [...values.keys()].sort((i, j) => values[i] - values[j]);
  const rank = new Float64Array(values.length);
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && values[order[end]] === values[order[i]]) end++;
    for (let k = i; k < end; k++) rank[order[k]] = (i + end - 1) / 2;
    i = end;
  }
  return rank;
}
