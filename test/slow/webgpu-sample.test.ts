import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { replay } from '../../pipelines/replay.js';
import { closeGpu } from '../../src/gpu/device.js';
import { openRun } from '../../src/stages/run.js';
import { QUICK, SAMPLE, temporaryFolder } from '../sample.js';
import { gpu, where } from '../store/gpu-setting.js';

describe.skipIf(typeof gpu === 'string')(`the whole bundled sample, ${where}`, () => {
  test('is selected from alike on the GPU and on the CPU', async () => {
    const folder = await temporaryFolder();
    const run = async (backend: 'wasm' | 'webgpu', more = {}) => {
      const options = { ...QUICK, size: '160x120', budget: '60superpixels', backend, ...more };
      const { selections } = await replay(
        await openRun(join(folder, backend), options, { recording: SAMPLE }),
      );
      return selections;
    };
    const onCpu = await run('wasm', { steps: 60 });
    const onGpu = await run('webgpu', { steps: null, model: join(folder, 'wasm', 'model') });
    await closeGpu();
    const named = (rows: typeof onCpu) =>
      rows.map(({ scene, frame, superpixel }) => [scene, frame, superpixel].join('/'));
    expect(onCpu).toHaveLength(60);
    // Of equal scores the lower number goes first on either; scores that differ by rounding alone may change places.
    expect(named(onGpu)).toEqual(named(onCpu));
    for (const [i, { view_entropy, view_divergence }] of onCpu.entries()) {
      expect(onGpu[i]!.view_entropy).toBeCloseTo(view_entropy, 4);
      expect(onGpu[i]!.view_divergence).toBeCloseTo(view_divergence, 4);
    }
  });
});
