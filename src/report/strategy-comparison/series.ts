import { BASELINE } from '../../comparison/ranking.js';

/** How a strategy is drawn, the same in every plot. */
export interface Series {
  readonly name: string;
  /** A custom property of the page's style. */
  readonly colour: string;
  readonly symbol: 'circle' | 'square' | 'diamond' | 'triangle' | 'star' | 'cross' | 'wye' | 'hexagon';
  /** SVG dash pattern. */
  readonly dash: string;
  /** ViewAL and the baseline stand out from the others. */
  readonly emphasised: boolean;
}

/** On light and on dark: ViewAL's first, then hues that the colour-blind tell apart, neighbours differing in lightness. */
const COLOURS = [
  ['#cc4400', '#ff8c52'],
  ['#0064a6', '#62b5f2'],
  ['#00895f', '#3fcb9c'],
  ['#9c3f87', '#e493c6'],
  ['#2f9bd0', '#93d8f8'],
  ['#857000', '#d8c24e'],
  ['#6a2b46', '#d08ba6'],
  ['#4b49a8', '#a9a8f4'],
  ['#9a5b1e', '#dfa870'],
  ['#d4668e', '#f6b4cb'],
] as const;
const OTHERS = COLOURS.length - 1;
const SYMBOLS = ['square', 'diamond', 'triangle', 'star', 'cross', 'hexagon', 'wye'] as const;
/** Colours, symbols and dashes share no factor: lines of one colour differ in the two others, up to 28 of them and more. */
const DASHES = ['none', '7 3', '2 2', '9 3 2 3'] as const;

/** Custom properties of the colours, for a light or a dark page. */
export function seriesProperties(scheme: 'light' | 'dark'): string {
  return COLOURS.map((pair, i) => `--series-${i}:${pair[scheme === 'light' ? 0 : 1]}`).join(';');
}

/** A look for each strategy, by name. */
export function seriesOf(strategies: readonly { readonly name: string }[]): ReadonlyMap<string, Series> {
  const looks = new Map<string, Series>();
  let others = 0;
  for (const { name } of strategies) {
    if (name === 'viewal')
      looks.set(name, {
        name,
        colour: 'var(--series-0)',
        symbol: 'circle',
        dash: 'none',
        emphasised: true,
      });
    else if (name === BASELINE)
      looks.set(name, { name, colour: 'var(--text)', symbol: 'circle', dash: '6 4', emphasised: true });
    else {
      const i = others++;
      looks.set(name, {
        name,
        colour: `var(--series-${1 + (i % OTHERS)})`,
        symbol: SYMBOLS[i % SYMBOLS.length],
        dash: DASHES[i % DASHES.length],
        emphasised: false,
      });
    }
  }
  return looks;
}
