import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test, vi } from 'vitest';
import * as device from '../../src/gpu/device.js';
import { chooseBackend } from '../../src/model/backend.js';
import { createSegmenter, inferenceBackend } from '../../src/model/inference/create-segmenter.js';
import type { Model } from '../../src/model/inference/model-folder.js';
import { segmenterKey } from '../../src/model/inference/segmenter-key.js';
import { gpu, where } from '../store/gpu-setting.js';
import { colourFrame, trainedLookingNetwork } from './support.js';
import { withoutGpu } from './tensorflow-setting.js';

/** Whether the GPU that is found passes for a real one. */
const passing = vi.hoisted(() => ({ real: false }));

vi.mock('../../src/gpu/device.js', async (original) => {
  const actual = await original<typeof import('../../src/gpu/device.js')>();
  const findGpu = async () => {
    const report = await actual.findGpu();
    return passing.real ? { ...report, software: false } : report;
  };
  return { ...actual, findGpu };
});

const network = trainedLookingNetwork(3);
const model: Model = { kind: 'deeplab', network };
const options = { draws: 2, seed: 5 };
const frame = (id: number) => colourFrame(`${id}`, { width: 32, height: 24 });

describe.skipIf(typeof gpu === 'string')(`auto, ${where}`, () => {
  afterAll(device.closeGpu);

  test('passes a software GPU over, and takes it by name', async () => {
    if (!(await device.findGpu()).software) return;
    expect(await chooseBackend('auto')).toMatchObject({
      name: withoutGpu,
      reason: expect.stringMatching(/the only GPU, .*, is software, and slower$/),
    });
    expect(await chooseBackend('webgpu')).toEqual({ name: 'webgpu', reason: 'asked for' });
  });

  test('a TensorFlow.js model is on wasm', async () => {
    const own = { kind: 'layers' } as Model;
    for (const choice of ['auto', 'webgpu', 'tensorflow', 'tensorflow-gpu'] as const)
      expect((await inferenceBackend(own, choice)).name).toBe('wasm');
  });

  // The last: the GPU is given up for the rest of this process.
  test('takes a real GPU; when it is lost, workers go on with the frames in flight, told once', async () => {
    passing.real = true;
    expect(await chooseBackend()).toMatchObject({
      name: 'webgpu',
      reason: expect.stringMatching(/^there is a GPU, /),
    });
    const told: string[] = [];
    const onFallback = (line: string) => told.push(line);
    const segmenter = await createSegmenter({ model, ...options, workers: 1, onFallback });
    expect(segmenter.key).toBe(segmenterKey(model, options, 'webgpu'));
    const first = await segmenter.predict(frame(0));
    const { device: lost } = await device.openGpu();
    const asked = [0, 1, 2, 3, 4, 5].map((id) => segmenter.predict(frame(id)));
    lost.destroy();
    const maps = await Promise.all(asked);
    expect((await segmenter.describe(frame(1))).length).toBe(64);
    await segmenter.close();

    const pool = await createSegmenter({ model, ...options, workers: 1, backend: 'wasm' });
    expect(pool.key).not.toBe(segmenter.key);
    // Neighbouring halves at most, which of the two by whether the frame was done already.
    for (const [id, { data }] of maps.entries()) {
      const expected = await pool.predict(frame(id));
      const apart = data.map((half, i) => Math.abs(half - expected.data[i]!));
      expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    }
    expect(Math.max(...first.data.map((half, i) => Math.abs(half - maps[0]!.data[i]!)))).toBeLessThanOrEqual(
      1,
    );
    await pool.close();
    expect(told).toEqual([
      expect.stringMatching(new RegExp(`^[^\\n]+\\. Inference goes on with ${withoutGpu}\\.$`)),
    ]);
    expect(await chooseBackend()).toMatchObject({
      name: withoutGpu,
      reason: expect.stringMatching(/the GPU failed: /),
    });
  });
});

test('without a driver auto goes without a GPU, and webgpu by name one sentence', async () => {
  const script = `
    const { chooseBackend } = await import(${JSON.stringify(new URL('../../dist/src/model/backend.js', import.meta.url).href)});
    console.log(JSON.stringify(await chooseBackend()));
    await chooseBackend('webgpu').catch((error) => console.log(error.name, error.kind, error.message));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    // No Vulkan driver is where none of these point; other systems have theirs built in.
    env: { ...process.env, VK_DRIVER_FILES: '/nowhere', VK_ICD_FILENAMES: '/nowhere' },
  });
  if (process.platform !== 'linux') return;
  const [auto, named] = stdout.split('\n');
  expect(JSON.parse(auto!)).toMatchObject({
    name: withoutGpu,
    reason: expect.stringMatching(/No GPU|does not load/),
  });
  expect(named).toMatch(/^UserError missing .*(No GPU was found|does not load)/);
});
