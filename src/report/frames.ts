import type { ReportContent } from './content.js';
import { colourBar, flat, photo } from './figure.js';
import type { FramePicture } from './frame-picture.js';
import { type Html, html } from './html.js';
import { legend } from './legend.js';

/** Frames with most picks: outlines, heat maps, prediction and truth. */
export function frameSection(content: ReportContent): Html | undefined {
  const { frames } = content;
  if (frames.length === 0) return undefined;
  const pictures = [...content.pictures.values()];
  const picked = frames.some((frame) => frame.picks.length > 0);
  return html`<section id="frames"><h2>Frames of interest</h2>
<p>${
    picked ? 'The frames with the most picks' : 'The frames of highest mean view entropy'
  }. Heat maps show what selection goes by: one score a superpixel, the same colours in every frame, from the 1st to the
99th percentile of all candidates. Hatched: no depth, hence no score; in class maps, no label.</p>
${frames.map(
  (frame, n) => html`<article class="frame" id="frame-${n + 1}"><h3>${frame.scene} / ${frame.id}</h3>
<div class="grid${frame.details?.truth === undefined ? ' four' : undefined}">
<figure>${photo(frame, pictures.indexOf(frame), frame.picks, true)}<figcaption>${caption(frame)}</figcaption></figure>
${details(frame)}
</div></article>
`,
)}</section>`;
}

function caption({ picks }: FramePicture): string {
  if (picks.length === 0) return 'No picks';
  return picks.length === 1 ? 'The pick, with its rank' : 'The picks, with their ranks';
}

function details(frame: FramePicture): Html | undefined {
  if (frame.details === undefined) return undefined;
  const { heat, prediction, truth } = frame.details;
  return html`${heat.map(
    (
      map,
    ) => html`<figure>${flat(frame, map.image, map.title)}<figcaption>${colourBar(map)}</figcaption></figure>
`,
  )}${
    prediction &&
    html`<figure>${flat(frame, prediction, 'prediction')}<figcaption>Prediction</figcaption></figure>
`
  }${
    truth &&
    html`<figure>${flat(frame, truth, 'ground truth')}<figcaption>Ground truth</figcaption></figure>
`
  }${legend(frame.details.legend)}`;
}
