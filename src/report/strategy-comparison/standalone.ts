import type { Html } from '../html.js';
import { LIGHT } from './style.js';

const FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif";

/** A plot as a file of its own: colours, font and background that the page's style gives it, written out, as on a light page. */
export function standalone(plot: Html): string {
  const text = plot.text
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/var\((--[\w-]+)\)/g, (_, name: string) => LIGHT.get(name) ?? 'none')
    .replaceAll('currentColor', LIGHT.get('--text')!);
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(text)!;
  return text
    .replace(/^<svg [^>]*>/, (root) => {
      const kept = root.replace(/ (class|font-family|font-size|xmlns(:xlink)?)="[^"]*"/g, '');
      return `${kept.replace('<svg', `<svg xmlns="http://www.w3.org/2000/svg" font-family="${FONTS}" font-size="12"`)}<rect width="${width}" height="${height}" fill="${LIGHT.get('--surface')}"/>`;
    })
    .concat('\n');
}
