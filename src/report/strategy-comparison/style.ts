import { Html } from '../html.js';
import { STYLE } from '../style.js';
import { seriesProperties } from './series.js';

/** The report's style sheet, and what the comparison adds to it. */
export const COMPARISON_STYLE = new Html(`${STYLE.text}
:root{${seriesProperties('light')}}
@media (prefers-color-scheme:dark){:root{${seriesProperties('dark')}}}
.drawing{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:12px 16px;margin-bottom:14px;overflow-x:auto}
.drawing h3{margin:0 0 8px}
.drawing svg{--plot-background:var(--surface);display:block;width:100%;min-width:760px;height:auto;font-size:12px;font-family:inherit}
.picked{display:grid;grid-template-columns:repeat(3,1fr);gap:12px;margin-bottom:18px}
.veil{fill:#000;fill-opacity:.55;fill-rule:evenodd}
@media (max-width:760px){.picked{gap:6px}}
`);

/** Values of the custom properties on a light page, by name. */
export const LIGHT: ReadonlyMap<string, string> = new Map(
  [...COMPARISON_STYLE.text.matchAll(/^:root\{([^}]*)\}/gm)].flatMap(([, rule]) =>
    [...rule.matchAll(/(--[\w-]+):([^;]+)/g)].map(([, name, value]): [string, string] => [name, value]),
  ),
);
