import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';

/** The options of the run, and how to make it again. */
export function optionSection({ options, command, version }: ReportContent): Html {
  return html`<section id="options"><h2>Options</h2>
<p>To make this run again, with viewal ${version}:</p>
<pre><code>${command}</code></pre>
<dl class="options">${options.map(
    ({ name, meaning, value, isDefault }) =>
      html`<div><dt>${name}</dt><dd>${isDefault ? value : html`<b>${value}</b>`}<br><small>${meaning}</small></dd></div>
`,
  )}</dl>
<p class="note">Bold: not at its default.</p></section>`;
}
