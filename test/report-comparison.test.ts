import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Frame } from '../src/frame.js';
import { gaussian, random, seedOf } from '../src/random.js';
import type { ComparisonContent, PickedPicture } from '../src/report/strategy-comparison/content.js';
import { roundDomain, spaced } from '../src/report/strategy-comparison/layout.js';
import {
  comparisonPlots,
  comparisonTables,
  renderComparison,
} from '../src/report/strategy-comparison/page.js';
import { drawPicked } from '../src/report/strategy-comparison/picked.js';
import { seriesOf } from '../src/report/strategy-comparison/series.js';
import type { LabelRow, RoundRow } from '../src/tables/schemas.js';

const HOSTILE = `<script>alert("1")</script>&'`;
const ESCAPED = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;';

const NINE = ['rand', 'mar', 'conf', 'ent', 'mcdr', 'rmcdr', 'cset', 'mrep', 'ceal'];
const PARTS = ['ve', 've+spx', 've+spx+mcdr'];
const NAMES = [...NINE, 'viewal', ...PARTS, 'viewal+carry', 'viewal+balance'];
const PLOTS = [
  'labels-to-95-percent.svg',
  'miou-by-share.svg',
  'miou-by-effort.svg',
  'ablation.svg',
  'beyond.svg',
  'spread.svg',
  'classes-per-region.svg',
];

let pictures: PickedPicture[];
beforeAll(async () => {
  const frame = {
    scene: HOSTILE,
    id: HOSTILE,
    width: 16,
    height: 12,
    colour: new Uint8Array(3 * 16 * 12).fill(90),
  } as Frame;
  // The left half of the frame, in one piece.
  const mask = Uint8Array.from({ length: 16 * 12 }, (_, i) => (i % 16 < 8 ? 1 : 0));
  pictures = await Promise.all(['viewal', 'rand'].map((name) => drawPicked(name, frame, mask)));
});

