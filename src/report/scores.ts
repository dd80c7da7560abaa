import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';
import { nextStage } from './next-stage.js';
import { count, counted } from './numbers.js';
import { MOST_DOTS, scoreHistogram, scoreScatter } from './plots.js';

/** How the scores are distributed, and where the picks lie among them. */
export function scoreSection(content: ReportContent): Html {
  const { candidates, selections = [], missingStage } = content;
  const number = candidates.viewEntropy.length;
  if (number === 0)
    return html`<section id="scores"><h2>Scores</h2><p class="empty">No superpixel has a score${missingStage === 'select' ? undefined : nextStage(content)}.</p></section>`;
  return html`<section id="scores"><h2>Scores</h2>
<p><b>View entropy</b> is high where the scene's evidence about a surface disagrees, over all views. <b>View divergence</b>
is high where this view disagrees with the others. Of the ${counted(number, 'candidate')}, the pick is made in two
steps: the highest view entropy says which surface, and of the views of that surface the one with the highest view
divergence is labelled.</p>
<div class="plots">
<figure class="plot">${scoreHistogram(
    'view entropy',
    candidates.viewEntropy,
    selections.map((pick) => pick.view_entropy),
  )}<figcaption>View entropy of the candidates${selections.length > 0 ? html`; <span class="key">ticks</span> are picks` : undefined}</figcaption></figure>
<figure class="plot">${scoreHistogram(
    'view divergence',
    candidates.viewDivergence,
    selections.map((pick) => pick.view_divergence),
  )}<figcaption>View divergence of the candidates${selections.length > 0 ? html`; <span class="key">ticks</span> are picks` : undefined}</figcaption></figure>
<figure class="plot">${scoreScatter(candidates, selections)}<figcaption>${
    number > MOST_DOTS
      ? `${count(MOST_DOTS)} of the ${count(number)} candidates, by chance`
      : 'All candidates'
  }${
    selections.length > 0
      ? html`; <span class="key">picks</span>; dashed: the trigger entropy at which
the budget was met; candidates beyond it show surfaces that are picked already`
      : undefined
  }</figcaption></figure>
</div></section>`;
}
