import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BadFrameError } from '../src/errors.js';
import { type Frame, frameName, IGNORE } from '../src/frame.js';
import { saveNetwork } from '../src/model/checkpoint.js';
import { initialNetwork } from '../src/model/network.js';
import { toHalves } from '../src/model/probability-map.js';
import { random, seedOf } from '../src/random.js';
import type { FrameEntry, Recording } from '../src/sources/recording.js';
import { type Measures, measureStage, storedMeasures } from '../src/stages/measure.js';
import { SILENT } from '../src/stages/monitor.js';
import { parseOptions } from '../src/stages/options.js';
import type { Run } from '../src/stages/run.js';
import type { Scene } from '../src/stages/scene.js';
import { probabilityTable } from '../src/tables/frame-tables.js';
import { readParquet, writeParquet } from '../src/tables/parquet.js';
import { RunFolder } from '../src/tables/run-folder.js';
import {
  CALIBRATION,
  CONFUSION,
  FRAME_METRICS,
  FRAMES,
  type FrameRow,
  METRICS,
} from '../src/tables/schemas.js';

const SIZE = { width: 16, height: 12 };
const PIXELS = SIZE.width * SIZE.height;
const CLASSES = ['bed', 'floor', 'wall', 'unseen'];
const TABLES = [METRICS, FRAME_METRICS, CONFUSION, CALIBRATION];

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'viewal-measure-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const entry = (id: string): FrameEntry => ({
  scene: 'room',
  id,
  labelled: true,
  fingerprint: '',
  labelFingerprint: '',
});

/** Labels of a frame: `unseen` is in none, one pixel in seven is unlabelled. */
function labelsOf(id: string): Uint8Array {
  const next = random(seedOf('labels', id));
  return Uint8Array.from({ length: PIXELS }, (_, i) => (i % 7 === 0 ? IGNORE : Math.floor(3 * next())));
}

/** Probabilities of a frame, exact as halves: k/16 for each class. */
function probabilitiesOf(id: string, classes = CLASSES.length): Float32Array {
  const next = random(seedOf('map', id));
  const values = new Float32Array(PIXELS * classes);
  for (let at = 0; at < values.length; at += classes)
    for (let k = 0; k < 16; k++) values[at + Math.floor(classes * next() ** 2)] += 1 / 16;
  return values;
}

async function openTestRun(
  ids: readonly string[],
  overrides: Partial<Pick<Run, 'training' | 'validation'>> = {},
  read: Recording['read'] = async ({ id }) => frameOf(id),
): Promise<{ run: Run; scenes: Scene[] }> {
  const entries = ids.map(entry);
  const folder = await RunFolder.open(path);
  const run: Run = {
    folder,
    shared: folder,
    recording: {
      path: '/recordings/test',
      format: 'own',
      classes: CLASSES,
      frames: entries,
      bad: [],
      read,
      superpixelFile: () => undefined,
    },
    options: parseOptions({}),
    size: SIZE,
    scenes: new Map([['room', entries]]),
    training: new Set(),
    validation: new Set(),
    monitor: SILENT,
    ...overrides,
  };
  const keys = { superpixels: 's', footprint: 'f', probabilities: 'p', incidences: 'i', own: {} };
  const scene = {
    name: 'room',
    entries,
    keys: {
      frames: new Map(ids.map((id) => [id, keys])),
      points: 'points',
      frameRows: 'frames',
      scores: 'scores',
      picks: 'picks',
    },
  };
  await run.folder.writeManifest({});
  return { run, scenes: [scene] };
}

async function storeMaps(run: Run, ids: readonly string[], classes = CLASSES.length): Promise<void> {
  for (const id of ids)
    await probabilityTable(run.folder).write(entry(id), 'p', {
      ...SIZE,
      classes,
      data: toHalves(probabilitiesOf(id, classes)),
    });
}

const splits = { training: new Set(['room/0']), validation: new Set(['room/2']) };

function measured({ metrics }: Measures, split: string, metric: string, of: string | null = null) {
  return metrics.find((row) => row.split === split && row.metric === metric && row.class === of)?.value;
}

