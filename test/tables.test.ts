import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../src/errors.js';
import { sumIncidences } from '../src/store/bin.js';
import { CpuPointStore } from '../src/store/cpu-point-store.js';
import { footprintOf } from '../src/store/footprint.js';
import { readArrow, readArrowMetadata, writeArrow } from '../src/tables/arrow.js';
import {
  footprintTable,
  frameInfo,
  incidenceTable,
  probabilityTable,
  superpixelTable,
} from '../src/tables/frame-tables.js';
import { readParquet, writeParquet } from '../src/tables/parquet.js';
import { readPoints, writePoints } from '../src/tables/points-table.js';
import { RunFolder } from '../src/tables/run-folder.js';
import {
  FRAMES,
  type FrameRow,
  METRICS,
  PROBABILITIES,
  SCORES,
  type ScoreRow,
  SUPERPIXELS,
} from '../src/tables/schemas.js';
import { randomFrame } from './random-frames.js';
import { temporaryFolder } from './sample.js';

const newRun = async () => RunFolder.open(join(await temporaryFolder(), 'run'));

describe('Parquet tables', () => {
  test('read back as written, nulls and names of any kind included', async () => {
    const path = join(await temporaryFolder(), 'scores.parquet');
    const float = fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0); // Parquet has no −0 here
    const row: fc.Arbitrary<ScoreRow> = fc.record({
      scene: fc.string({ unit: 'grapheme' }),
      frame: fc.string(),
      superpixel: fc.nat(65_535),
      pixels: fc.nat(),
      scored_pixels: fc.nat(),
      view_entropy: fc.option(float),
      view_divergence: fc.option(float),
      views: fc.option(float),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
        await writeParquet(path, SCORES, 'k', rows);
        expect(await readParquet(path, SCORES, 'k')).toEqual(rows);
      }),
      { numRuns: 30 },
    );
  });

  test('are given as they will be read, numbers of single precision included', async () => {
    const path = join(await temporaryFolder(), 'metrics.parquet');
    const row = { split: 'test', metric: 'miou', class: null, value: 0.1, frames: 3, pixels: 7 };
    const rows = [row, { ...row, metric: 'iou', class: 'chair', value: null }];
    const stored = await writeParquet(path, METRICS, 'k', rows);
    expect(stored).toEqual(await readParquet(path, METRICS, 'k'));
    expect(stored[0]!.value).toBe(Math.fround(0.1));
  });

  test('keep lists, and times and cameras that are not known', async () => {
    const path = join(await temporaryFolder(), 'frames.parquet');
    const known: FrameRow = {
      scene: 's',
      frame: 'a',
      timestamp: 1.5,
      used: true,
      reason: null,
      trained: false,
      validation: false,
      width: 320,
      height: 240,
      fx: 300.25,
      fy: 300.5,
      cx: 159.5,
      cy: 119.5,
      camera_to_world: Array.from({ length: 16 }, (_, i) => i / 7),
      depth_pixels: 5,
    };
    const bad: FrameRow = {
      ...known,
      frame: 'b',
      used: false,
      reason: 'b.png: truncated',
      timestamp: null,
      fx: null,
      fy: null,
      cx: null,
      cy: null,
    };
    await writeParquet(path, FRAMES, 'k', [known, bad]);
    expect(await readParquet(path, FRAMES)).toEqual([known, bad]);
  });

  test('are absent, stale or damaged, and say which', async () => {
    const path = join(await temporaryFolder(), 'scores.parquet');
    expect(await readParquet(path, SCORES, 'k')).toBeUndefined();
    await writeParquet(path, SCORES, 'k', []);
    expect(await readParquet(path, SCORES, 'other')).toBeUndefined();
    expect(await readParquet(path, SCORES)).toEqual([]);
    await writeFile(path, (await readFile(path)).subarray(0, -9));
    expect(await readParquet(path, SCORES, 'k')).toBeUndefined();
    const failure = await readParquet(path, SCORES).catch((error) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure.message).toMatch(
      /Could not read .*scores\.parquet.* Remove the file to have it made again\.$/s,
    );
  });
});

