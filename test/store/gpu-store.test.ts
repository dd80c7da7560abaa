import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import { closeGpu, type Gpu } from '../../src/gpu/device.js';
import { toHalves } from '../../src/model/probability-map.js';
import { random, shuffle } from '../../src/random.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import { MAX_PIXELS } from '../../src/store/fixed-point.js';
import type { PointTableOptions } from '../../src/store/gpu/point-table.js';
import { GpuPointStore } from '../../src/store/gpu-point-store.js';
import type { Incidences } from '../../src/store/incidences.js';
import type { Points, SuperpixelScores } from '../../src/store/point-store.js';
import { hashVoxel } from '../../src/store/voxel-table.js';
import { binned, type RandomFrameOptions, randomFrame } from '../random-frames.js';
import { gpu, where } from './gpu-setting.js';

const VOXEL = 0.05;

function frames(seed: unknown, count: number, options: RandomFrameOptions = {}, voxel = VOXEL): Incidences[] {
  return Array.from({ length: count }, (_, i) => binned(randomFrame(`${seed} ${i}`, options), voxel));
}

/** Largest difference of two lists of scores, relative above 1; both must be NaN at the same places. */
function difference(a: Float32Array, b: Float32Array): number {
  let most = 0;
  expect(a.length).toBe(b.length);
  for (let r = 0; r < a.length; r++) {
    expect(Number.isNaN(a[r])).toBe(Number.isNaN(b[r]));
    if (!Number.isNaN(a[r])) most = Math.max(most, Math.abs(a[r] - b[r]) / Math.max(1, Math.abs(b[r])));
  }
  return most;
}

function expectSameScores(onGpu: SuperpixelScores, onCpu: SuperpixelScores): void {
  expect(onGpu.pixels).toEqual(onCpu.pixels);
  expect(onGpu.scoredPixels).toEqual(onCpu.scoredPixels);
  expect(onGpu.views).toEqual(onCpu.views);
  expect(difference(onGpu.viewEntropy, onCpu.viewEntropy)).toBeLessThan(1e-5);
  expect(difference(onGpu.viewDivergence, onCpu.viewDivergence)).toBeLessThan(1e-5);
}

/** `toEqual` for points by the ten thousand. */
function expectSameBytes(a: Points, b: Points): void {
  for (const column of ['voxels', 'pixels', 'frames', 'sumP', 'sumNegLog'] as const)
    expect(Buffer.from(a[column].buffer).equals(Buffer.from(b[column].buffer)), column).toBe(true);
}

