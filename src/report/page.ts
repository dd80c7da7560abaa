import type { ReportContent, SceneSummary } from './content.js';
import { photoLibrary } from './figure.js';
import { frameSection } from './frames.js';
import { type Fragment, type Html, html } from './html.js';
import { networkSection } from './network.js';
import { count, counted, percent } from './numbers.js';
import { optionSection } from './options.js';
import { pageHead } from './page-head.js';
import { pickSection } from './picks.js';
import { sceneSection } from './scenes.js';
import { scoreSection } from './scores.js';
import { STYLE } from './style.js';
import { MOST_ROWS } from './table.js';

/**
 * Picks shown as cards and frames shown in detail, at most. They bound the page: with three frames compared with the
 * truth, 35 photographs and 41 flat maps, at 320×240 about a megabyte in all; no picture has a side above 640 pixels.
 */
export const MOST_CARDS = 24;
export const MOST_FRAMES = 8;

/**
 * The page, whole: style and pictures inside, no script, nothing loaded from anywhere, which its security policy
 * enforces. The same content gives the same bytes.
 */
export function renderReport(content: ReportContent): string {
  const title = `Superpixels to label in ${content.recording}`;
  const frames = frameSection(content);
  return html`${pageHead(title, STYLE)}
<body>
${photoLibrary([...content.pictures.values()])}
<header><h1>${title}</h1>
<p class="lead">${lead(content)}</p>
${tiles(content)}
<nav><a href="#picks">Picks</a><a href="#scenes">Scenes</a>${frames && html`<a href="#frames">Frames</a>`}<a href="#scores">Scores</a><a href="#network">Network</a><a href="#options">Options</a></nav>
</header>
<main>
${[pickSection, sceneSection].map((section) => section(content))}
${frames}
${[scoreSection, networkSection, optionSection].map((section) => section(content))}
</main>
<footer>viewal ${content.version}. The page shows at most the first ${MOST_CARDS} picks as cards, ${MOST_FRAMES} frames in
detail and ${MOST_ROWS} rows of a table; the tables in the run folder have everything.</footer>
</body>
</html>
`.text;
}

function lead({ size, format, scenes }: ReportContent): string {
  const frames = scenes.reduce((sum, scene) => sum + scene.frames, 0);
  return `${counted(frames, 'frame')} in ${counted(scenes.length, 'scene')}, layout ${format}, at ${size.width}×${size.height}.`;
}

function tiles({ selections, size, scenes, metrics, trainedHere }: ReportContent): Html {
  const sum = (of: (scene: SceneSummary) => number) => scenes.reduce((total, each) => total + of(each), 0);
  const pixels = selections?.reduce((total, pick) => total + pick.pixels, 0);
  const covered = selections?.reduce((total, pick) => total + pick.overlap_set, 0);
  const worth = pixels !== undefined && `, ${(pixels / (size.width * size.height)).toFixed(2)} images' worth`;
  const isRead = scenes.every(({ used }) => used !== undefined);
  const skipped = sum((scene) => scene.skipped ?? 0);
  const [trained, validated] = [sum((scene) => scene.trained), sum((scene) => scene.validation)];
  const pool = metrics.find((row) => row.split === 'pool' && row.metric === 'miou');
  return html`<dl class="tiles">
${tile('to label', count(selections?.length), `superpixels${worth || ''}`)}
${tile('standing for', count(covered), 'views of the same surfaces')}
${tile('frames used', count(isRead ? sum((scene) => scene.used ?? 0) : undefined), isRead || skipped > 0 ? `${count(skipped)} skipped` : 'not known yet')}
${
  trainedHere
    ? tile(
        'trained on',
        count(trained),
        validated > 0 ? `labelled frames, ${count(validated)} validated on` : 'labelled frames',
      )
    : tile('labelled already', count(trained + validated), 'frames, never selected')
}
${pool && tile('mIoU', percent(pool.value), `on ${counted(pool.frames, 'other labelled frame')}`)}
</dl>`;
}

function tile(term: string, value: Fragment, more: string): Html {
  return html`<div><dt>${term}</dt><dd>${value}<small>${more}</small></dd></div>`;
}