describe('measuring', () => {
  test('gives every measure of every split, as counted pixel by pixel', async () => {
    const ids = ['0', '1', '2', '3'];
    const { run, scenes } = await openTestRun(ids, splits);
    await storeMaps(run, ids);
    const measures = await measureStage(run, scenes);
    expect([...new Set(measures.metrics.map((row) => row.split))]).toEqual(['trained', 'validation', 'pool']);

    for (const [split, members] of [
      ['trained', ['0']],
      ['validation', ['2']],
      ['pool', ['1', '3']],
    ] as const) {
      const pixels = members.flatMap((id) => {
        const values = probabilitiesOf(id);
        return Array.from(labelsOf(id), (truth, i) => {
          const p = [...values.subarray(4 * i, 4 * i + 4)];
          return { truth, p, predicted: p.indexOf(Math.max(...p)) };
        }).filter(({ truth }) => truth !== IGNORE);
      });
      const n = pixels.length;
      const size = (of: (pixel: (typeof pixels)[number]) => boolean) => pixels.filter(of).length;
      const both = (c: number) => size(({ truth, predicted }) => truth === c && predicted === c);
      const either = (c: number) => size(({ truth, predicted }) => truth === c || predicted === c);
      const ofTruth = (c: number) => size(({ truth }) => truth === c);
      const mean = (of: (c: number) => number) => (of(0) + of(1) + of(2)) / 3;
      const expected = {
        miou: mean((c) => both(c) / either(c)),
        pixel_accuracy: size(({ truth, predicted }) => truth === predicted) / n,
        mean_class_accuracy: mean((c) => both(c) / ofTruth(c)),
        frequency_weighted_iou: 3 * mean((c) => (ofTruth(c) / n) * (both(c) / either(c))),
        negative_log_likelihood:
          pixels.reduce((s, { p, truth }) => s - Math.log(Math.max(p[truth], 1e-8)), 0) / n,
        brier_score:
          pixels.reduce(
            (s, { p, truth }) => s + p.reduce((b, value, c) => b + (value - (c === truth ? 1 : 0)) ** 2, 0),
            0,
          ) / n,
      };
      for (const [metric, value] of Object.entries(expected))
        expect(measured(measures, split, metric), metric).toBeCloseTo(value, 6);
      CLASSES.slice(0, 3).forEach((name, c) => {
        expect(measured(measures, split, 'iou', name)).toBeCloseTo(both(c) / either(c), 6);
        expect(measured(measures, split, 'class_accuracy', name)).toBeCloseTo(both(c) / ofTruth(c), 6);
      });
      expect(measured(measures, split, 'iou', 'unseen')).toBeNull();
      expect(measured(measures, split, 'class_accuracy', 'unseen')).toBeNull();

      const confusion = measures.confusion.filter((row) => row.split === split);
      for (const { truth, predicted, pixels: count } of confusion)
        expect(count).toBe(
          size((pixel) => CLASSES[pixel.truth] === truth && CLASSES[pixel.predicted] === predicted),
        );
      expect(confusion.reduce((s, row) => s + row.pixels, 0)).toBe(n);

      const bins = measures.calibration.filter((row) => row.split === split);
      expect(bins.map((row) => row.bin)).toEqual(Array.from({ length: 15 }, (_, i) => i));
      expect(bins.reduce((s, row) => s + row.pixels, 0)).toBe(n);
      const error = bins.reduce(
        (s, row) => s + row.pixels * Math.abs((row.accuracy ?? 0) - (row.confidence ?? 0)),
        0,
      );
      expect(measured(measures, split, 'expected_calibration_error')).toBeCloseTo(error / n, 6);

      const frames = measures.frameMetrics.filter((row) => row.split === split);
      expect(frames.map((row) => row.frame)).toEqual(members);
      expect(frames.reduce((s, row) => s + row.pixels * row.pixel_accuracy!, 0) / n).toBeCloseTo(
        expected.pixel_accuracy,
        6,
      );
    }
  });

  test('stores what it returns, and measures nothing twice', async () => {
    const { run, scenes } = await openTestRun(['0', '1'], splits);
    await storeMaps(run, ['0', '1']);
    const measures = await measureStage(run, scenes);
    const files = TABLES.map(({ name }) => run.folder.runFile(name));
    const times = () => Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
    const before = await times();

    const unread: Run = {
      ...run,
      recording: {
        ...run.recording,
        read: () => {
          throw new Error('read again');
        },
      },
    };
    const stored = await measureStage(unread, scenes);
    expect(await times()).toEqual(before);
    for (const table of ['metrics', 'frameMetrics', 'calibration'] as const)
      expect(stored[table].length).toBe(measures[table].length);
    expect(stored.confusion).toEqual(measures.confusion);
    stored.metrics.forEach((row, i) => {
      const { value, ...rest } = measures.metrics[i];
      expect(row).toMatchObject(rest);
      if (value === null) expect(row.value).toBeNull();
      else expect(row.value).toBeCloseTo(value, 6);
    });
  });

  test('measures again when the splits change, or when one of the tables is gone', async () => {
    const { run, scenes } = await openTestRun(['0', '1'], splits);
    await storeMaps(run, ['0', '1']);
    await measureStage(run, scenes);
    expect(await storedMeasures({ ...run, training: new Set() }, scenes)).toBeUndefined();
    expect(await storedMeasures({ ...run, validation: new Set(['room/1']) }, scenes)).toBeUndefined();
    await rm(run.folder.runFile(CONFUSION.name));
    await measureStage(run, scenes);
    expect(await readParquet(run.folder.runFile(CONFUSION.name), CONFUSION)).not.toEqual([]);
  });

  test('leaves out bad frames, frames without labels, and maps of other classes', async () => {
    const ids = ['0', '1', '2', '3'];
    const { run, scenes } = await openTestRun(ids, {}, async (of) => {
      if (of.id === '1') throw new BadFrameError('room/1.label.png', 'is damaged');
      return { ...frameOf(of.id), ...(of.id === '2' && { labels: undefined }) };
    });
    // A bad frame has no map, and that keeps nothing from being complete.
    await storeMaps(run, ['0', '2']);
    await storeMaps(run, ['3'], 3);
    const { frameMetrics } = await measureStage(run, scenes);
    expect(frameMetrics.map(nameOf)).toEqual(['room/0']);
    expect(await storedMeasures(run, scenes)).toBeDefined();
  });

  test('waits for no map of a frame that was skipped', async () => {
    const { run, scenes } = await openTestRun(['0', '1', '2'], splits);
    await storeMaps(run, ['0', '1']);
    expect((await measureStage(run, scenes)).missing).toBe(1);
    expect(await storedMeasures(run, scenes)).toBeUndefined();
    const file = run.folder.sceneFile(FRAMES.name, 'room', 'parquet');
    const rows = ['0', '1', '2'].map((id) => frameRow(id, id !== '2'));
    // Of other inputs: what it says of the frame no longer holds.
    await writeParquet(file, FRAMES, 'old', rows);
    expect((await measureStage(run, scenes)).missing).toBe(1);
    await writeParquet(file, FRAMES, 'frames', rows);
    const { missing, frameMetrics } = await measureStage(run, scenes);
    expect(missing).toBe(0);
    expect(frameMetrics.map(nameOf)).toEqual(['room/0', 'room/1']);
    expect((await storedMeasures(run, scenes))?.frameMetrics.map(nameOf)).toEqual(['room/0', 'room/1']);
  });

  test('keeps classes of the same name apart', async () => {
    const { run, scenes } = await openTestRun(['0']);
    await storeMaps(run, ['0']);
    const plain = await measureStage(run, scenes);
    const twins = { ...run, recording: { ...run.recording, classes: ['chair', 'floor', 'chair', 'unseen'] } };
    const named = new Map([
      ['bed', 'chair (0)'],
      ['wall', 'chair (2)'],
    ]);
    const { metrics, confusion } = await measureStage(twins, scenes);
    const renamed = <T extends string | null>(name: T) => (name && named.get(name)) ?? name;
    expect(confusion).toEqual(
      plain.confusion.map((row) => ({
        ...row,
        truth: renamed(row.truth),
        predicted: renamed(row.predicted),
      })),
    );
    expect(metrics).toEqual(plain.metrics.map((row) => ({ ...row, class: renamed(row.class) })));
  });

  test('stores nothing, and removes what is stale, while maps are missing', async () => {
    const { run, scenes } = await openTestRun(['0', '1'], splits);
    await storeMaps(run, ['0', '1']);
    await measureStage(run, scenes);
    const keys = { superpixels: 's', footprint: 'f', probabilities: 'new', incidences: 'i', own: {} };
    const [scene] = scenes;
    const frames = new Map([...scene.keys.frames, ['1', keys] as const]);
    const changed = [{ ...scene, keys: { ...scene.keys, frames, points: 'new' } }];
    const { frameMetrics } = await measureStage(run, changed);
    expect(frameMetrics.map(nameOf)).toEqual(['room/0']);
    for (const table of TABLES)
      expect(await readParquet(run.folder.runFile(table.name), table)).toBeUndefined();
  });

  test('reads no frame and shows no progress while no map is stored', async () => {
    const { run, scenes } = await openTestRun(['0', '1'], splits, () => {
      throw new Error('read');
    });
    const monitor = {
      ...SILENT,
      begin: () => {
        throw new Error('began');
      },
    };
    expect(await measureStage({ ...run, monitor }, scenes)).toMatchObject({ metrics: [], missing: 2 });
  });

  test('says, each time, that a network of other classes is not measured', async () => {
    const { run, scenes } = await openTestRun(['0'], splits);
    await storeMaps(run, ['0']);
    const model = join(path, 'other');
    const notesOf = async (classNames: string[]) => {
      const config = { width: 0.35, head: 'slim', classes: classNames.length } as const;
      await saveNetwork(model, initialNetwork(config, classNames, 1), 0);
      const notes: string[] = [];
      const monitor = { ...SILENT, note: (line: string) => notes.push(line) };
      const given = { ...run, monitor, options: parseOptions({ model }) };
      expect((await measureStage(given, scenes)).metrics.length > 0).toBe(notes.length === 0);
      return notes;
    };
    const said = [
      "not measured: the network's 3 classes (…, wall, door) are not the recording's 4 (…, floor, wall, …)",
    ];
    expect(await notesOf(['bed', 'wall', 'door'])).toEqual(said);
    expect(await notesOf(['bed', 'wall', 'door'])).toEqual(said);
    await rm(run.folder.runFile(METRICS.name));
    expect(await notesOf(CLASSES)).toEqual([]);
  });

  test('writes empty tables where nothing is labelled', async () => {
    const { run, scenes } = await openTestRun(['0']);
    const unlabelled = scenes.map((scene) => ({
      ...scene,
      entries: scene.entries.map((each) => ({ ...each, labelled: false })),
    }));
    await measureStage(run, unlabelled);
    for (const table of TABLES) expect(await readParquet(run.folder.runFile(table.name), table)).toEqual([]);
  });
});

function frameRow(id: string, used: boolean): FrameRow {
  return {
    scene: 'room',
    frame: id,
    timestamp: null,
    used,
    reason: used ? null : 'has no map',
    trained: false,
    validation: false,
    ...SIZE,
    fx: null,
    fy: null,
    cx: null,
    cy: null,
    camera_to_world: [],
    depth_pixels: 0,
  };
}

function nameOf({ scene, frame }: { scene: string; frame: string }): string {
  return frameName({ scene, id: frame });
}

function frameOf(id: string): Frame {
  return {
    scene: 'room',
    id,
    timestamp: 0,
    ...SIZE,
    colour: new Uint8Array(3 * PIXELS),
    depth: new Float32Array(PIXELS).fill(1),
    intrinsics: { fx: 30, fy: 30, cx: 8, cy: 6 },
    cameraToWorld: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1),
    labels: labelsOf(id),
  };
}
