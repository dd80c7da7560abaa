import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { replay } from '../pipelines/replay.js';
import { select } from '../pipelines/stages.js';
import { closeGpu } from '../src/gpu/device.js';
import { SILENT } from '../src/stages/monitor.js';
import { openRun } from '../src/stages/run.js';
import { trainStage } from '../src/stages/train.js';
import { digestsOf, QUICK, smallRecording, temporaryFolder } from './sample.js';
import { gpu, where } from './store/gpu-setting.js';

describe.skipIf(typeof gpu === 'string')(`a replay, ${where}`, () => {
  test('on WebGPU selects what one on wasm selects, and says what runs where', async () => {
    const recording = await smallRecording(2, 3);
    const folder = await temporaryFolder();
    const notes: string[] = [];
    const monitor = { ...SILENT, note: (line: string) => notes.push(line) };
    const run = async (backend: 'wasm' | 'webgpu', more = {}) =>
      replay(await openRun(join(folder, backend), { ...QUICK, backend, ...more }, { recording, monitor }));
    const expected = await run('wasm');
    // The same network, as training rounds otherwise.
    const { selections } = await run('webgpu', { model: join(folder, 'wasm', 'model') });
    await closeGpu();
    expect(notes.join()).not.toMatch(/(training|inference) is on/);
    const named = (rows: typeof selections) =>
      rows.map(({ scene, frame, superpixel }) => [scene, frame, superpixel].join('/'));
    // Scores are some 1e-5 apart, which no two superpixels are that are picked one after the other.
    expect(named(selections)).toEqual(named(expected.selections));
    expect(selections.length).toBeGreaterThan(3);

    // Stored maps serve whatever auto would choose now, and the CPU makes the GPU's bits of them.
    const path = join(folder, 'webgpu');
    const binned = ['incidences', 'points'];
    const before = await digestsOf(path, binned);
    for (const table of [...binned, 'frames', 'scores', 'picks'])
      await rm(join(path, table), { recursive: true });
    const again = await openRun(path, { backend: 'auto' }, { recording, resume: true });
    expect(named(await select(again))).toEqual(named(selections));
    expect(await digestsOf(path, binned)).toEqual(before);
    expect(Object.keys(before)).toHaveLength(2 * 3 + 2);
  });

  test('a network trained by name on WebGPU is its own, that of auto and wasm one', async () => {
    const recording = await smallRecording(1, 3);
    const folder = await temporaryFolder();
    const trained = async (backend: 'auto' | 'wasm' | 'webgpu') => {
      await trainStage(await openRun(folder, { ...QUICK, crop: '32x32', backend }, { recording }));
      return digestsOf(folder, ['model']);
    };
    const onGpu = await trained('webgpu');
    expect(await trained('webgpu')).toEqual(onGpu);
    const onWasm = await trained('wasm');
    expect(onWasm).not.toEqual(onGpu);
    expect(await trained('auto')).toEqual(onWasm);
    await closeGpu();
  });
});
