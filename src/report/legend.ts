import { css } from './colour-map.js';
import { type Html, html } from './html.js';

/** A class and the colour it is painted in, an RGB triple. */
export interface LegendEntry {
  readonly name: string;
  readonly colour: Uint8Array;
}

/**
 * The classes that label images hold, ascending.
 * @param colours RGB triples by class; labels beyond are no class
 * @param classNames by class; classes beyond are named by their number
 */
export function legendOf(
  images: readonly Uint8Array[],
  colours: Uint8Array,
  classNames: readonly string[],
): LegendEntry[] {
  const present = new Uint8Array(256);
  for (const labels of images) for (const label of labels) present[label] = 1;
  return Array.from({ length: colours.length / 3 }, (_, c) => c)
    .filter((c) => present[c] === 1)
    .map((c) => ({ name: classNames[c] ?? `class ${c}`, colour: colours.subarray(3 * c, 3 * c + 3) }));
}

export function legend(entries: readonly LegendEntry[]): Html | undefined {
  if (entries.length === 0) return undefined;
  return html`<ul class="legend">${entries.map(
    ({ name, colour }) => html`<li><i style="background:${css(colour, 0)}"></i>${name}</li>`,
  )}</ul>`;
}
