import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { Html } from './html.js';

/** Renders on the server. Coordinates are kept to a tenth of a pixel, as nobody sees more; text is left as it is. */
export function draw(options: Plot.PlotOptions): Html {
  const { document } = parseHTML('<!doctype html><body></body>');
  const plot: { outerHTML: string } = Plot.plot({ ...options, document });
  return new Html(plot.outerHTML.replace(/<\w[^>]*>/g, (tag) => tag.replace(/(\d+\.\d)\d+/g, '$1')));
}
