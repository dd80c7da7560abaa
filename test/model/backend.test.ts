import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  chooseBackend,
  chooseTrainingBackend,
  describeBackends,
  startBackend,
} from '../../src/model/backend.js';

afterEach(() => vi.restoreAllMocks());

describe('backends', () => {
  test('what is named is chosen, to train with too', async () => {
    expect(await chooseTrainingBackend('cpu')).toEqual({ name: 'cpu', reason: 'asked for' });
    expect((await chooseTrainingBackend()).name).toMatch(/^(wasm|webgpu)$/);
    expect(await chooseBackend('wasm')).toEqual({ name: 'wasm', reason: 'asked for' });
    expect(await chooseBackend('cpu')).toEqual({ name: 'cpu', reason: 'asked for' });
  });

  test.each(['wasm', 'cpu'] as const)('%s starts, computes and prints nothing', async (name) => {
    const printed = (['log', 'info', 'warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    const handlers = () => [
      process.listenerCount('uncaughtException'),
      process.listenerCount('unhandledRejection'),
    ];
    const before = handlers();
    await startBackend(name);
    await startBackend(name);
    expect(tf.getBackend()).toBe(name);
    const sum = tf.tidy(() => tf.add(tf.tensor1d([1, 2]), 1).dataSync());
    expect([...sum]).toEqual([2, 3]);
    expect(handlers()).toEqual(before);
    for (const method of printed) expect(method).not.toHaveBeenCalled();
  });

  test('the report says what was found, what was chosen and why', async () => {
    const report = await describeBackends('cpu');
    expect(report).toMatchObject({
      node: process.versions.node,
      chosen: { name: 'cpu', reason: 'asked for' },
    });
    expect(report.training).toEqual(report.chosen);
    expect(report.cores).toBeGreaterThan(0);
    const names = report.backends.map(({ name }) => name);
    expect(names).toEqual(['tensorflow-gpu', 'webgpu', 'tensorflow', 'wasm', 'cpu']);
    expect(report.backends.slice(3).map(({ available }) => available)).toEqual([true, true]);
    expect(report.backends[3]!.detail).toMatch(/^tfjs-backend-wasm 4\.\d+\.\d+, with SIMD/);
  });
});
