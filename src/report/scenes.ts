import type { ReportContent, SceneSummary } from './content.js';
import { type Html, html } from './html.js';
import { count, counted, nats } from './numbers.js';
import { type TableColumn, table } from './table.js';

/** A row a scene, and the frames that were skipped. */
export function sceneSection({ scenes, skipped, trainedHere }: ReportContent): Html {
  return html`<section id="scenes"><h2>Scenes</h2>
${table(
  [
    { title: 'scene', cell: (row) => row.name },
    { title: 'frames', kind: 'number', cell: (row) => count(row.frames) },
    { title: 'used', kind: 'number', cell: (row) => count(row.used) },
    { title: 'skipped', kind: 'number', cell: (row) => count(row.skipped) },
    ...labelledColumns(scenes, trainedHere),
    { title: 'points', kind: 'number', cell: (row) => count(row.points) },
    { title: 'superpixels', kind: 'number', cell: (row) => count(row.scored) },
    { title: 'mean view entropy', kind: 'number', cell: (row) => nats(row.viewEntropy) },
    { title: 'mean view divergence', kind: 'number', cell: (row) => nats(row.viewDivergence) },
    { title: 'picks', kind: 'number', cell: (row) => count(row.picks) },
  ],
  scenes,
  'the tables of frames, scores and selections',
)}
<p class="note">Points are voxels that were seen. Superpixels are those with depth, and the means are over them, in nats.</p>
${
  skipped.length === 0
    ? undefined
    : html`<h3>${counted(skipped.length, 'frame')} skipped</h3>${table(
        [
          { title: 'scene', cell: (row) => row.scene },
          { title: 'frame', cell: (row) => row.frame },
          { title: 'reason', kind: 'prose', cell: (row) => row.reason },
        ],
        skipped,
        'the table of frames',
      )}`
}</section>`;
}

function labelledColumns(scenes: readonly SceneSummary[], trainedHere: boolean): TableColumn<SceneSummary>[] {
  const column = (title: string, of: (row: SceneSummary) => number): TableColumn<SceneSummary> => ({
    title,
    kind: 'number',
    cell: (row) => count(of(row)),
  });
  if (!trainedHere) return [column('labelled already', (row) => row.trained + row.validation)];
  const trained = column('trained on', (row) => row.trained);
  if (scenes.every((row) => row.validation === 0)) return [trained];
  return [trained, column('validated on', (row) => row.validation)];
}
