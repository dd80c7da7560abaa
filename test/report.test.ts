import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pickTable } from '../src/cli/summary.js';
import { BadFrameError } from '../src/errors.js';
import { type Frame, IGNORE } from '../src/frame.js';
import { toHalves } from '../src/model/probability-map.js';
import { random } from '../src/random.js';
import { classColours, HEAT } from '../src/report/colour-map.js';
import { replayCommand } from '../src/report/command-line.js';
import { drawComparison, framesToCompare } from '../src/report/comparison.js';
import type { ReportContent } from '../src/report/content.js';
import { RIGHT, WRONG } from '../src/report/error-map.js';
import { drawFrame } from '../src/report/frame-picture.js';
import { STRIPES } from '../src/report/hatch.js';
import { heatMap, robustRange } from '../src/report/heat-map.js';
import { html } from '../src/report/html.js';
import { learningRateDrops } from '../src/report/learning-curves.js';
import { outlineOf } from '../src/report/outline.js';
import { renderReport } from '../src/report/page.js';
import type { FrameEntry, Recording } from '../src/sources/recording.js';
import { measureStage } from '../src/stages/measure.js';
import { SILENT } from '../src/stages/monitor.js';
import { parseOptions } from '../src/stages/options.js';
import { reportStage } from '../src/stages/report.js';
import type { Run } from '../src/stages/run.js';
import type { Scene } from '../src/stages/scene.js';
import { selectionsKey } from '../src/stages/select.js';
import { smoothLab } from '../src/superpixels/lab.js';
import { probabilityTable, superpixelTable } from '../src/tables/frame-tables.js';
import { readParquet, writeParquet } from '../src/tables/parquet.js';
import { RunFolder } from '../src/tables/run-folder.js';
import {
  type CalibrationRow,
  FRAMES,
  type FrameMetricRow,
  type FrameRow,
  HISTORY,
  type HistoryRow,
  type MetricRow,
  SCORES,
  type ScoreRow,
  SELECTIONS,
  type SelectionRow,
  VALIDATION,
} from '../src/tables/schemas.js';

/** A frame of four superpixels, its quarters. */
const WIDTH = 32;
const HEIGHT = 24;
const IDS = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
  const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
  return (x < WIDTH / 2 ? 0 : 1) + (y < HEIGHT / 2 ? 0 : 2);
});

const HOSTILE = `<script>alert("1")</script>&'`;
const ESCAPED = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;';

describe('markup', () => {
  it('escapes what is put in, but not markup', () => {
    expect(html`<p title="${HOSTILE}">${[HOSTILE, html`<b>${1}</b>`]}${undefined}</p>`.text).toBe(
      `<p title="${ESCAPED}">${ESCAPED}<b>1</b></p>`,
    );
  });
});

describe('outlines', () => {
  const ids = (rows: readonly string[]) => ({
    width: rows[0].length,
    height: rows.length,
    ids: Uint16Array.from(rows.join('')),
  });

  it('go around the pixel edges, clockwise', () => {
    const map = ids(['0000', '0110', '0100']);
    expect(outlineOf(map, 1)).toEqual({
      path: 'M1 1h2v1h-1v1h-1v-2z',
      box: { x: 1, y: 1, width: 2, height: 2 },
      anchor: { x: 1.5, y: 1.5 },
    });
  });

  it('go around holes the other way', () => {
    expect(outlineOf(ids(['111', '101', '111']), 1)?.path).toBe('M0 0h3v3h-3v-3zM1 2h1v-1h-1v1z');
  });

  it('keep pixels apart that touch at a corner only', () => {
    expect(outlineOf(ids(['10', '01']), 1)?.path).toBe('M0 0h1v1h-1v-1zM1 1h1v1h-1v-1z');
    expect(outlineOf(ids(['01', '10']), 1)?.path).toBe('M1 0h1v1h-1v-1zM0 1h1v1h-1v-1z');
  });

  it('are absent for an id without a pixel', () => {
    expect(outlineOf(ids(['00']), 3)).toBeUndefined();
  });

  it('enclose exactly the superpixel, for any image', () => {
    const image = fc.integer({ min: 1, max: 7 }).chain((width) =>
      fc.integer({ min: 1, max: 7 }).chain((height) =>
        fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          ids: fc.uint16Array({ minLength: width * height, maxLength: width * height, max: 2 }),
        }),
      ),
    );
    fc.assert(
      fc.property(image, (map) => {
        const path = outlineOf(map, 1)?.path ?? '';
        expect(enclosed(path, map.width, map.height)).toEqual(
          Array.from(map.ids, (id) => (id === 1 ? 1 : 0)),
        );
      }),
    );
  });

  /** Winding number of a path about each pixel's centre, by the vertical sides to its left. */
  function enclosed(path: string, width: number, height: number): number[] {
    const winding = new Array<number>(width * height).fill(0);
    let [x, y] = [0, 0];
    for (const [, command, a, b] of path.matchAll(/([Mhv])(-?\d+)(?: (\d+))?/g)) {
      if (command === 'M') [x, y] = [Number(a), Number(b)];
      else if (command === 'h') x += Number(a);
      else {
        const [from, to] = [y, y + Number(a)];
        // Upwards on the left of what is enclosed, as a clockwise walk goes.
        for (let row = Math.min(from, to); row < Math.max(from, to); row++)
          for (let column = x; column < width; column++)
            winding[row * width + column] += Math.sign(from - to);
        y = to;
      }
    }
    return winding;
  }
});

