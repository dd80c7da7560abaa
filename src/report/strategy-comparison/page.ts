import { type Ranking, rankStrategies } from '../../comparison/ranking.js';
import type { ComparisonRow, RegionClassRow } from '../../tables/schemas.js';
import { photoLibrary } from '../figure.js';
import { type Html, html } from '../html.js';
import { count, counted, percent } from '../numbers.js';
import { pageHead } from '../page-head.js';
import type { ComparisonContent, NamedValue } from './content.js';
import { type Drawing, drawingsOf, fullInWords, regionClassesOf } from './drawings.js';
import { distinctPhotographs, pickedSection } from './picked.js';
import { standalone } from './standalone.js';
import { COMPARISON_STYLE } from './style.js';
import { headlineTable, roundTable, unfinishedTable } from './tables.js';

/** The tables behind the page, in the order in which it shows them. */
export function comparisonTables(content: ComparisonContent): {
  readonly comparison: readonly ComparisonRow[];
  readonly regionClasses: readonly RegionClassRow[];
} {
  return { comparison: rankStrategies(content).rows, regionClasses: regionClassesOf(content).flat() };
}

/** Every plot of the page as a picture of its own, by file name: SVG, light, nothing loaded from anywhere. */
export function comparisonPlots(content: ComparisonContent): Map<string, string> {
  const drawings = drawingsOf(content, rankStrategies(content));
  return new Map(drawings.map(({ file, plot }) => [file, standalone(plot)]));
}

/**
 * compare.html, whole: style and pictures inside, no script, nothing loaded from anywhere, which its security policy
 * enforces. The same content gives the same bytes.
 */
export function renderComparison(content: ComparisonContent): string {
  const title = `Strategies compared on ${content.recording}`;
  const ranking = rankStrategies(content);
  const drawings = drawingsOf(content, ranking);
  const { photographs, numberOf } = distinctPhotographs(content.pictures);
  const picked = pickedSection(content, numberOf);
  return html`${pageHead(title, COMPARISON_STYLE)}
<body>
${photoLibrary(photographs)}
<header><h1>${title}</h1>
<p class="lead">${lead(content)}</p>
${tiles(content, ranking)}
<nav><a href="#ranking">Ranking</a><a href="#plots">Plots</a>${picked && html`<a href="#picked">Pictures</a>`}<a href="#unfinished">Unfinished</a><a href="#rounds">Rounds</a><a href="#setting">Setting</a></nav>
</header>
<main>
<section id="ranking"><h2>Which needs the fewest labels</h2>
<p>${fullInWords(ranking)}.</p>
${headlineTable(ranking)}</section>
<section id="plots"><h2>Plots</h2>
${
  drawings.length === 0 ? html`<p class="empty">No round’s mIoU is known yet.</p>` : drawings.map(figureOf)
}</section>
${picked}
<section id="unfinished"><h2>Failed and unfinished runs</h2>
${unfinishedTable(content)}</section>
<section id="rounds"><h2>Rounds</h2>
${roundTable(content)}</section>
${settingSection(content)}
</main>
<footer>viewal ${content.version}. The tables beside this page have everything.</footer>
</body>
</html>
`.text;
}

function lead({ strategies, rounds, size, classes }: ComparisonContent): string {
  const seeds = new Set(rounds.map(({ seed }) => seed)).size;
  const frames = rounds.find(({ test_frames }) => test_frames > 0)?.test_frames;
  return `${counted(strategies.length, 'strategy', 'strategies')}, ${counted(seeds, 'seed')}, ${counted(classes.length, 'class', 'classes')} at ${size.width}×${size.height}${frames === undefined ? '' : `, measured on ${counted(frames, 'test frame')}`}. All start from the same seed set for the same seed, with the same network, schedule and test frames.`;
}

function tiles({ rounds, unfinished }: ComparisonContent, { rows, full: { miou } }: Ranking): Html {
  const runs = new Set(rounds.map(({ strategy, seed }) => `${strategy}/${seed}`)).size;
  const best = rows.find(({ reached }) => reached > 0);
  return html`<dl class="tiles">
${tile('fewest labels', best === undefined ? '–' : percent(best.labels), best === undefined ? 'none reached 95 %' : `${best.strategy}, for 95 % of full training`)}
${tile('full training', percent(miou?.mean), `mIoU, ${counted(miou?.count ?? 0, 'seed')}`)}
${tile('runs', count(runs), `of ${counted(rows.length, 'strategy', 'strategies')}`)}
${tile('rounds', count(rounds.length), 'trained and measured')}
${tile('unfinished', count(unfinished.length), 'runs, listed below')}
</dl>`;
}

function tile(term: string, value: string, more: string): Html {
  return html`<div><dt>${term}</dt><dd>${value}<small>${more}</small></dd></div>`;
}

function figureOf({ title, caption, plot }: Drawing): Html {
  return html`<figure class="drawing"><h3>${title}</h3>${plot}<figcaption>${caption}</figcaption></figure>
`;
}

function settingSection({ setting, commands, options, version, classes }: ComparisonContent): Html {
  return html`<section id="setting"><h2>Setting</h2>
${definitions([...setting, { name: 'classes', value: classes.join(', ') }])}
<h3>To make it again, with viewal ${version}</h3>
<pre><code>${commands.join('\n')}</code></pre>
<h3>Options</h3>
${definitions(options)}</section>`;
}

function definitions(values: readonly NamedValue[]): Html {
  return html`<dl class="options">${values.map(
    ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>
`,
  )}</dl>`;
}
