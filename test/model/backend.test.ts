import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { chooseBackend, describeBackends, startBackend } from '../../src/model/backend.js';

afterEach(() => vi.restoreAllMocks());

describe('backends', () => {
  test('what is named is chosen', async () => {
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
    expect(report).toMatchObject({ node: process.versions.node, chosen: 'cpu', reason: 'asked for' });
    expect(report.cores).toBeGreaterThan(0);
    expect(report.backends.map(({ name }) => name)).toEqual(['webgpu', 'wasm', 'cpu']);
    expect(report.backends.slice(1).map(({ available }) => available)).toEqual([true, true]);
    expect(report.backends[1]!.detail).toMatch(/^tfjs-backend-wasm 4\.\d+\.\d+, with SIMD/);
  });
});
