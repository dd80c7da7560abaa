import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { closeGpu, type Gpu } from '../../src/gpu/device.js';
import { toHalves, UNIT_HALVES } from '../../src/model/probability-map.js';
import { random } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import { GpuBinner } from '../../src/store/gpu/binner.js';
import { readIncidences } from '../../src/store/gpu/gpu-incidences.js';
import { GpuPointStore } from '../../src/store/gpu-point-store.js';
import { seeds } from '../../src/superpixels/seeds.js';
import { binned, type RandomFrameOptions, randomFrame, type SeenFrame, turned } from '../random-frames.js';
import { gpu, where } from './gpu-setting.js';

const VOXEL = 0.05;

describe.skipIf(typeof gpu === 'string')(`binning on the GPU, ${where}`, () => {
  const device = gpu as Gpu;
  const toDestroy: { destroy(): void }[] = [];
  afterAll(async () => {
    for (const one of toDestroy) one.destroy();
    await closeGpu();
  });

  async function binnerFor({ frame, probabilities }: SeenFrame): Promise<GpuBinner> {
    const binner = await GpuBinner.create(device, frame, probabilities.classes);
    toDestroy.push(binner);
    return binner;
  }

  async function expectSame(binner: GpuBinner, seen: SeenFrame, voxel = VOXEL): Promise<void> {
    const onGpu = await binner.bin(seen.frame, seen.superpixels, seen.probabilities, voxel);
    expect(await readIncidences(device, onGpu, 'frame')).toEqual(binned(seen, voxel));
    binner.release(onGpu);
  }

  test('gives the incidences of the CPU for random cameras, voxel sizes and holes', async () => {
    const binners = new Map<number, GpuBinner>();
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom(5, 13, 40),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0, 0.1, 0.9, 1),
        fc.constantFrom(0.003, 0.02, 0.05, 1.7),
        async (seed, classes, superpixels, holes, voxel) => {
          const seen = turned(randomFrame(seed, { classes, superpixels, holes }), seed);
          const binner = binners.get(classes) ?? (await binnerFor(seen));
          binners.set(classes, binner);
          await expectSame(binner, seen, voxel);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("gives the incidences of the CPU for the sample's frames", async () => {
    const size = { width: 320, height: 240 };
    const recording = await openRecording('data/sample');
    const binner = await GpuBinner.create(device, size, 5);
    toDestroy.push(binner);
    const next = random(1);
    const data = Uint16Array.from({ length: 320 * 240 * 5 }, () => Math.floor(next() * UNIT_HALVES));
    for (const entry of recording.frames.slice(0, 3)) {
      const frame = await recording.read(entry, size);
      const superpixels = seeds(frame.colour, frame);
      const probabilities = { ...size, classes: 5, data };
      const expected = binned({ frame, superpixels, probabilities }, 0.02);
      const rows = await binner.bin(frame, superpixels, probabilities, 0.02);
      const found = await readIncidences(device, rows, 'frame');
      binner.release(rows);
      // toEqual takes seconds for arrays of this length.
      for (const column of [
        'rowStart',
        'voxel',
        'pixels',
        'voxels',
        'rays',
        'sumP',
        'sumNegLog',
        'sumEntropy',
      ] as const)
        expect(Buffer.from(found[column].buffer).equals(Buffer.from(expected[column].buffer)), column).toBe(
          true,
        );
    }
  });

  test.each<[string, RandomFrameOptions, number]>([
    ['no valid pixel', { holes: 1 }, VOXEL],
    ['1 000 superpixels', { width: 1000, height: 3, superpixels: 1000 }, VOXEL],
    ['an odd number of pixels and classes', { width: 23, height: 17, classes: 7 }, VOXEL],
    ['a pixel a voxel', { width: 64, height: 48, holes: 0 }, 0.001],
  ])('bears frames with %s', async (_, options, voxel) => {
    const seen = randomFrame('binner', options);
    await expectSame(await binnerFor(seen), seen, voxel);
  });

  test('bears frames with every pixel in one voxel', async () => {
    const seen = randomFrame(1, { width: 64, height: 48, holes: 0, superpixels: 3 });
    seen.frame.cameraToWorld.set([50], 3);
    seen.frame.cameraToWorld.set([50], 7);
    expect(binned(seen, 100).voxels.length).toBe(3);
    await expectSame(await binnerFor(seen), seen, 100);
  });

  test('is as exact 20 km from the origin as near it', async () => {
    const binner = await binnerFor(randomFrame(0));
    for (const far of [-20_000, 10_500]) await expectSame(binner, turned(randomFrame(far), 5, far), 0.02);
  });

  test('takes depths that are tiny, huge or not numbers as the CPU does', async () => {
    const seen = randomFrame(4, { holes: 0 });
    const odd = [1e-45, 1e-38, 1e-9, 3e-4, 7777, 1e6, -1, Number.NaN, -0, 65.535];
    seen.frame.depth.set(odd);
    await expectSame(await binnerFor(seen), seen);
  });

  test('rounds a map of f32 on the GPU to the halves of the CPU', async () => {
    const seen = randomFrame(9, { width: 40, height: 30, classes: 13 });
    const next = random(2);
    // All sizes of probability: from below the halves' smallest to 1, and ties of rounding.
    const values = Float32Array.from(seen.probabilities.data, (_, i) =>
      i % 7 === 0 ? (2 * Math.floor(next() * 2048) + 1) / 4096 : i % 11 === 0 ? 1 : Math.exp(-20 * next()),
    );
    const map = await device.upload(values, 'map');
    const binner = await binnerFor(seen);
    const onGpu = await binner.bin(seen.frame, seen.superpixels, map, VOXEL);
    const rounded = { ...seen, probabilities: { ...seen.probabilities, data: toHalves(values) } };
    expect(await readIncidences(device, onGpu, 'frame')).toEqual(binned(rounded));
    map.destroy();
  });

  test('feeds the store as incidences of the CPU do, without a wait between frames', async () => {
    const frames = Array.from({ length: 6 }, (_, i) => randomFrame(`feed ${i}`, { classes: 13 }));
    const binner = await binnerFor(frames[0]);
    const store = await GpuPointStore.create(device, 13, { initialPoints: 256 });
    toDestroy.push(store);
    const onCpu = new CpuPointStore(13);
    const scores = await Promise.all(
      frames.map(async (seen) => {
        const rows = await binner.bin(seen.frame, seen.superpixels, seen.probabilities, VOXEL);
        const scored = await store.observe(rows, seen.frame.id);
        binner.release(rows);
        return scored;
      }),
    );
    for (const [i, seen] of frames.entries()) {
      await onCpu.integrate(binned(seen), 'a');
      const expected = await onCpu.score(binned(seen));
      expect(scores[i].scoredPixels).toEqual(expected.scoredPixels);
      expect(scores[i].views).toEqual(expected.views);
      for (let r = 0; r < expected.viewEntropy.length; r++) {
        expect(Math.abs(scores[i].viewEntropy[r] - expected.viewEntropy[r])).toBeLessThan(1e-5);
        expect(Math.abs(scores[i].viewDivergence[r] - expected.viewDivergence[r])).toBeLessThan(1e-5);
      }
    }
    expect(await store.snapshot()).toEqual(await onCpu.snapshot());
    const rows = await binner.bin(frames[2].frame, frames[2].superpixels, frames[2].probabilities, VOXEL);
    await store.remove(rows);
    await onCpu.remove(binned(frames[2]));
    expect(await store.snapshot()).toEqual(await onCpu.snapshot());
  });

  test('refuses what the CPU refuses, in the same words', async () => {
    const seen = randomFrame(1);
    const binner = await binnerFor(seen);
    const store = await GpuPointStore.create(device, 5);
    toDestroy.push(store);
    const before = await store.snapshot();
    const with_ = (change: (frame: SeenFrame['frame']) => void) => {
      const frame = {
        ...seen.frame,
        depth: seen.frame.depth.slice(),
        cameraToWorld: seen.frame.cameraToWorld.slice(),
      };
      change(frame);
      return { ...seen, frame };
    };
    for (const bad of [
      with_(({ cameraToWorld }) => cameraToWorld.set([1e12], 3)),
      with_(({ cameraToWorld }) => cameraToWorld.set([-(2 ** 30) * VOXEL], 7)),
      with_(({ cameraToWorld }) => cameraToWorld.set([Number.NaN], 11)),
      with_(({ cameraToWorld }) => cameraToWorld.set([1e20], 0)),
      with_(({ depth }) => depth.set([1e30])),
      with_(({ depth }) => depth.set([Number.POSITIVE_INFINITY])),
      with_(({ depth }) => depth.set([2 ** 31])),
      with_(({ depth }) => depth.set([2 ** 30])),
    ]) {
      const cpuSays = (() => {
        try {
          return binned(bad);
        } catch (error) {
          return error as Error;
        }
      })();
      expect(cpuSays).toBeInstanceOf(BadFrameError);
      const gpuSays = await binner
        .bin(bad.frame, bad.superpixels, bad.probabilities, VOXEL)
        .then((rows) => store.integrate(rows, 'scene/1'))
        .catch((error: Error) => error);
      expect(gpuSays).toEqual(cpuSays);
    }
    expect(await store.snapshot()).toEqual(before);
    await expect(
      binner.bin({ ...seen.frame, width: 5 }, seen.superpixels, seen.probabilities, 1),
    ).rejects.toThrow(RangeError);
  });

  test('refuses a row that its sums cannot bear', async () => {
    const seen = randomFrame(1, { width: 500, height: 400, holes: 0, superpixels: 1 });
    seen.frame.cameraToWorld.set([500], 3);
    seen.frame.cameraToWorld.set([500], 7);
    const binner = await binnerFor(seen);
    const store = await GpuPointStore.create(device, 5);
    toDestroy.push(store);
    expect(() => binned(seen, 1000)).toThrow(/pixels of one superpixel/);
    const rows = await binner.bin(seen.frame, seen.superpixels, seen.probabilities, 1000);
    await expect(store.integrate(rows, 'a')).rejects.toThrow(/pixels of one superpixel/);
    expect((await store.snapshot()).pixels.length).toBe(0);
  });
});