describe.skipIf(typeof gpu === 'string')(`the GPU's point store, ${where}`, () => {
  const device = gpu as Gpu;
  const opened: GpuPointStore[] = [];
  afterAll(async () => {
    for (const store of opened) store.destroy();
    await closeGpu();
  });

  async function storeOf(
    rows: readonly Incidences[],
    options: PointTableOptions = {},
  ): Promise<GpuPointStore> {
    const store = await GpuPointStore.create(device, rows[0].classes, options);
    opened.push(store);
    for (const [i, each] of rows.entries()) await store.integrate(each, `${i}`);
    return store;
  }

  /** Both stores of the same frames hold the same integers and give the same scores; returns them. */
  async function sideBySide(rows: readonly Incidences[], options: PointTableOptions = {}) {
    const onGpu = await storeOf(rows, options);
    const onCpu = new CpuPointStore(rows[0].classes);
    for (const [i, each] of rows.entries()) await onCpu.integrate(each, `${i}`);
    expect(await onGpu.snapshot()).toEqual(await onCpu.snapshot());
    for (const each of rows) expectSameScores(await onGpu.score(each), await onCpu.score(each));
    return { onGpu, onCpu };
  }

  test('holds the bits of the CPU and gives its scores, for random frames of 5, 13 and 40 classes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(5, 13, 40),
        async (seed, count, classes) => {
          await sideBySide(frames(seed, count, { classes }), { initialPoints: 1024 });
        },
      ),
      { numRuns: 12 },
    );
  });

  test.each([
    ['no valid pixel', { holes: 1 }, VOXEL],
    ['one superpixel', { superpixels: 1 }, VOXEL],
    ['1 000 superpixels', { width: 1000, height: 4, superpixels: 1000 }, VOXEL],
    ['40 classes', { classes: 40, width: 64, height: 48 }, VOXEL],
    ['64 classes', { classes: 64 }, VOXEL],
    ['a pixel a voxel', { width: 64, height: 48, holes: 0 }, 0.002],
  ] as const)('bears frames with %s', async (_, options, voxel) => {
    await sideBySide(frames('adversarial', 3, options, voxel));
  });

  test('bears frames with every pixel in one voxel', async () => {
    const rows = [1, 2].map((seed) => {
      const seen = randomFrame(seed, { holes: 0, width: 64, height: 48 });
      seen.frame.cameraToWorld.set([50], 3);
      seen.frame.cameraToWorld.set([50], 7);
      return binned(seen, 100);
    });
    expect(rows[0].voxels.length).toBe(3);
    await sideBySide(rows);
  });

  test('bears certain views that contradict each other', async () => {
    const rows = [0, 1, 2].map((which) => {
      const seen = randomFrame(7, { classes: 13, holes: 0 });
      const sure = new Float32Array(seen.probabilities.data.length);
      for (let at = which; at < sure.length; at += 13) sure[at] = 1;
      return binned({ ...seen, probabilities: { ...seen.probabilities, data: toHalves(sure) } });
    });
    const { onGpu } = await sideBySide(rows);
    expect((await onGpu.score(rows[0])).viewDivergence[0]).toBeGreaterThan(10);
  });

  test('bears coordinates beyond ±10 km, and at the rim of the grid', async () => {
    for (const far of [-10_500, 12_000, 2 ** 29 * VOXEL]) {
      const rows = [1, 2].map((seed) => {
        const seen = randomFrame(seed);
        const cameraToWorld = seen.frame.cameraToWorld.slice();
        cameraToWorld[3] += far;
        cameraToWorld[7] -= far;
        return binned({ ...seen, frame: { ...seen.frame, cameraToWorld } });
      });
      await sideBySide(rows);
    }
  });

  test('grows past its first tables, to the last record and over several pages', async () => {
    const rows = frames('growing', 4, { holes: 0 }, 0.01);
    const exact = rows[0].voxels.length / 3;
    for (const options of [
      { initialPoints: 1 },
      { initialPoints: exact },
      { initialPoints: exact - 1 },
      { initialPoints: 16, pagePoints: 512 },
    ]) {
      const { onCpu, onGpu } = await sideBySide(rows, options);
      expect(onCpu.voxels.count).toBeGreaterThan(2 * 512);
      const asked = rows[1].voxels;
      expect(await onGpu.lookup(asked)).toEqual(await onCpu.lookup(asked));
    }
  });

  test('grows when probing fails, and says so where growing does not help', async () => {
    const rows = frames('probing', 3);
    await sideBySide(rows, { initialPoints: 512, probes: 8 });

    // Nine voxels that start at the same slot of any table up to 16 times as large as the first.
    const clash: number[] = [];
    for (let x = 0; clash.length < 9; x++) if ((hashVoxel(x, 0, 0) & 0xffff) === 7) clash.push(x);
    const points = {
      classes: 5,
      voxels: Int32Array.from(clash.flatMap((x) => [x, 0, 0])),
      pixels: new Uint32Array(9).fill(1),
      frames: new Uint32Array(9).fill(1),
      sumP: new Uint32Array(45).fill(3277),
      sumNegLog: new Uint32Array(45).fill(1648),
    };
    const store = await storeOf([rows[0]], { initialPoints: 512, probes: 8 });
    const before = await store.snapshot();
    await expect(store.merge(points)).rejects.toThrow(/1 voxels found no slot/);
    expect(await store.snapshot()).toEqual(before);
    await store.integrate(rows[1], 'b');
    await store.remove(rows[1]);
    expect(await store.snapshot()).toEqual(before);
    const roomy = await storeOf([rows[0]], { initialPoints: 512, probes: 9 });
    await roomy.merge(points);
    expect((await roomy.snapshot()).pixels.length).toBe(before.pixels.length + 9);
  });

  test('says in one sentence that it is full, and is left as it was', async () => {
    const rows = [
      frames('full', 1, { holes: 0 }, 0.01)[0],
      frames('full', 1, { width: 64, height: 48 }, 0.01)[0],
    ];
    const store = await storeOf([rows[0]], { pagePoints: 512 });
    const before = await store.snapshot();
    await expect(store.integrate(rows[1], 'b')).rejects.toThrow(/more voxels than .* 2048/);
    expect(await store.snapshot()).toEqual(before);
    await expect(store.integrate(rows[1], 'b')).rejects.toThrow(UserError);
  });

  test('is as if a frame had never been there once it is removed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3 }), async (seed, count) => {
        const rows = frames(seed, count + 1);
        const { onGpu } = await sideBySide(rows);
        await onGpu.remove(rows[0]);
        const without = await storeOf(rows.slice(1));
        expect(await onGpu.snapshot()).toEqual(await without.snapshot());
        for (const each of rows.slice(1)) expect(await onGpu.score(each)).toEqual(await without.score(each));
      }),
      { numRuns: 4 },
    );
  });

  test('gives the same bits whatever the order, and whether calls wait for each other or not', async () => {
    const rows = frames('order', 6);
    const one = await storeOf(rows);
    const other = await GpuPointStore.create(device, 5, { initialPoints: 16 });
    opened.push(other);
    await Promise.all(shuffle([...rows], random(3)).map((each, i) => other.integrate(each, `${i}`)));
    expect(await other.snapshot()).toEqual(await one.snapshot());
    for (const each of rows) expect(await other.score(each)).toEqual(await one.score(each));
  });

  test('observes as it integrates and scores', async () => {
    const rows = frames('observe', 3);
    const onCpu = new CpuPointStore(5);
    const onGpu = await GpuPointStore.create(device, 5, { initialPoints: 16 });
    opened.push(onGpu);
    for (const each of rows) {
      await onCpu.integrate(each, 'a');
      expectSameScores(await onGpu.observe(each, 'a'), await onCpu.score(each));
    }
  });

  test('merges snapshots of either store, and looks up what it has and what not', async () => {
    const rows = frames('merge', 5);
    const whole = await (await storeOf(rows)).snapshot();
    const cpu = new CpuPointStore(5);
    for (const each of rows.slice(0, 2)) await cpu.integrate(each, 'a');
    const merged = await GpuPointStore.create(device, 5, { initialPoints: 16 });
    opened.push(merged);
    await merged.merge(await cpu.snapshot());
    await merged.merge(await (await storeOf(rows.slice(2))).snapshot());
    expect(await merged.snapshot()).toEqual(whole);
    const none = new CpuPointStore(5);
    await merged.merge(await none.snapshot());
    await none.merge(whole);
    const asked = Int32Array.of(
      ...whole.voxels.subarray(0, 30),
      999_999,
      -5,
      3,
      ...whole.voxels.subarray(0, 3),
    );
    expect(await merged.lookup(asked)).toEqual(await none.lookup(asked));
    await expect(merged.merge({ ...whole, voxels: whole.voxels.slice().fill(1) })).rejects.toThrow(/sorted/);
  });

  test('merges in parts, all or none', async () => {
    // More voxels than are uploaded at once, and more words than one row of a dispatch takes; the last voxel is too
    // full to be added twice.
    const count = 70_000;
    const voxels = new Int32Array(3 * count);
    for (let i = 0; i < count; i++) voxels[3 * i] = i - 35_000;
    const pixels = new Uint32Array(count).fill(1);
    pixels[count - 1] = MAX_PIXELS;
    const points = {
      classes: 64,
      voxels,
      pixels,
      frames: new Uint32Array(count).fill(1),
      sumP: new Uint32Array(64 * count).map((_, i) => i % 977),
      sumNegLog: new Uint32Array(64 * count).map((_, i) => i % 991),
    };
    const store = await GpuPointStore.create(device, 64);
    opened.push(store);
    await store.merge(points);
    expectSameBytes(await store.snapshot(), points);
    await expect(store.merge(points)).rejects.toThrow(/180000/);
    expectSameBytes(await store.snapshot(), points);
  });

  test('refuses a frame that would overflow a sum, and is left as it was', async () => {
    const seen = randomFrame(1, { width: 240, height: 240, holes: 0, superpixels: 1 });
    seen.frame.depth.fill(1e-3);
    const rows = binned(seen, 1);
    const times = Math.floor(MAX_PIXELS / Math.max(...rows.pixels));
    const { onGpu, onCpu } = await sideBySide(Array.from({ length: times }, () => rows));
    const before = await onGpu.snapshot();
    const [gpuSays, cpuSays] = await Promise.all(
      [onGpu, onCpu].map((store) => store.integrate(rows, 'scene/7').catch((error: Error) => error)),
    );
    expect(gpuSays).toBeInstanceOf(BadFrameError);
    expect(gpuSays).toEqual(cpuSays);
    expect(await onGpu.snapshot()).toEqual(before);
  });

  test('refuses to remove or score what it never held, and other numbers of classes', async () => {
    const rows = frames('never', 2);
    const store = await storeOf([rows[0]]);
    const before = await store.snapshot();
    await expect(store.remove(rows[1])).rejects.toThrow(/not in the store/);
    await expect(store.score(rows[1])).rejects.toThrow(/not in the store/);
    await expect(store.integrate(frames('other', 1, { classes: 4 })[0], 'a')).rejects.toThrow(BadFrameError);
    await expect(store.merge({ ...before, classes: 4 })).rejects.toThrow(UserError);
    expect(await store.snapshot()).toEqual(before);
    await expect(GpuPointStore.create(device, 300)).rejects.toThrow(/256 classes/);
  });

  test('knows which superpixels a frame has changed', async () => {
    const rows = frames('dirty', 3, { superpixels: 12 });
    // Looks past the others' right halves.
    const aside = randomFrame('aside');
    aside.frame.cameraToWorld[3] += 1;
    rows.push(binned(aside));
    const store = await storeOf(rows.slice(0, 3));
    const before = await Promise.all(rows.slice(0, 3).map((each) => store.score(each)));
    const since = store.revision;
    for (const each of rows.slice(0, 3))
      expect([...(await store.dirty(each, since))]).toEqual(Array(12).fill(0));
    await store.integrate(rows[3], 'd');
    let clean = 0;
    for (const [i, each] of rows.slice(0, 3).entries()) {
      const dirty = await store.dirty(each, since);
      const after = await store.score(each);
      dirty.forEach((flag, r) => {
        if (flag === 1) return;
        clean++;
        expect(after.viewEntropy[r]).toBe(before[i].viewEntropy[r]);
        expect(after.viewDivergence[r]).toBe(before[i].viewDivergence[r]);
      });
    }
    expect(clean).toBeGreaterThan(0);
    const last = store.revision;
    await store.remove(rows[3]);
    expect([...(await store.dirty(rows[0], last))]).toEqual([...(await store.dirty(rows[0], since))]);
  });
});