describe('colours', () => {
  it('of heat maps rise in lightness throughout, in nearly equal steps', () => {
    // CIE L*, apart from the OKLab that the colours are made in. The filter needs flat surroundings: one image each.
    const lightness = Array.from({ length: 256 }, (_, i) => {
      const rgb = HEAT.subarray(3 * i, 3 * i + 3);
      return smoothLab(Uint8Array.from(rgb), { width: 1, height: 1 })[0];
    });
    const steps = lightness.slice(1).map((l, i) => l - lightness[i]);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
    for (let i = 8; i < 256; i += 8) expect(lightness[i]).toBeGreaterThan(lightness[i - 8]);
    const mean = (lightness[255] - lightness[0]) / 255;
    for (let i = 0; i + 32 < 256; i += 32) {
      expect((lightness[i + 32] - lightness[i]) / 32).toBeGreaterThan(0.5 * mean);
      expect((lightness[i + 32] - lightness[i]) / 32).toBeLessThan(2 * mean);
    }
  });

  it('of classes are all different, and none is a grey of the hatching', () => {
    const colours = classColours(40);
    const names = Array.from({ length: 40 }, (_, c) => `${colours.subarray(3 * c, 3 * c + 3)}`);
    expect(new Set(names).size).toBe(40);
    for (const stripe of STRIPES) expect(names).not.toContain(`${[stripe, stripe, stripe]}`);
  });
});

describe('heat maps', () => {
  const size = { width: 4, height: 1 };
  const heat = (i: number) => [...HEAT.subarray(3 * i, 3 * i + 3)];

  it('paint scores between the ends of the range, and beyond as the ends', () => {
    const pixels = heatMap(
      size,
      Uint16Array.of(0, 1, 2, 3),
      new Float32Array(4).fill(1),
      Float32Array.of(1, 2, 3, 0.2),
      { low: 1, high: 2.5 },
    );
    expect([...pixels]).toEqual([...heat(0), ...heat(170), ...heat(255), ...heat(0)]);
  });

  it('hatch pixels without depth and superpixels without a score', () => {
    const pixels = heatMap(
      size,
      Uint16Array.of(0, 0, 1, 1),
      Float32Array.of(1, 0, 1, 0),
      Float32Array.of(2, Number.NaN),
      { low: 1, high: 2 },
    );
    const grey = [STRIPES[0], STRIPES[0], STRIPES[0]];
    expect([...pixels]).toEqual([...heat(255), ...grey, ...grey, ...grey]);
  });

  it('take their range from the 1st to the 99th percentile', () => {
    const scores = Float32Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(robustRange(scores)).toEqual({ low: 1, high: 99 });
    expect(robustRange(new Float32Array(0))).toBeUndefined();
    expect(robustRange(Float32Array.of(2))).toEqual({ low: 2, high: 2 });
  });

  it('lose no colour when encoded', async () => {
    const picture = await drawFrame(frameOf('a', '0'), IDS, [], {
      heat: [{ title: 'VE', scores: Float32Array.of(0, 1, 2, 3), range: { low: 0, high: 3 } }],
      classNames: [],
    });
    const png = Buffer.from(picture.details!.heat[0].image.split(',')[1], 'base64');
    const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([...data.subarray(0, 3)]).toEqual(heat(0));
    expect([...data.subarray(3 * (WIDTH - 1), 3 * WIDTH)]).toEqual(heat(85));
  });
});

