import { type Fragment, type Html, html } from './html.js';
import { count } from './numbers.js';

export interface TableColumn<T> {
  readonly title: string;
  readonly cell: (row: T) => Fragment;
  /** Numbers stand at the right; prose may run over several lines, which nothing else does. */
  readonly kind?: 'number' | 'prose';
}

/** Rows of a table in the page at most; the run folder has them all. */
export const MOST_ROWS = 300;

/** A table that scrolls sideways where the page is narrow. @param rest where to find the rows beyond the first 300 */
export function table<T>(columns: readonly TableColumn<T>[], rows: readonly T[], rest: string): Html {
  const beyond = rows.length - MOST_ROWS;
  return html`<div class="scroll"><table>
<thead><tr>${columns.map(({ title, kind }) => html`<th${kindClass(kind)}>${title}</th>`)}</tr></thead>
<tbody>${rows.slice(0, MOST_ROWS).map(
    (row) => html`<tr>${columns.map(({ cell, kind }) => html`<td${kindClass(kind)}>${cell(row)}</td>`)}</tr>
`,
  )}</tbody>
</table></div>
${beyond > 0 ? html`<p class="note">… and ${count(beyond)} more in ${rest}.</p>` : undefined}`;
}

function kindClass(kind: 'number' | 'prose' | undefined): Html | undefined {
  return kind && html` class="${kind}"`;
}