describe('Arrow tables', () => {
  test('of a frame read back as written', async () => {
    const run = await newRun();
    const { frame, superpixels, probabilities } = randomFrame(1);
    const incidences = sumIncidences(footprintOf(frame, superpixels, 0.05), probabilities);
    const info = {
      timestamp: 3,
      width: frame.width,
      height: frame.height,
      intrinsics: frame.intrinsics,
      cameraToWorld: [...frame.cameraToWorld],
      depthPixels: 7,
    };
    const binned = { scene: frame.scene, id: frame.id, info, incidences };
    await superpixelTable(run).write(frame, 'k', superpixels);
    await probabilityTable(run).write(frame, 'k', probabilities);
    await incidenceTable(run).write(frame, 'k', binned);
    expect(await superpixelTable(run).read(frame, 'k')).toEqual(superpixels);
    expect(await probabilityTable(run).read(frame, 'k')).toEqual(probabilities);
    expect(await incidenceTable(run).read(frame, 'k')).toEqual(binned);
    expect(await incidenceTable(run).read(frame, 'other')).toBeUndefined();
  });

  test('of a frame without a single pixel of depth', async () => {
    const run = await newRun();
    const { frame, superpixels, probabilities } = randomFrame(1, { holes: 1 });
    const incidences = sumIncidences(footprintOf(frame, superpixels, 0.05), probabilities);
    expect(incidences.pixels.length).toBe(0);
    const info = {
      timestamp: 0,
      width: 24,
      height: 18,
      intrinsics: frame.intrinsics,
      cameraToWorld: [],
      depthPixels: 0,
    };
    await incidenceTable(run).write(frame, 'k', { scene: 's', id: 'a', info, incidences });
    expect((await incidenceTable(run).read({ scene: frame.scene, id: frame.id }, 'k'))?.incidences).toEqual(
      incidences,
    );
  });

  test('of footprints read back as written, of frames without depth and with superpixels without depth too', async () => {
    const run = await newRun();
    for (const [id, holes] of [0, 0.3, 1].entries()) {
      const { frame, superpixels } = randomFrame(id, { holes });
      frame.depth.forEach((_, i) => {
        if (superpixels.ids[i] === 2 || superpixels.ids[i] === superpixels.count - 1) frame.depth[i] = 0;
      });
      const footprint = footprintOf(frame, superpixels, 0.05);
      const entry = { scene: frame.scene, id: frame.id, info: frameInfo(frame), footprint };
      await footprintTable(run).write(frame, 'k', entry);
      expect(await footprintTable(run).read(frame, 'k')).toEqual(entry);
      expect(await footprintTable(run).read(frame, 'other')).toBeUndefined();
    }
  });

  test('of points read back as written, into an equal store', async () => {
    const run = await newRun();
    const store = new CpuPointStore(5);
    for (const seed of [1, 2, 3]) {
      const { frame, superpixels, probabilities } = randomFrame(seed);
      await store.integrate(sumIncidences(footprintOf(frame, superpixels, 0.05), probabilities), `${seed}`);
    }
    const points = await store.snapshot();
    await writePoints(run, 'a scene', 'k', points, 0.05);
    expect(await readPoints(run, 'a scene', 'k')).toEqual(points);
    const restored = new CpuPointStore(5);
    await restored.merge((await readPoints(run, 'a scene'))!);
    expect(await restored.snapshot()).toEqual(points);
  });

  test('say whose they are without being read whole', async () => {
    const path = join(await temporaryFolder(), 'x.arrow');
    expect(await readArrowMetadata(path)).toBeUndefined();
    await writeArrow(path, SUPERPIXELS, 'k', 0, { superpixel: Uint16Array.of(1, 2, 3) }, { width: '3' });
    expect(await readArrowMetadata(path)).toEqual({
      key: 'k',
      entries: new Map([
        ['classes', '0'],
        ['width', '3'],
      ]),
    });
  });

  test('refuse other columns and cut files', async () => {
    const path = join(await temporaryFolder(), 'x.arrow');
    await writeArrow(path, SUPERPIXELS, 'k', 0, { superpixel: Uint16Array.of(1, 2, 3) });
    await expect(readArrow(path, PROBABILITIES)).rejects.toThrow(/expected a column probability/);
    const bytes = await readFile(path);
    for (const length of [0, 5, 20, bytes.length >> 1, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(readArrow(path, SUPERPIXELS)).rejects.toThrow(UserError);
      expect(await readArrow(path, SUPERPIXELS, 'k')).toBeUndefined();
      expect(await readArrowMetadata(path)).toBeUndefined();
    }
  });
});

describe('the run folder', () => {
  test('keeps every name inside itself', async () => {
    const run = await newRun();
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ minLength: 1 }), (scene, id) => {
        const path = run.frameFile('scores', { scene, id });
        const parts = path.slice(run.path.length + 1).split('/');
        expect(parts.length).toBe(3);
        expect(parts).not.toContain('..');
      }),
    );
    for (const scene of ['..', '.', '../../etc', 'a/b', 'ü %'])
      expect(run.sceneFile('scores', scene, 'parquet').startsWith(join(run.path, 'scores', 'scene='))).toBe(
        true,
      );
  });

  test('drops what a killed process left half written', async () => {
    const run = await newRun();
    await run.writeManifest({});
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    await writeFile(join(run.path, `x.arrow.${gone}-0.partial`), '');
    await writeFile(join(run.path, `y.arrow.${process.pid}-0.partial`), '');
    await writeFile(join(run.path, 'film.mkv.partial'), '');
    await RunFolder.open(run.path);
    expect(await readdir(run.path)).toEqual([
      'film.mkv.partial',
      'lock.json',
      'run.json',
      `y.arrow.${process.pid}-0.partial`,
    ]);
  });
});