describe('comparisons with the truth', () => {
  it('show the worst, the median and the best frame, of the pool where it has any', () => {
    const chosen = (...rows: FrameMetricRow[]) =>
      framesToCompare(rows).map(({ row, standing }) => `${standing} ${row.split} ${row.frame}`);
    const pool = [0.5, 0.25, 0.75, 0.25, 0.5].map((accuracy, i) => frameMetric('pool', `${i}`, accuracy));
    const others = [frameMetric('validation', 'v', 0.9), frameMetric('trained', 't', 1)];
    expect(chosen(...others, ...pool)).toEqual(['worst pool 1', 'median pool 0', 'best pool 2']);
    expect(chosen(...others)).toEqual(['only validation v']);
    expect(chosen(others[1], frameMetric('pool', 'unlabelled', null))).toEqual(['only trained t']);
    expect(chosen(...pool.slice(0, 2))).toEqual(['worst pool 1', 'best pool 0']);
    expect(chosen()).toEqual([]);
  });

  it('paint what is wrong, what is right, and hatch what is not labelled', async () => {
    const frame = frameOf('a', '0');
    const truth = frame.labels!.slice();
    truth[1] = 0;
    truth[2] = IGNORE;
    const compared = { row: frameMetric('pool', '0', 0.5), standing: 'best' };
    const comparison = await drawComparison(compared, frame, truth, mapOf(3), ['bed', 'floor', 'wall']);
    const pixels = async (uri: string) =>
      [
        ...(await sharp(Buffer.from(uri.split(',')[1], 'base64'))
          .raw()
          .toBuffer()),
      ].slice(0, 9);
    const grey = [STRIPES[0], STRIPES[0], STRIPES[0]];
    const [bed, floor] = [0, 1].map((c) => [...classColours(3).subarray(3 * c, 3 * c + 3)]);
    expect(await pixels(comparison.errors)).toEqual([...WRONG, ...RIGHT, ...grey]);
    expect(await pixels(comparison.truth)).toEqual([...floor, ...bed, ...grey]);
    expect(await pixels(comparison.prediction)).toEqual([...bed, ...bed, ...bed]);
    expect(comparison.legend.map(({ name }) => name)).toEqual(['bed', 'floor']);
  });
});

it('learning-rate drops are steps, not a gradual decay', () => {
  expect(learningRateDrops(historyOf(100, (step) => (step > 80 ? 1e-4 : step > 40 ? 1e-3 : 1e-2)))).toEqual([
    41, 81,
  ]);
  expect(learningRateDrops(historyOf(400, (step) => 0.05 * (1 - (step - 1) / 400) ** 0.9))).toEqual([]);
  expect(learningRateDrops([])).toEqual([]);
});

it('the table of picks fits a terminal of 100 columns', () => {
  const picks = Array.from({ length: 10 }, (_, i) => selection('scene0707_00', '001230', i, i + 1));
  const widths = pickTable(picks)
    .split('\n')
    .map((line) => line.length);
  expect(Math.max(...widths)).toBeLessThanOrEqual(100);
});

it('the command line quotes what a shell would take apart', () => {
  expect(replayCommand(`/data/my recording's`, { superpixelCount: 30, budget: '2images', model: null })).toBe(
    `viewal replay '/data/my recording'\\''s' --out runs/again --superpixel-count 30 --budget 2images`,
  );
});

