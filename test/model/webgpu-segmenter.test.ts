import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Frame } from '../../src/frame.js';
import { closeGpu, type Gpu, openGpu } from '../../src/gpu/device.js';
import { GpuError } from '../../src/gpu/errors.js';
import { startBackend } from '../../src/model/backend.js';
import { GpuMcDropout } from '../../src/model/inference/gpu/gpu-mc-dropout.js';
import { GpuSegmenter } from '../../src/model/inference/gpu/gpu-segmenter.js';
import { InferenceNetwork } from '../../src/model/inference/inference.js';
import { McDropout } from '../../src/model/inference/mc-dropout.js';
import { SteadySegmenter } from '../../src/model/inference/steady-segmenter.js';
import { initialNetwork } from '../../src/model/network.js';
import { halfValues, toHalves } from '../../src/model/probability-map.js';
import { WebGpuTensors } from '../../src/model/webgpu-tensors.js';
import { GpuBinner } from '../../src/store/gpu/binner.js';
import { readIncidences } from '../../src/store/gpu/gpu-incidences.js';
import { randomFrame } from '../random-frames.js';
import { gpu, where } from '../store/gpu-setting.js';
import { colourFrame, relativeError, trainedLookingNetwork } from './support.js';

/** Largest difference of a map from the CPU's: what two neighbouring halves below 1 differ by. */
const STEP = 2 ** -11;

const network = trainedLookingNetwork(5);
// Odd sizes: cropped upsampling, and a map that fills half of its last word.
const size = { width: 45, height: 31 };
const frame = (id: number) => colourFrame(`${id}`, size);

function segmenterOn(one: Gpu, draws: number, seed = 9, of = network): Promise<GpuSegmenter> {
  return GpuSegmenter.create(one, of, { draws, seed }, 'key');
}

/** The map of the CPU. */
async function onCpu(of: Frame, draws: number, seed = 9): Promise<Uint16Array> {
  await startBackend('wasm');
  const mcDropout = new McDropout(network, { draws, seed });
  const { data } = mcDropout.predict(of);
  mcDropout.dispose();
  return data;
}

function largestDifference(a: Uint16Array, b: Uint16Array): number {
  const values = halfValues();
  expect(a.length).toBe(b.length);
  return a.reduce((most, half, i) => Math.max(most, Math.abs(values[half]! - values[b[i]!]!)), 0);
}

