import { concatMap, EMPTY, lastValueFrom, map, of, throwError, toArray } from 'rxjs';
import { afterAll, describe, expect, test } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { closeGpu, type Gpu } from '../../src/gpu/device.js';
import type { GpuProbabilityMap } from '../../src/model/probability-map.js';
import { halfValues } from '../../src/model/probability-map.js';
import { bin } from '../../src/operators/bin.js';
import { integrateOnGpu } from '../../src/operators/integrate-on-gpu.js';
import { observeOnGpu } from '../../src/operators/observe-on-gpu.js';
import { segmentOnGpu } from '../../src/operators/segment-on-gpu.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import { GpuBinner } from '../../src/store/gpu/binner.js';
import { GpuPointStore } from '../../src/store/gpu-point-store.js';
import { randomFrame, type SeenFrame } from '../random-frames.js';
import { gpu, where } from '../store/gpu-setting.js';

const VOXEL = 0.05;

test('segmentOnGpu says so where the segmenter came to be on the CPU', async () => {
  const segmenter = async () => ({ predict: async () => {} }) as never;
  await expect(lastValueFrom(of(randomFrame(1).frame).pipe(segmentOnGpu(segmenter)))).rejects.toMatchObject({
    kind: 'missing',
  });
});

describe.skipIf(typeof gpu === 'string')(`observeOnGpu and integrateOnGpu, ${where}`, () => {
  const device = gpu as Gpu;
  afterAll(closeGpu);

  /** A segmenter's maps on the GPU, and how many of them are out. */
  function maps() {
    const values = halfValues();
    const state = { out: 0 };
    const segmentation = (seen: SeenFrame) =>
      concatMap(async (): Promise<GpuProbabilityMap> => {
        const { probabilities } = seen;
        const buffer = await device.upload(
          Float32Array.from(probabilities.data, (half) => values[half]!),
          'map',
        );
        state.out++;
        return {
          ...probabilities,
          buffer,
          read: async () => probabilities,
          release: () => {
            state.out--;
            buffer.destroy();
          },
        };
      });
    return { state, segmentation };
  }

  test('give the frames, the table rows and the store that bin and integrate give', async () => {
    const frames = [1, 2, 3].map((seed) => randomFrame(seed));
    const { state, segmentation } = maps();
    const binner = await GpuBinner.create(device, frames[0]!.frame, 5);
    const [onCpu, onGpu] = [new CpuPointStore(5), await GpuPointStore.create(device, 5)];
    for (const seen of frames) {
      const { frame, superpixels, probabilities } = seen;
      const expected = await lastValueFrom(of({ frame, superpixels, probabilities }).pipe(bin(VOXEL)));
      await onCpu.integrate(expected.incidences, 'frame');
      const cut = map(() => superpixels);
      const found = await lastValueFrom(
        of(frame).pipe(
          observeOnGpu(segmentation(seen), cut, async () => binner, VOXEL),
          integrateOnGpu(async () => onGpu),
        ),
      );
      expect(found).toEqual(expected);
    }
    expect(state.out).toBe(0);
    expect(await onGpu.snapshot()).toEqual(await onCpu.snapshot());
    onGpu.destroy();
    binner.destroy();
  });

  test('a frame of stored incidences is uploaded', async () => {
    const seen = randomFrame(4);
    const binned = await lastValueFrom(of(seen).pipe(bin(VOXEL)));
    const store = await GpuPointStore.create(device, 5);
    await lastValueFrom(of(binned).pipe(integrateOnGpu(async () => store)));
    expect((await store.snapshot()).pixels.reduce((a, b) => a + b, 0)).toBe(binned.info.depthPixels);
    store.destroy();
  });

  test('pass nothing and errors on; whatever fails on the way, no map stays out', async () => {
    const seen = randomFrame(5);
    const { frame } = seen;
    const { state, segmentation } = maps();
    const binner = await GpuBinner.create(device, frame, 5);
    const cut = map(() => seen.superpixels);
    const look = observeOnGpu(segmentation(seen), cut, async () => binner, VOXEL);
    expect(await lastValueFrom(EMPTY.pipe(look, toArray()))).toEqual([]);
    await expect(lastValueFrom(throwError(() => new Error('camera')).pipe(look))).rejects.toThrow('camera');

    const badCut = map(() => {
      throw new BadFrameError('a.png', 'is truncated');
    });
    const failures = [
      {
        of: frame,
        look: observeOnGpu(segmentation(seen), badCut, async () => binner, VOXEL),
        says: 'a.png: is truncated',
      },
      {
        of: frame,
        look: observeOnGpu(segmentation(seen), cut, () => Promise.reject(new Error('no room')), VOXEL),
        says: 'no room',
      },
      // A voxel so small that the frame is beyond the grid: nothing may be stored of it.
      {
        of: frame,
        look: observeOnGpu(segmentation(seen), cut, async () => binner, 1e-10),
        says: 'beyond the voxel grid',
      },
    ];
    for (const { of: given, look, says } of failures)
      await expect(lastValueFrom(of(given).pipe(look))).rejects.toThrow(says);
    expect(state.out).toBe(0);
    binner.destroy();
  });
});