describe('the page', () => {
  const bare: ReportContent = {
    recording: HOSTILE,
    format: 'own',
    version: '1.2.3',
    command: `viewal replay ${HOSTILE}`,
    options: [{ name: 'model', meaning: 'a folder', value: HOSTILE, isDefault: false }],
    size: { width: WIDTH, height: HEIGHT },
    trainedHere: true,
    missingStage: 'select',
    scenes: [],
    skipped: [],
    selections: undefined,
    candidates: { viewEntropy: new Float32Array(0), viewDivergence: new Float32Array(0) },
    cards: [],
    frames: [],
    pictures: new Map(),
    classes: [],
    history: [],
    validation: [],
    metrics: [],
    confusion: [],
    calibration: [],
    missingMaps: 0,
    comparisons: [],
  };

  async function full(): Promise<ReportContent> {
    const details = {
      heat: [{ title: 'View entropy', scores: Float32Array.of(0, 1, 2, 3), range: { low: 0, high: 3 } }],
      probabilities: mapOf(3),
      classNames: [HOSTILE, 'floor', 'wall'],
    };
    const picture = await drawFrame(frameOf(HOSTILE, HOSTILE), IDS, [{ rank: 1, superpixel: 2 }], details);
    const pick = selection(HOSTILE, HOSTILE, 2, 1);
    return {
      ...bare,
      scenes: [
        {
          name: HOSTILE,
          frames: 2,
          used: 1,
          skipped: 1,
          trained: 2,
          validation: 3,
          points: 1234567,
          scored: 4,
          viewEntropy: 1,
          viewDivergence: 0.5,
          picks: 1,
        },
      ],
      skipped: [{ scene: HOSTILE, frame: HOSTILE, reason: HOSTILE }],
      selections: [pick],
      candidates: { viewEntropy: Float32Array.of(1, 2, 1.5), viewDivergence: Float32Array.of(0.1, 0.4, 0.2) },
      cards: [{ pick, views: 2.5 }],
      frames: [picture],
      pictures: new Map([[`${HOSTILE}/${HOSTILE}`, picture]]),
      classes: [HOSTILE, 'floor', 'wall', 'ceiling'],
      history: historyOf(1000, (step) => (step > 600 ? 0.005 : 0.05)),
      validation: [
        { step: 500, epoch: 5, miou: 0.125, pixel_accuracy: 0.5, best: true },
        { step: 750, epoch: 7, miou: 0.375, pixel_accuracy: 0.5, best: true },
        { step: 1000, epoch: 10, miou: 0.25, pixel_accuracy: 0.5, best: false },
      ],
      metrics: [
        metric('trained', 'miou', null, 0.875),
        metric('pool', 'miou', null, 0.25),
        metric('pool', 'pixel_accuracy', null, 0.5),
        metric('pool', 'mean_class_accuracy', null, 0.333),
        metric('pool', 'frequency_weighted_iou', null, 0.444),
        metric('pool', 'expected_calibration_error', null, 0.0625),
        metric('pool', 'negative_log_likelihood', null, 1.25),
        metric('pool', 'brier_score', null, 0.625),
        metric('pool', 'iou', HOSTILE, 0.25),
        metric('pool', 'iou', 'ceiling', null),
        metric('pool', 'class_accuracy', HOSTILE, 0.666),
        metric('pool', 'class_accuracy', 'ceiling', null),
      ],
      confusion: [
        { split: 'trained', truth: 'wall', predicted: 'floor', pixels: 1 },
        { split: 'pool', truth: HOSTILE, predicted: HOSTILE, pixels: 300 },
        { split: 'pool', truth: HOSTILE, predicted: 'floor', pixels: 100 },
        { split: 'pool', truth: 'floor', predicted: 'floor', pixels: 999 },
        { split: 'pool', truth: 'floor', predicted: 'wall', pixels: 1 },
      ],
      calibration: binsOf('pool'),
      comparisons: [
        await drawComparison(
          { row: frameMetric('pool', HOSTILE, 0.25), standing: 'worst' },
          frameOf(HOSTILE, HOSTILE),
          frameOf(HOSTILE, HOSTILE).labels!,
          mapOf(3),
          [HOSTILE, 'floor', 'wall'],
        ),
      ],
    };
  }

  it('escapes every name', async () => {
    const page = renderReport(await full());
    expect(page).not.toContain('<script');
    expect(page).toContain(ESCAPED);
  });

  it('loads nothing and runs nothing', async () => {
    const page = renderReport(await full());
    expect(page).not.toMatch(/https?:/);
    expect(page).not.toMatch(/<(script|link|iframe|object|embed)\b/);
    expect(page).not.toMatch(/@import|\bon[a-z]+=/);
    for (const [, target] of page.matchAll(/(?:href|src)="([^"]*)"/g))
      expect(target).toMatch(/^(#|data:image\/)/);
    expect(page).not.toMatch(/url\(/);
    expect(page).toContain("default-src 'none'");
  });

  it('links only to what is there', async () => {
    const page = renderReport(await full());
    const ids = new Set(Array.from(page.matchAll(/\bid="([^"]*)"/g), ([, id]) => id));
    for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
  });

  it('shows the pick, its numbers, and the classes that are left out', async () => {
    const page = renderReport(await full());
    expect(page).toContain('id="pick-1"');
    expect(page).toContain('2.5 frames');
    expect(page).toContain('1\u202f234\u202f567');
    expect(page).toContain('for the same reason: ceiling');
  });

  it('shows how the network was trained: the best validation, and where the learning rate dropped', async () => {
    const whole = await full();
    const page = section(renderReport(whole), 'network');
    expect(page).toContain('37.5\u202f% after step 750');
    expect(page.match(/the learning rate drops/g)).toHaveLength(2);
    expect(page.match(/<figure class="plot">/g)).toHaveLength(3);
    const steady = section(
      renderReport({ ...whole, history: historyOf(9, () => 0.1), validation: [] }),
      'network',
    );
    expect(steady).not.toContain('learning rate');
    expect(steady).not.toContain('on the validation frames;');
  });

  it('shows every measure of every split, and the classes of the confusion by row', async () => {
    const page = section(renderReport(await full()), 'network');
    for (const shown of ['87.5', '25.0', '50.0', '33.3', '44.4', '6.3', '66.6'])
      expect(page).toContain(`${shown}\u202f%`);
    expect(page).toContain('1.250');
    expect(page).toContain('0.625');
    expect(page).toContain('Calibration error on the other labelled frames: 6.3');
    const rows = [...page.matchAll(/<tr><th>(.*?)<\/th>(.*?)<\/tr>/gs)].filter(([, , cells]) =>
      cells.includes('<td'),
    );
    // Of the pool, not of the frames trained on: the wall has no row, as it has no true pixel, but a column.
    expect(rows.map(([, name]) => name)).toEqual([ESCAPED, 'floor']);
    expect(rows[0][2]).toContain(
      `<td class="h8 right" title="${ESCAPED} as ${ESCAPED}: 75.0\u202f%">75</td>`,
    );
    expect(rows[0][2]).toContain(`<td class="h3" title="${ESCAPED} as floor: 25.0\u202f%">25</td>`);
    expect(rows[1][2]).toMatch(
      /^<td><\/td><td class="h10 right"[^>]*>100<\/td><td><\/td><td class="number">/,
    );
  });

  it('writes 0 where nothing of a class is right, and nothing where nothing is wrong', async () => {
    const confusion = [{ split: 'pool', truth: 'floor', predicted: 'wall', pixels: 5 }];
    const page = section(renderReport({ ...(await full()), confusion }), 'network');
    expect(page).toContain('<tr><th>floor</th><td class="right">0</td><td class="h10"');
  });

  it('says that frames were trained on only where they were', async () => {
    const own = renderReport(await full());
    expect(own).toContain('<dt>trained on</dt><dd>2<small>labelled frames, 3 validated on</small>');
    expect(own).toContain('validated on</th>');
    expect(own).toContain('flatter the network');
    const given = renderReport({ ...(await full()), trainedHere: false, history: [], validation: [] });
    expect(given).toContain('<dt>labelled already</dt><dd>5<small>frames, never selected</small>');
    expect(given).toContain('<td>frames labelled already</td>');
    expect(given).not.toMatch(/trained on|validated on|flatter/);
  });

  it('tells the two validation mIoUs apart', async () => {
    const whole = await full();
    const metrics = [...whole.metrics, metric('validation', 'miou', null, 0.5)];
    expect(renderReport(whole)).toContain('by one pass without dropout;');
    expect(renderReport({ ...whole, metrics })).toContain(
      'by one pass without dropout (measured below on the mean of the dropout draws);',
    );
  });

  it('is the same for the same content', async () => {
    expect(renderReport(await full())).toBe(renderReport(await full()));
  });

  it('renders with any part missing', async () => {
    const whole = await full();
    expect(renderReport(bare)).toContain('Nothing is selected yet');
    expect(renderReport({ ...whole, selections: [], cards: [] })).toContain('Nothing to select');
    expect(renderReport({ ...whole, pictures: new Map(), frames: [] })).toContain('can no longer be read');
    for (const part of [
      'scenes',
      'skipped',
      'frames',
      'candidates',
      'history',
      'validation',
      'metrics',
      'confusion',
      'calibration',
      'comparisons',
    ] as const) {
      const page = renderReport({ ...whole, [part]: bare[part] });
      expect(page).toContain('</html>');
      expect(page).not.toMatch(/NaN|undefined|\[object/);
    }
  });

  it('stays small however many picks, candidates and steps there are', () => {
    const next = random(1);
    const many = 20_000;
    const scores = () => Float32Array.from({ length: many }, next);
    const names = Array.from({ length: 255 }, (_, c) => `class number ${c}`);
    const page = renderReport({
      ...bare,
      selections: Array.from({ length: many }, (_, i) => selection('s', 'f', i, i + 1)),
      candidates: { viewEntropy: scores(), viewDivergence: scores() },
      history: historyOf(many, (step) => 1 / 10 ** (step % 7)),
      validation: Array.from({ length: many }, (_, i) => ({
        step: i + 1,
        epoch: i + 1,
        miou: next(),
        pixel_accuracy: next(),
        best: true,
      })),
      classes: names,
      metrics: [
        metric('pool', 'miou', null, 0.5),
        ...names.map((name) => metric('pool', 'iou', name, next())),
      ],
      confusion: names.flatMap((truth) =>
        names.map((predicted) => ({ split: 'pool', truth, predicted, pixels: 1 + Math.floor(9 * next()) })),
      ),
      calibration: ['trained', 'validation', 'pool'].flatMap(binsOf),
      skipped: Array.from({ length: many }, (_, i) => ({ scene: 's', frame: `${i}`, reason: 'bad' })),
    });
    expect(page.length).toBeLessThan(1_000_000);
    expect(page).toContain('19\u202f700 more in selections/selections.parquet');
    expect(page).toContain('215 more in confusion/confusion.parquet');
  });
});

describe('the stage', () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'viewal-report-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  const entry = (scene: string, id: string): FrameEntry => ({
    scene,
    id,
    labelled: true,
    fingerprint: '',
    labelFingerprint: '',
  });
  const SCENES = [
    { name: 'one', entries: [entry('one', '0'), entry('one', '1')] },
    { name: 'two', entries: [entry('two', '0')] },
  ];

  async function openTestRun(overrides: Partial<Recording> = {}): Promise<{ run: Run; scenes: Scene[] }> {
    const recording: Recording = {
      path: '/recordings/test',
      format: 'own',
      classes: ['bed', 'floor', 'wall'],
      frames: SCENES.flatMap(({ entries }) => entries),
      bad: [{ scene: 'three', id: '7', file: 'three/7.pose.txt', reason: 'is not there' }],
      read: async ({ scene, id }) => frameOf(scene, id),
      superpixelFile: () => undefined,
      ...overrides,
    };
    const folder = await RunFolder.open(path);
    const run: Run = {
      folder,
      shared: folder,
      recording,
      options: parseOptions({}),
      size: { width: WIDTH, height: HEIGHT },
      scenes: new Map(SCENES.map(({ name, entries }) => [name, entries])),
      training: new Set(),
      validation: new Set(),
      monitor: SILENT,
    };
    const scenes = SCENES.map(({ name, entries }) => ({
      name,
      entries,
      keys: {
        frames: new Map(
          entries.map(({ id }) => [
            id,
            { superpixels: 's', footprint: 'f', probabilities: 'p', incidences: 'i', own: {} },
          ]),
        ),
        points: 'points',
        frameRows: 'frames',
        scores: 'scores',
        picks: 'picks',
      },
    }));
    await run.folder.writeManifest({});
    return { run, scenes };
  }

  async function writeTables(run: Run, scenes: readonly Scene[], classes = 3): Promise<void> {
    const { folder } = run;
    for (const { name, entries, keys } of scenes) {
      await writeParquet(
        folder.sceneFile(FRAMES.name, name, 'parquet'),
        FRAMES,
        keys.frameRows,
        entries.map(({ id }) => frameRow(name, id)),
      );
      const scores = entries.flatMap(({ id }) =>
        [0, 1, 2, 3].map((superpixel) => scoreRow(name, id, superpixel)),
      );
      await writeParquet(folder.sceneFile(SCORES.name, name, 'parquet'), SCORES, keys.scores, scores);
      for (const each of entries) {
        await superpixelTable(folder).write(each, 's', { width: WIDTH, height: HEIGHT, count: 4, ids: IDS });
        await probabilityTable(folder).write(each, 'p', mapOf(classes));
      }
    }
    await writeParquet(folder.runFile(SELECTIONS.name), SELECTIONS, selectionsKey(scenes), [
      selection('one', '1', 2, 1),
      selection('two', '0', 3, 2),
    ]);
    await writeParquet(folder.runFile(HISTORY.name), HISTORY, 'h', [
      { step: 1, epoch: 1, learning_rate: 0.1, loss: 2 },
    ]);
    await writeParquet(folder.runFile(VALIDATION.name), VALIDATION, 'v', [
      { step: 1, epoch: 1, miou: 0.125, pixel_accuracy: 0.5, best: true },
    ]);
    await measureStage(run, scenes);
  }

  const report = async ({ run, scenes }: { run: Run; scenes: Scene[] }) =>
    readFile(await reportStage(run, scenes, await measureStage(run, scenes)), 'utf8');

  it('writes report.html from the tables and the frames, the same each time', async () => {
    const opened = await openTestRun();
    await writeTables(opened.run, opened.scenes);
    const page = await report(opened);
    expect(page).toContain('id="pick-2"');
    expect(page).toContain('id="frame-2"');
    expect(page).toContain('Ground truth');
    expect(page).toContain('12.5\u202f% after step 1');
    expect(page.match(/class="compared"/g)).toHaveLength(3);
    expect(page).toContain('<b>Worst</b>: one / 0,');
    expect(page).toContain('three/7.pose.txt: is not there');
    expect(page).toContain('viewal replay /recordings/test --out runs/again<');
    expect(page).not.toMatch(/NaN|undefined/);
    expect(await report(opened)).toBe(page);
  });

  it('says what could not be measured: frames whose maps are to come, or all for want of labels', async () => {
    const opened = await openTestRun();
    expect(await report(opened)).toContain(
      'Not measured yet on 3 labelled frames: their probability maps are still missing',
    );
    await writeTables(opened.run, opened.scenes);
    expect(await report(opened)).not.toContain('still missing');
    await rm(opened.run.folder.runFile(HISTORY.name));
    const unlabelled = opened.scenes.map((scene) => ({
      ...scene,
      entries: scene.entries.map((each) => ({ ...each, labelled: false })),
      keys: { ...scene.keys, points: 'others' },
    }));
    expect(await report({ ...opened, scenes: unlabelled })).toContain('no usable frame has labels');
  });

  it('tells what is not known from what is nothing, and what to run next', async () => {
    const opened = await openTestRun();
    const { folder } = opened.run;
    const run = { ...opened.run, training: new Set(['one/0']), validation: new Set(['two/0']) };
    const { scenes } = opened;
    const trained = await report({ run, scenes });
    expect(trained).toContain('<dt>to label</dt><dd>–');
    expect(trained).toContain('<dt>frames used</dt><dd>–<small>1 skipped');
    expect(trained).toContain('<dt>trained on</dt><dd>1<small>labelled frames, 1 validated on');
    expect(cellsOf(trained, 'one')).toEqual(['2', '–', '–', '1', '0', '–', '–', '–', '–', '–']);
    expect(trained.match(/; next, run <code>viewal infer<\/code>/g)).toHaveLength(3);

    await probabilityTable(folder).write(entry('one', '0'), 'p', mapOf(3));
    expect(await report({ run, scenes })).toContain('next, run <code>viewal score</code>');

    await writeTables(run, scenes);
    await rm(folder.runFile(SELECTIONS.name));
    const scored = await report({ run, scenes });
    expect(scored.match(/next, run <code>viewal select<\/code>/g)).toHaveLength(1);
    expect(cellsOf(scored, 'one').slice(0, 6)).toEqual(['2', '2', '0', '1', '0', '–']);

    await writeTables(run, scenes);
    expect(await report({ run, scenes })).not.toContain('next, run');
  });

  it('gives options their names on the command line, and the values that the profile stands for', async () => {
    const opened = await openTestRun();
    const shownValue = (page: string, name: string) =>
      page.match(new RegExp(`<dt>${name}</dt><dd>(.*?)<br>`))?.[1];
    const training = new Set(['one/0', 'one/1']);
    const shown = async (options: Parameters<typeof parseOptions>[0]) => {
      const page = await report({
        ...opened,
        run: { ...opened.run, training, options: parseOptions(options) },
      });
      return ['width', 'steps', 'crop', 'augment', 'learning-rate', 'decay-epoch', 'patience', 'workers'].map(
        (name) => shownValue(page, name),
      );
    };
    const [quick, paper] = [
      ['0.35', '400', '160x120', 'crop,flip', '0.05', 'none', 'none'],
      ['1', '100', '320x240', 'crop,flip,blur,noise', '0.01', '40', '20'],
    ].map((values) => [...values.map((value) => `${value} (by profile)`), 'one a core']);
    expect(await shown({})).toEqual(quick);
    // 200 epochs of 2 images, 4 a step.
    expect(await shown({ profile: 'paper' })).toEqual(paper);
    expect(await shown({ width: 1, epochs: 10, crop: '64x48' })).toEqual(
      quick.with(0, '<b>1</b>').with(1, '5 (by epochs)').with(2, '<b>64x48</b>'),
    );
    const probabilities = join(path, 'own');
    await mkdir(join(probabilities, 'one'), { recursive: true });
    await writeFile(join(probabilities, 'one', '0.npy'), '');
    expect(await shown({ probabilities })).toEqual([...Array(7).fill('–'), 'one a core']);
  });

  it('does with an empty run folder', async () => {
    const page = await report(await openTestRun());
    expect(page).toContain('Nothing is selected yet');
    expect(page).toContain('No superpixel has a score');
  });

  it('shows frames of highest entropy where nothing is selected', async () => {
    const opened = await openTestRun();
    await writeTables(opened.run, opened.scenes);
    await writeParquet(
      opened.run.folder.runFile(SELECTIONS.name),
      SELECTIONS,
      selectionsKey(opened.scenes),
      [],
    );
    const page = await report(opened);
    expect(page).toContain('highest mean view entropy');
    expect(page).toContain('id="frame-3"');
  });

  it('leaves out what was computed from other inputs', async () => {
    const opened = await openTestRun();
    await writeTables(opened.run, opened.scenes);
    const scenes = opened.scenes.map((scene) => ({
      ...scene,
      keys: { ...scene.keys, scores: 'new', picks: 'new' },
    }));
    expect(
      await readParquet(opened.run.folder.sceneFile(SCORES.name, 'one', 'parquet'), SCORES),
    ).toHaveLength(8);
    const page = await report({ ...opened, scenes });
    expect(page).toContain('No superpixel has a score');
    expect(page).toContain('Nothing is selected yet');
  });

  it('names no class where the maps are of other classes than the labels, and needs no labels', async () => {
    const read: Recording['read'] = async ({ scene, id }) => ({ ...frameOf(scene, id), labels: undefined });
    const opened = await openTestRun({ read });
    await writeTables(opened.run, opened.scenes, 5);
    const page = await report(opened);
    expect(page).toContain('class 0');
    expect(page).not.toContain('Ground truth');
  });

  it('goes on without the picture of a frame that can no longer be read', async () => {
    const read: Recording['read'] = async ({ scene, id }) => {
      if (scene === 'one') throw new BadFrameError('one/1.color.jpg', 'is not there');
      return frameOf(scene, id);
    };
    const opened = await openTestRun({ read });
    await writeTables(opened.run, opened.scenes);
    const page = await report(opened);
    expect(page).toContain('can no longer be read');
    expect(page).toContain('id="frame-1"');
    expect(page).not.toContain('id="frame-2"');
  });
});

/** The numbers of a scene's row. */
function cellsOf(page: string, scene: string): string[] {
  const row = section(page, 'scenes').split(`<tr><td>${scene}</td>`)[1].split('</tr>')[0];
  return Array.from(row.matchAll(/<td class="number">(.*?)<\/td>/g), ([, cell]) => cell);
}

/** The section of a page that has an id, to the next. */
function section(page: string, id: string): string {
  return page.slice(page.indexOf(`<section id="${id}"`)).split('</section>')[0];
}

function historyOf(steps: number, rate: (step: number) => number): HistoryRow[] {
  return Array.from({ length: steps }, (_, i) => ({
    step: i + 1,
    epoch: 1,
    learning_rate: rate(i + 1),
    loss: 4 / (1 + i),
  }));
}

/** The lowest bins are empty, as they are of any network. */
function binsOf(split: string): CalibrationRow[] {
  return Array.from({ length: 15 }, (_, bin) => ({
    split,
    bin,
    lower: bin / 15,
    upper: (bin + 1) / 15,
    pixels: bin < 4 ? 0 : bin * 10,
    confidence: bin < 4 ? null : (bin + 0.5) / 15,
    accuracy: bin < 4 ? null : bin / 20,
  }));
}

function frameMetric(split: string, frame: string, accuracy: number | null): FrameMetricRow {
  return { split, scene: 's', frame, pixels: 700, pixel_accuracy: accuracy, miou: accuracy };
}

function frameOf(scene: string, id: string): Frame {
  return {
    scene,
    id,
    timestamp: 0,
    width: WIDTH,
    height: HEIGHT,
    colour: new Uint8Array(3 * WIDTH * HEIGHT).fill(100),
    depth: new Float32Array(WIDTH * HEIGHT).fill(1),
    intrinsics: { fx: 30, fy: 30, cx: 16, cy: 12 },
    cameraToWorld: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1),
    labels: new Uint8Array(WIDTH * HEIGHT).fill(1),
  };
}

/** Every pixel is of class 0. */
function mapOf(classes: number) {
  const values = Float32Array.from({ length: WIDTH * HEIGHT * classes }, (_, i) =>
    i % classes === 0 ? 1 : 0,
  );
  return { width: WIDTH, height: HEIGHT, classes, data: toHalves(values) };
}

function selection(scene: string, frame: string, superpixel: number, rank: number): SelectionRow {
  return {
    rank,
    scene,
    frame,
    superpixel,
    pixels: 192,
    view_entropy: 2,
    view_divergence: 0.5,
    trigger_frame: frame,
    trigger_superpixel: 0,
    trigger_entropy: 2.5,
    overlap_set: 3,
  };
}

function metric(split: string, name: string, of: string | null, value: number | null): MetricRow {
  return { split, metric: name, class: of, value, frames: 3, pixels: 1000 };
}

function frameRow(scene: string, frame: string): FrameRow {
  return {
    scene,
    frame,
    timestamp: 0,
    used: true,
    reason: null,
    trained: false,
    validation: false,
    width: WIDTH,
    height: HEIGHT,
    fx: 30,
    fy: 30,
    cx: 16,
    cy: 12,
    camera_to_world: [],
    depth_pixels: WIDTH * HEIGHT,
  };
}

function scoreRow(scene: string, frame: string, superpixel: number): ScoreRow {
  return {
    scene,
    frame,
    superpixel,
    pixels: 192,
    scored_pixels: 192,
    view_entropy: 1 + superpixel / 4,
    view_divergence: superpixel / 8,
    views: 2,
  };
}