describe.skipIf(typeof gpu === 'string')(`MC dropout on WebGPU, ${where}`, () => {
  let one: Gpu;
  beforeAll(async () => {
    one = await openGpu();
  });
  afterAll(closeGpu);

  test.each([
    ['slim', network],
    ['full', initialNetwork({ width: 0.35, head: 'full', classes: 3 }, ['a', 'b', 'c'], 3)],
  ])('features and logits of the %s head are those of the CPU', async (_, of) => {
    const read = async (tensors: readonly tf.Tensor[]) => {
      const values = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
      tf.dispose([...tensors]);
      return values;
    };
    const tensorsOf = () => {
      const inference = new InferenceNetwork(of);
      const features = inference.features(frame(1));
      const tensors = [...features.high, features.low, inference.logits(features)];
      inference.dispose();
      return tensors;
    };
    await startBackend('wasm');
    const expected = await read(tensorsOf());
    await startBackend('webgpu');
    const actual = await read(tensorsOf());
    for (const [i, values] of actual.entries())
      expect(relativeError(values, expected[i]!)).toBeLessThan(1e-5);
  });

  test.each([0, 1, 4])('a map of %i draws is that of the CPU', async (draws) => {
    const segmenter = await segmenterOn(one, draws);
    const { data, ...rest } = await segmenter.predict(frame(1));
    expect(rest).toEqual({ ...size, classes: 5 });
    expect(largestDifference(data, await onCpu(frame(1), draws))).toBeLessThanOrEqual(STEP);
    await segmenter.close();
  });

  test('draws in groups, the last a smaller one, give the map of draws in one', async () => {
    const { width, height } = size;
    // The decoder's 128 + 24 channels of two draws and a half.
    const twoDraws = 2.5 * 4 * 152 * Math.ceil(width / 4) * Math.ceil(height / 4);
    const maps: Uint16Array[] = [];
    for (const largest of [twoDraws, undefined]) {
      const mcDropout = await GpuMcDropout.create(one, network, { draws: 5, seed: 9 }, largest);
      const map = await mcDropout.kernels.allocate(size);
      // What an earlier frame left is forgotten.
      mcDropout.submit(frame(2), map);
      mcDropout.submit(frame(1), map);
      maps.push(await mcDropout.kernels.read(map));
      map.destroy();
      mcDropout.dispose();
    }
    expect(largestDifference(maps[0]!, maps[1]!)).toBeLessThanOrEqual(STEP);
    expect(largestDifference(maps[0]!, await onCpu(frame(1), 5))).toBeLessThanOrEqual(STEP);
  });

  test('a map on the GPU is the map that is read, and bins alike', async () => {
    const { frame: posed, superpixels } = randomFrame(1);
    const { width, height } = posed;
    const seen = { ...posed, colour: colourFrame('1', { width, height }).colour };
    const segmenter = await segmenterOn(one, 2);
    const read = await segmenter.predict(seen);
    const map = await segmenter.predictOnGpu(seen);
    const words = await one.read(map.buffer, width * height * 5);
    expect(toHalves(new Float32Array(words.buffer))).toEqual(read.data);
    const binner = await GpuBinner.create(one, { width, height }, 5);
    const incidences = await binner.bin(posed, superpixels, map.buffer, 0.05);
    map.release();
    const fromCpu = await binner.bin(posed, superpixels, read, 0.05);
    expect(await readIncidences(one, incidences, 'frame')).toEqual(
      await readIncidences(one, fromCpu, 'frame'),
    );
    binner.destroy();
    await segmenter.close();
  });

  test('frames in flight have the bits they have alone, and colours may change once asked', async () => {
    const segmenter = await segmenterOn(one, 2);
    const alone = [];
    for (let id = 0; id < 6; id++) alone.push(await segmenter.predict(frame(id)));
    const together = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((id) => {
        const asked = frame(id);
        const answer = segmenter.predict(asked);
        asked.colour.fill(0);
        return answer;
      }),
    );
    expect(together).toEqual(alone);
    expect(new Set(alone.map(({ data }) => data.join())).size).toBe(6);
    await segmenter.close();
  });

  test('no more frames are in flight than it says: the next waits for a map to be released', async () => {
    const segmenter = await segmenterOn(one, 1);
    const maps = await Promise.all(
      Array.from({ length: segmenter.concurrency }, (_, id) => segmenter.predictOnGpu(frame(id))),
    );
    let entered = false;
    const next = segmenter.predictOnGpu(frame(9)).then((map) => {
      entered = true;
      return map;
    });
    await one.device.queue.onSubmittedWorkDone();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(entered).toBe(false);
    maps[0]!.release();
    (await next).release();
    for (const map of maps.slice(1)) map.release();
    await segmenter.close();
  });

  test('features of a frame are those of the CPU', async () => {
    const segmenter = await segmenterOn(one, 2);
    const described = await segmenter.describe(frame(1));
    await startBackend('wasm');
    const inference = new InferenceNetwork(network);
    expect(relativeError(described, inference.describe(frame(1)))).toBeLessThan(1e-5);
    inference.dispose();
    await segmenter.close();
  });

  test('frames come and go without leaving a tensor or memory', async () => {
    await startBackend('wasm');
    const before = tf.memory().numTensors;
    const segmenter = await segmenterOn(one, 2);
    await segmenter.predict(frame(1));
    await segmenter.describe(frame(1));
    const { numTensors } = tf.memory();
    const bytes = WebGpuTensors.start(one).bytes;
    for (let id = 0; id < 5; id++) await segmenter.predict(frame(id));
    await segmenter.describe(frame(2));
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(WebGpuTensors.start(one).bytes).toBe(bytes);
    await segmenter.close();
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('wasm');
  });

  test('a frame without room is refused in one sentence, a broken one by its own; others go on', async () => {
    const segmenter = await segmenterOn(one, 1);
    const width = 8192;
    const height = Math.ceil(one.device.limits.maxStorageBufferBindingSize / (4 * 5 * width)) + 1;
    const large = segmenter.predict({ ...frame(1), width, height });
    const broken = segmenter.predict({ ...frame(1), width: size.width + 1 });
    const whole = segmenter.predict(frame(1));
    await expect(large).rejects.toMatchObject({
      kind: 'memory',
      message: expect.stringMatching(/^.* has no room for \d+ MiB more\.$/),
    });
    await expect(broken).rejects.toThrow('expected 46×31×3 bytes of colour, got 4185');
    expect((await whole).width).toBe(size.width);
    for (let id = 0; id < 2 * segmenter.concurrency; id++) await segmenter.predict(frame(id));
    await segmenter.close();
  });

  test('once closed, what waits and what is asked for are rejected', async () => {
    const segmenter = await segmenterOn(one, 1);
    const asked = Array.from({ length: 6 }, (_, id) => segmenter.predict(frame(id)));
    const outcomes = Promise.allSettled(asked);
    await segmenter.close();
    expect((await outcomes).at(-1)).toMatchObject({ reason: new Error('the segmenter is closed') });
    await expect(segmenter.predict(frame(1))).rejects.toThrow('the segmenter is closed');
  });

  test('a lost device is told of in one sentence, and another segmenter takes over without losing a frame', async () => {
    const lost = await segmenterOn(one, 2);
    const done = await lost.predict(frame(0));
    const told: GpuError[] = [];
    await startBackend('wasm');
    const second = {
      ...{ classes: 5, key: 'other', concurrency: 1 },
      predict: async (of: Frame) => ({ ...size, classes: 5, data: await onCpu(of, 2) }),
      describe: async () => new Float32Array(1),
      close: async () => {},
    };
    const steady = new SteadySegmenter(lost, async (error) => {
      told.push(error);
      return second;
    });
    const asked = [0, 1, 2, 3, 4].map((id) => steady.predict(frame(id)));
    one.device.destroy();
    const maps = await Promise.all(asked);
    expect(largestDifference(maps[0]!.data, done.data)).toBeLessThanOrEqual(STEP);
    for (const [id, { data }] of maps.entries())
      expect(largestDifference(data, await onCpu(frame(id), 2))).toBeLessThanOrEqual(STEP);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeInstanceOf(GpuError);
    expect(told[0]!.kind).toBe('lost');
    expect(told[0]!.message).toMatch(/^[^\n]+\.$/);
    await expect(lost.predict(frame(1))).rejects.toMatchObject({ name: 'UserError', kind: 'lost' });
    expect(steady.key).toBe('key');
    await steady.close();

    one = await openGpu();
    const again = await segmenterOn(one, 2);
    expect((await again.predict(frame(0))).data).toEqual(done.data);
    await again.close();
  });
});
