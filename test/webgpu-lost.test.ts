import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { replay } from '../pipelines/replay.js';
import * as device from '../src/gpu/device.js';
import { type Monitor, SILENT } from '../src/stages/monitor.js';
import type { RunOptions } from '../src/stages/options.js';
import { openRun } from '../src/stages/run.js';
import type { SelectionRow } from '../src/tables/schemas.js';
import { withoutGpu } from './model/tensorflow-setting.js';
import { digestsOf, QUICK, smallRecording, temporaryFolder } from './sample.js';
import { gpu, where } from './store/gpu-setting.js';

// The GPU that is found passes for a real one, which auto takes.
vi.mock('../src/gpu/device.js', async (original) => {
  const actual = await original<typeof import('../src/gpu/device.js')>();
  return { ...actual, findGpu: async () => ({ ...(await actual.findGpu()), software: false }) };
});

describe.skipIf(typeof gpu === 'string')(`a GPU that is lost in the middle of a scene, ${where}`, () => {
  afterAll(device.closeGpu);

  test('ends the run where it was asked for by name, and leaves it to the CPU under auto, nothing lost', async () => {
    const recording = await smallRecording(2, 5);
    const folder = await temporaryFolder();
    const warnings: string[] = [];
    /** Destroys the device once so many frames have been observed. */
    const losing = (after: number): Monitor => ({
      ...SILENT,
      warn: (line) => warnings.push(line),
      begin(stage, total, unit) {
        const bar = SILENT.begin(stage, total, unit);
        let frames = 0;
        const advance = () => {
          bar.advance();
          if (stage === 'observe' && ++frames === after)
            void device.openGpu().then((open) => open.device.destroy());
        };
        return { ...bar, advance };
      },
    });
    const run = async (name: string, options: Partial<RunOptions>, monitor: Monitor) =>
      replay(await openRun(join(folder, name), { ...QUICK, ...options }, { recording, monitor }));
    const named = (rows: readonly SelectionRow[]) =>
      rows.map(({ scene, frame, superpixel }) => `${scene}/${frame}/${superpixel}`);

    await expect(run('by name', { backend: 'webgpu' }, losing(2))).rejects.toMatchObject({
      name: 'UserError',
      kind: 'lost',
      message: expect.stringMatching(/^[^\n]+\.$/),
    });
    // What was stored before is used when it goes on.
    const stored = await digestsOf(join(folder, 'by name'), ['incidences']);
    expect(Object.keys(stored).length).toBeGreaterThanOrEqual(2);
    const whole = await run('by name', { backend: 'webgpu' }, SILENT);
    const after = await digestsOf(join(folder, 'by name'), ['incidences']);
    for (const [path, digest] of Object.entries(stored)) expect(after[path]).toBe(digest);
    expect(warnings).toEqual([]);

    const { selections } = await run('auto', { backend: 'auto' }, losing(2));
    expect(named(selections)).toEqual(named(whole.selections));
    expect(warnings.filter((line) => line.startsWith('skipped'))).toEqual([]);
    expect(warnings.sort()).toEqual([
      expect.stringMatching(new RegExp(`^[^\\n]+\\. Inference goes on with ${withoutGpu}\\.$`)),
      expect.stringMatching(/^[^\n]+\. Points are kept on the CPU\.$/),
    ]);
  });
});