describe('the page', () => {
  it('names every strategy, its title, and every command', () => {
    const { document } = parseHTML(renderComparison(content()));
    const rows = [...document.querySelectorAll('#ranking tbody tr')].map((row) => row.textContent ?? '');
    expect(rows.length).toBe(NAMES.length);
    for (const name of NAMES) expect(rows.some((row) => row.includes(`${name} in words`))).toBe(true);
    expect(document.querySelector('#setting code')?.textContent).toBe('viewal synth x\nviewal compare x');
  });

  it('is well formed: every element is closed, in order', () => {
    expect(unclosed(renderComparison(content()))).toEqual([]);
    for (const svg of comparisonPlots(content()).values()) expect(unclosed(svg)).toEqual([]);
  });

  it('loads nothing and runs nothing', () => {
    const page = renderComparison(content());
    expect(page).not.toMatch(/https?:(?!\/\/www\.w3\.org\/)/);
    expect(page).not.toMatch(/<(script|link|iframe|object|embed)\b/);
    expect(page).not.toMatch(/@import|\bon[a-z]+=|url\(/);
    for (const [, target] of page.matchAll(/(?:href|src)="([^"]*)"/g))
      expect(target).toMatch(/^(#|data:image\/)/);
    expect(page).toContain("default-src 'none'");
    const ids = new Set(Array.from(page.matchAll(/\bid="([^"]*)"/g), ([, id]) => id));
    for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
  });

  it('escapes every name', () => {
    const hostile = content({
      recording: HOSTILE,
      version: HOSTILE,
      classes: [HOSTILE],
      setting: [{ name: HOSTILE, value: HOSTILE }],
      options: [{ name: HOSTILE, value: HOSTILE }],
      commands: [HOSTILE],
      strategies: [{ name: HOSTILE, title: HOSTILE, unit: 'image' }],
      rounds: roundsOf([HOSTILE]),
      unfinished: [{ strategy: HOSTILE, seed: 0, reason: HOSTILE }],
    });
    const page = renderComparison(hostile);
    expect(page).not.toContain('<script');
    expect(page).toContain(ESCAPED);
    for (const svg of comparisonPlots(hostile).values()) expect(svg).not.toContain('<script');
  });

  it('shows a photograph once, however many strategies show it, and what was picked of it', () => {
    const page = renderComparison(content());
    expect(page.match(/<image id="photo-/g)?.length).toBe(1);
    expect(page.match(/<use href="#photo-0"/g)?.length).toBe(2);
    expect(page).toContain('d="M0 0h16v12h-16zM0 0h8v12h-8v-12z"');
    expect(page).toContain('50.0\u202f% of its pixels');
  });

  it('lists what failed, what has no mIoU, and what was never run', () => {
    const rounds = roundsOf(['viewal', 'rand']).map((row) =>
      row.strategy === 'rand' && row.seed === 1 && row.round === 2 ? { ...row, miou: Number.NaN } : row,
    );
    const { document } = parseHTML(
      renderComparison(
        content({
          rounds,
          strategies: ['viewal', 'rand', 'mar'].map(strategy),
          unfinished: [{ strategy: 'viewal', seed: 1, reason: 'killed in round 3' }],
        }),
      ),
    );
    const cells = [...document.querySelectorAll('#unfinished tbody tr')].map((row) =>
      [...row.querySelectorAll('td')].map((cell) => cell.textContent),
    );
    expect(cells).toEqual([
      ['viewal', '1', '5', 'killed in round 3'],
      ['rand', '1', '4', 'mIoU of round 2 is not known'],
      ['mar', '–', '0', 'no round was run'],
    ]);
    expect(document.querySelector('#plots')?.textContent).toContain('hollow: some seeds are missing');
  });

  it('says how far a strategy was taken where it did not reach the target', () => {
    const rounds = [0.1, 0.2].map((miou, i) => round('viewal', 0, i, 0.1 * (i + 1), miou));
    const page = renderComparison(content({ strategies: [strategy('viewal')], rounds }));
    expect(page).toContain('not within 20.0\u202f%');
    expect(page).toContain('none reached 95 %');
  });

  it('is the same for the same content, and leaves the content as it is', () => {
    const given = content();
    const before = JSON.stringify(given.rounds);
    const page = renderComparison(given);
    expect(renderComparison(content())).toBe(page);
    expect([...comparisonPlots(given)]).toEqual([...comparisonPlots(content())]);
    expect(JSON.stringify(given.rounds)).toBe(before);
  });

  it('renders with any part missing', () => {
    const nothing = {
      strategies: [],
      rounds: [],
      full: [],
      labels: new Map(),
      pictures: [],
      setting: [],
      options: [],
      commands: [],
      classes: [],
    };
    for (const part of Object.keys(nothing) as (keyof typeof nothing)[]) {
      const page = renderComparison(content({ [part]: nothing[part] }));
      expect(page, part).not.toMatch(/NaN|undefined|Infinity/);
    }
    const empty = renderComparison(content({ ...nothing, unfinished: [] }));
    expect(empty).not.toMatch(/NaN|undefined|Infinity/);
    expect(empty).toContain('No round’s mIoU is known yet');
    const blind = content({ rounds: roundsOf(['viewal']).map((row) => ({ ...row, miou: null })) });
    expect(renderComparison(blind)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('the plots', () => {
  it('are pictures of their own: no style sheet, no property, a white ground', async () => {
    const plots = comparisonPlots(content());
    expect([...plots.keys()]).toEqual(PLOTS);
    for (const [name, svg] of plots) {
      expect(svg, name).not.toMatch(/var\(|<style|currentColor|NaN|undefined/);
      const { data, info } = await sharp(Buffer.from(svg)).raw().toBuffer({ resolveWithObject: true });
      expect(info.width, name).toBe(1000);
      expect([...data.subarray(0, 3)], name).toEqual([255, 255, 255]);
    }
  });

  it('name their strategies: the ten, the parts of ViewAL, its variants; rand in each', () => {
    const plots = comparisonPlots(content());
    const named = (file: string) =>
      NAMES.filter((name) =>
        new RegExp(`>${name.replaceAll('+', '\\+')}( · 1 seed)?<`).test(plots.get(file)!),
      );
    expect(named('miou-by-share.svg')).toEqual([...NINE, 'viewal']);
    expect(named('miou-by-effort.svg')).toEqual([...NINE, 'viewal']);
    expect(named('ablation.svg')).toEqual(['rand', 'ent', 'viewal', ...PARTS]);
    expect(named('beyond.svg')).toEqual(['rand', 'viewal', 'viewal+carry', 'viewal+balance']);
    expect(named('labels-to-95-percent.svg')).toEqual(NAMES);
    expect(named('spread.svg')).toEqual(NAMES.filter((name) => name !== 'rand'));
    expect(named('classes-per-region.svg')).toEqual(NAMES);
    for (const file of PLOTS.slice(1, 5)) expect(plots.get(file)).toMatch(/p100: full training, 5\d\.\d %/);
  });

  it('leave text as it is: the expected number of classes has two places', () => {
    expect(comparisonPlots(content()).get('classes-per-region.svg')).toContain('expected 1.33');
  });

  it('have a look of its own for each of 30 strategies', () => {
    const looks = seriesOf(
      ['viewal', 'rand', ...Array.from({ length: 28 }, (_, i) => `s${i}`)].map((name) => ({ name })),
    );
    const drawn = [...looks.values()].map(({ symbol, dash }) => `${symbol} ${dash}`);
    // Told apart without colour.
    expect(new Set(drawn).size).toBe(30);
  });

  it('draw a single round, and mIoUs that are all the same', () => {
    const one = content({ rounds: roundsOf(['viewal', 'rand']).filter((row) => row.round === 0) });
    const flat = content({ rounds: roundsOf(NAMES).map((row) => ({ ...row, miou: 0.4 })), full: [] });
    for (const each of [one, flat])
      for (const svg of comparisonPlots(each).values()) expect(svg).not.toMatch(/NaN|Infinity/);
  });
});

describe('names at the ends of lines', () => {
  it('stay where they are when far enough apart, and move by the least otherwise', () => {
    expect(spaced([10, 30, 60], 16, 0, 100)).toEqual([10, 30, 60]);
    expect(spaced([50, 50], 16, 0, 100)).toEqual([42, 58]);
    expect(spaced([0, 0, 100, 100], 16, 0, 100)).toEqual([0, 16, 84, 100]);
    expect(spaced([5, 5, 5], 16, 0, 20)).toEqual([0, 10, 20]);
    expect(spaced([], 16, 0, 20)).toEqual([]);
  });

  it('keep their order, their gap and the bounds, wherever the lines end', () => {
    const ends = fc.array(fc.double({ min: -20, max: 220, noNaN: true }), { maxLength: 12 });
    fc.assert(
      fc.property(ends, (positions) => {
        const places = spaced(
          positions.sort((a, b) => a - b),
          16,
          0,
          200,
        );
        for (const [i, place] of places.entries()) {
          expect(place).toBeGreaterThanOrEqual(-1e-6);
          expect(place).toBeLessThanOrEqual(200 + 1e-6);
          if (i > 0) expect(place - places[i - 1]).toBeGreaterThanOrEqual(16 - 1e-6);
        }
      }),
    );
  });

  it('stand beside an axis that ends at round numbers', () => {
    expect(roundDomain([20.1, 52.9])).toEqual([20, 55]);
    expect(roundDomain([41.2, 43.9])).toEqual([41, 44]);
    const [low, high] = roundDomain([40, 40]);
    expect(low).toBeLessThan(high);
  });
});

it('the tables behind the page have its rows', () => {
  const { comparison, regionClasses } = comparisonTables(content());
  expect(comparison.map(({ rank }) => rank)).toEqual(NAMES.map((_, i) => i + 1));
  expect(regionClasses.filter(({ strategy: name }) => name === 'viewal')).toEqual([
    { strategy: 'viewal', classes: 1, regions: 4, share: expect.closeTo(2 / 3, 12) },
    { strategy: 'viewal', classes: 2, regions: 2, share: expect.closeTo(1 / 3, 12) },
  ]);
});

function content(changes: Partial<ComparisonContent> = {}): ComparisonContent {
  const rounds = roundsOf(NAMES);
  return {
    recording: 'generated',
    version: '0.4.0',
    size: { width: 320, height: 240 },
    classes: ['wall', 'floor'],
    setting: [{ name: 'schedule', value: 'quick' }],
    commands: ['viewal synth x', 'viewal compare x'],
    options: [{ name: 'rounds', value: '4' }],
    strategies: NAMES.map(strategy),
    rounds,
    full: [0, 1].map((seed) => round('full', seed, 0, 1, 0.54 + 0.01 * seed)),
    unfinished: [],
    labels: new Map(NAMES.flatMap((name) => [0, 1].map((seed) => [`${name}/${seed}`, labels]))),
    pictures,
    ...changes,
  };
}

function strategy(name: string) {
  return { name, title: `${name} in words`, unit: 'superpixel' as const };
}

/** Two seeds of five rounds; each strategy learns at a pace of its own. */
function roundsOf(names: readonly string[]): RoundRow[] {
  return names.flatMap((name, i) =>
    [0, 1].flatMap((seed) =>
      [0, 1, 2, 3, 4].map((number) => {
        const noise = 0.01 * gaussian(random(seedOf(name, seed, number)));
        const miou = 0.2 + 0.33 * (1 - Math.exp(-number * (0.4 + 0.05 * i))) + noise;
        return round(name, seed, number, 0.015 + 0.03 * number, miou);
      }),
    ),
  );
}

function round(name: string, seed: number, number: number, share: number, miou: number): RoundRow {
  return {
    strategy: name,
    seed,
    round: number,
    labelled_pixels: 1e6 * share,
    labelled_share: share,
    regions: 10 * number,
    minutes: 50 * share,
    clicks: 100 * share,
    effort: 0.75 * share,
    carried_pixels: 0,
    pseudo_pixels: 0,
    miou,
    pixel_accuracy: miou,
    mean_class_accuracy: miou,
    test_frames: 8,
  };
}

const labels: readonly LabelRow[] = [0, 1, 1, 1].map((number, i) => ({
  scene: 'a',
  frame: '0',
  unit: 'superpixel',
  superpixel: i,
  left: null,
  top: null,
  width: null,
  height: null,
  pixels: 10,
  classes: i === 3 ? 2 : 1,
  minutes: 1,
  clicks: 1,
  by: 'ground truth',
  round: number,
  rank: i,
  score: 0,
}));

/** Tags that are not closed, or close what is not open, in document order. */
function unclosed(markup: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const content = markup.replace(/<style>[\s\S]*?<\/style>/g, '');
  for (const [tag, slash, name] of content.matchAll(/<(\/?)([a-z][\w-]*)\b[^>]*>/gi)) {
    if (slash) {
      if (open.pop() !== name) wrong.push(tag);
    } else if (!tag.endsWith('/>') && !['meta', 'br', 'img', '!doctype'].includes(name)) open.push(name);
  }
  return [...wrong, ...open];
}
