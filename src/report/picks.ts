import { frameName } from '../frame.js';
import type { SelectionRow } from '../tables/schemas.js';
import type { PickCard, ReportContent } from './content.js';
import { crop, photo } from './figure.js';
import type { FramePicture } from './frame-picture.js';
import { type Html, html } from './html.js';
import { nextStage } from './next-stage.js';
import { count, counted, nats } from './numbers.js';
import { table } from './table.js';

/** What to label next: the first picks as cards, then all of them as a table. */
export function pickSection(content: ReportContent): Html {
  const { selections, cards } = content;
  return html`<section id="picks"><h2>What to label next</h2>${picks()}</section>`;

  function picks(): Html {
    if (selections === undefined)
      return html`<p class="empty">Nothing is selected yet, or what it was selected from has changed${nextStage(content)}.</p>`;
    if (selections.length === 0)
      return html`<p class="empty">Nothing to select: every superpixel is labelled, or none has depth.</p>`;
    const pictures = [...content.pictures.values()];
    return html`<p>One card a superpixel, best first: the frame to label it on, and the superpixel from close by. Other
views of the same surface are not asked for again.</p>
<div class="cards">${cards.map((each) => card(each, pictures, content))}</div>
<details${selections.length <= 40 ? html` open` : undefined}><summary>All ${counted(selections.length, 'superpixel')} to label</summary>
${selectionTable(selections)}</details>`;
  }
}

function card({ pick, views }: PickCard, pictures: readonly FramePicture[], content: ReportContent): Html {
  const picture = content.pictures.get(frameName({ scene: pick.scene, id: pick.frame }));
  const outlined = picture?.picks.find(({ superpixel }) => superpixel === pick.superpixel);
  const inDetail = picture === undefined ? -1 : content.frames.indexOf(picture);
  const place = html`<b>${pick.scene}</b> / ${pick.frame}`;
  return html`<article class="card" id="pick-${pick.rank}">
<header><span class="rank">${pick.rank}</span><span class="where">${
    inDetail < 0 ? place : html`<a href="#frame-${inDetail + 1}">${place}</a>`
  }<br>superpixel ${pick.superpixel}, ${count(pick.pixels)} pixels</span></header>
${
  picture && outlined
    ? html`<div class="pair">${photo(picture, pictures.indexOf(picture), [outlined])}${crop(picture, pictures.indexOf(picture), outlined)}</div>`
    : html`<p class="empty">The frame can no longer be read.</p>`
}
<dl><div><dt>view entropy</dt><dd>${nats(pick.view_entropy)}</dd></div><div><dt>view divergence</dt><dd>${nats(pick.view_divergence)}</dd></div><div><dt>seen by</dt><dd>${
    views === undefined ? '–' : `${views.toFixed(1)} frames`
  }</dd></div></dl>
<p>${standsFor(pick)} ${broughtUpBy(pick)}</p>
</article>
`;
}

function standsFor({ overlap_set }: SelectionRow): string {
  return overlap_set === 1
    ? 'No other candidate that was left shows its surface.'
    : `Stands for ${count(overlap_set)} views of its surface, itself included.`;
}

function broughtUpBy(pick: SelectionRow): string {
  if (isOwnTrigger(pick)) return 'Highest view entropy when it was picked.';
  return `Brought up by superpixel ${pick.trigger_superpixel} of frame ${pick.trigger_frame} (view entropy ${nats(pick.trigger_entropy)}).`;
}

function isOwnTrigger(pick: SelectionRow): boolean {
  return pick.trigger_frame === pick.frame && pick.trigger_superpixel === pick.superpixel;
}

function selectionTable(selections: readonly SelectionRow[]): Html {
  return table(
    [
      { title: 'rank', kind: 'number', cell: (row) => row.rank },
      { title: 'scene', cell: (row) => row.scene },
      { title: 'frame', cell: (row) => row.frame },
      { title: 'superpixel', kind: 'number', cell: (row) => row.superpixel },
      { title: 'pixels', kind: 'number', cell: (row) => count(row.pixels) },
      { title: 'view entropy', kind: 'number', cell: (row) => nats(row.view_entropy) },
      { title: 'view divergence', kind: 'number', cell: (row) => nats(row.view_divergence) },
      {
        title: 'brought up by',
        cell: (row) => (isOwnTrigger(row) ? 'itself' : `${row.trigger_frame} · ${row.trigger_superpixel}`),
      },
      { title: 'trigger entropy', kind: 'number', cell: (row) => nats(row.trigger_entropy) },
      { title: 'views it stands for', kind: 'number', cell: (row) => count(row.overlap_set) },
    ],
    selections,
    'selections/selections.parquet',
  );
}
