import type { Size } from '../frame.js';
import { HEAT_GRADIENT } from './colour-map.js';
import type { FramePicture, HeatMap, OutlinedPick } from './frame-picture.js';
import { type Html, html } from './html.js';
import type { Outline } from './outline.js';

/** Share of a superpixel's longer side shown around it in a crop, and the crop's least side in pixels. */
const MARGIN = 0.35;
const LEAST_CROP = 48;

/** Every photograph once, however often the page shows it: `photo` refers to these by number. */
export function photoLibrary(pictures: readonly FramePicture[]): Html {
  return html`<svg class="library" aria-hidden="true"><defs>${pictures.map(
    ({ width, height, colour }, n) =>
      html`<image id="photo-${n}" width="${width}" height="${height}" preserveAspectRatio="none" href="${colour}"/>
`,
  )}</defs></svg>`;
}

/** A whole photograph with picks outlined. @param number in the library @param ranks whether to write them */
export function photo(
  picture: FramePicture,
  number: number,
  picks: readonly OutlinedPick[],
  ranks = false,
): Html {
  const { width, height } = picture;
  return html`<svg class="picture" viewBox="0 0 ${width} ${height}" role="img" aria-label="frame ${picture.id}, picks outlined"><use href="#photo-${number}"/>${outlines(picks)}${ranks ? rankLabels(picture, picks) : undefined}</svg>`;
}

/** The photograph about a pick, cut to the shape of the whole. */
export function crop(picture: FramePicture, number: number, pick: OutlinedPick): Html {
  const { x, y, width, height } = cropBox(picture, pick.outline);
  return html`<svg class="picture" viewBox="${x} ${y} ${width} ${height.toFixed(2)}" role="img" aria-label="superpixel ${pick.superpixel}, close"><use href="#photo-${number}"/>${outlines([pick])}</svg>`;
}

/** A heat map or class map with picks outlined. */
export function flat(picture: FramePicture, image: string, label: string): Html {
  const { width, height } = picture;
  return html`<svg class="picture" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"><image class="flat" width="${width}" height="${height}" preserveAspectRatio="none" href="${image}"/>${outlines(picture.picks)}</svg>`;
}

/** A picture by itself. @param kind those of flat colours keep their pixels sharp */
export function picture(
  { width, height }: Size,
  image: string,
  label: string,
  kind: 'photograph' | 'flat',
): Html {
  return html`<img class="picture ${kind}" width="${width}" height="${height}" alt="${label}" src="${image}">`;
}

/** What the colours of a heat map stand for. */
export function colourBar({ title, range }: HeatMap): Html {
  return html`<span class="bar-title">${title}, nats</span><span class="bar"><span>≤ ${range.low.toFixed(2)}</span><i style="background:${HEAT_GRADIENT}"></i><span>≥ ${range.high.toFixed(2)}</span></span>`;
}

/** A light line under the coloured one keeps the outline apart from whatever lies beneath. */
function outlines(picks: readonly OutlinedPick[]): Html[] {
  return picks.map(
    ({ outline }) =>
      html`<path class="casing" d="${outline.path}"/><path class="outline" d="${outline.path}"/>`,
  );
}

/** Sized by the picture, so that they read the same at any working size, and kept off its border. */
function rankLabels({ width, height }: FramePicture, picks: readonly OutlinedPick[]): Html[] {
  const size = width / 22;
  const inside = (at: number, limit: number) => Math.min(Math.max(at, size), limit - size);
  return picks.map(
    ({ rank, outline: { anchor } }) =>
      html`<text class="rank-label" x="${inside(anchor.x, width)}" y="${inside(anchor.y, height)}" font-size="${size.toFixed(1)}">${rank}</text>`,
  );
}

/** What to show of a picture about a superpixel, in the picture's own shape, whole pixels but for the height. */
export function cropBox(
  picture: Size,
  { box }: Outline,
): { x: number; y: number; width: number; height: number } {
  const aspect = picture.width / picture.height;
  const needed = Math.max(box.width, box.height * aspect, LEAST_CROP);
  const width = Math.min(picture.width, Math.round(needed * (1 + 2 * MARGIN)));
  const height = width / aspect;
  const within = (middle: number, size: number, limit: number) =>
    Math.floor(Math.min(Math.max(middle - size / 2, 0), limit - size));
  return {
    x: within(box.x + box.width / 2, width, picture.width),
    y: within(box.y + box.height / 2, height, picture.height),
    width,
    height,
  };
}
