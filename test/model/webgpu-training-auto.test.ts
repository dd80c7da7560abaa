import { afterAll, describe, expect, test, vi } from 'vitest';
import * as device from '../../src/gpu/device.js';
import { chooseBackend } from '../../src/model/backend.js';
import { initialNetwork } from '../../src/model/network.js';
import type { LabelledImage } from '../../src/model/training/crop.js';
import { QUICK_RECIPE } from '../../src/model/training/recipe.js';
import { initialState } from '../../src/model/training/state.js';
import { Trainer, type TrainingStep } from '../../src/model/training/trainer.js';
import { gpu, where } from '../store/gpu-setting.js';
import { randomColour } from './support.js';

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

const size = { width: 33, height: 33 };
const images = [1, 2, 3].map((seed): LabelledImage => {
  const labels = Uint8Array.from({ length: 33 * 33 }, (_, i) => Math.floor(i / 400));
  return { ...size, colour: randomColour(33, 33, seed), labels };
});
const set = { count: images.length, load: (index: number) => images[index]! };
const names = ['a', 'b', 'c'];
const recipe = { ...QUICK_RECIPE, steps: 5, batch: 4, crop: size, learningRate: 1e-4, validateEvery: 2 };
const network = initialNetwork({ width: 0.35, head: 'slim', classes: 3 }, names, 1);
const start = initialState(network, recipe, images.length);

describe.skipIf(typeof gpu === 'string')(`training under auto, ${where}`, () => {
  afterAll(device.closeGpu);

  test('is on a real GPU; when it is lost, workers go on, every step comes once, and it is told once', async () => {
    passing.real = true;
    const told: string[] = [];
    const onFallback = (line: string) => told.push(line);
    const trainer = await Trainer.open(start, set, set, { workers: 1, onFallback });
    const { device: lost } = await device.openGpu();
    const history: TrainingStep[] = [];
    for await (const step of trainer.run()) {
      history.push(step);
      if (step.step === 1) await trainer.state();
      // Step 3 is begun ahead, step 2 is to be done again.
      if (step.step === 2) lost.destroy();
    }
    const { step, best, network } = await trainer.state();
    await trainer.close();
    expect(step).toBe(5);
    expect(best).toBeDefined();
    expect(told).toEqual([expect.stringMatching(/^[^\n]+\. Training goes on with wasm from step 2\.$/)]);
    expect(await chooseBackend()).toMatchObject({
      name: 'wasm',
      reason: expect.stringMatching(/^the GPU failed: /),
    });

    const expected = await Trainer.open(start, set, set, { workers: 1, backend: 'wasm' });
    let at = 0;
    for await (const { step, loss, validation } of expected.run()) {
      expect(history[at]!.step).toBe(step);
      expect(history[at]!.loss / loss).toBeCloseTo(1, 3);
      expect(history[at]!.validation === undefined).toBe(validation === undefined);
      at++;
    }
    expect(history).toHaveLength(at);
    expect([...network.tensors.keys()]).toEqual([...(await expected.state()).network.tensors.keys()]);
    await expected.close();
  });
});
