import type { Frame } from '../../frame.js';
import { drawFrame, type FramePicture } from '../frame-picture.js';
import { type Html, html } from '../html.js';
import { percent } from '../numbers.js';
import type { ComparisonContent, PickedPicture } from './content.js';

/** Pictures of a strategy at most: what bounds the page. */
export const MOST_PICTURES = 3;

/**
 * Draws what a strategy picked of a frame.
 * @param mask H×W: 1 where picked, else 0
 */
export async function drawPicked(strategy: string, frame: Frame, mask: Uint8Array): Promise<PickedPicture> {
  const picked = { rank: 1, superpixel: 1 };
  return {
    strategy,
    picture: await drawFrame(frame, Uint16Array.from(mask), [picked]),
    share: mask.reduce((sum, value) => sum + value, 0) / mask.length,
  };
}

/** Photographs of all pictures, each once however many strategies show it, and where each is among them. */
export function distinctPhotographs(pictures: readonly PickedPicture[]): {
  readonly photographs: readonly FramePicture[];
  readonly numberOf: (picture: FramePicture) => number;
} {
  const first = new Map<string, FramePicture>();
  for (const { picture } of pictures) if (!first.has(picture.colour)) first.set(picture.colour, picture);
  const numbers = new Map([...first.keys()].map((colour, i) => [colour, i]));
  return { photographs: [...first.values()], numberOf: ({ colour }) => numbers.get(colour)! };
}

/** The first pictures of each strategy; undefined where there is none. */
export function pickedSection(
  { strategies, pictures }: ComparisonContent,
  numberOf: (picture: FramePicture) => number,
): Html | undefined {
  if (pictures.length === 0) return undefined;
  return html`<section id="picked"><h2>What they picked</h2>
<p>Bright and outlined: what people were asked to label; the rest of the frame is dimmed.</p>
${strategies.map(({ name, title }) => {
  const own = pictures.filter(({ strategy }) => strategy === name).slice(0, MOST_PICTURES);
  return own.length === 0
    ? undefined
    : html`<h3>${name} <small>${title}</small></h3>
<div class="picked">${own.map((each) => pickedFigure(each, numberOf(each.picture)))}</div>
`;
})}</section>`;
}

function pickedFigure({ strategy, picture, share }: PickedPicture, number: number): Html {
  const { width, height, scene, id } = picture;
  const path = picture.picks.map(({ outline }) => outline.path).join('');
  return html`<figure><svg class="picture" viewBox="0 0 ${width} ${height}" role="img" aria-label="what ${strategy} picked of frame ${scene} / ${id}"><use href="#photo-${number}"/><path class="veil" d="M0 0h${width}v${height}h${-width}z${path}"/><path class="casing" d="${path}"/><path class="outline" d="${path}"/></svg><figcaption>${scene} / ${id}, ${percent(share)} of its pixels</figcaption></figure>`;
}
