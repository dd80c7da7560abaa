import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { replay } from '../pipelines/replay.js';
import { GpuPairwiseScorer } from '../src/geometry/gpu/gpu-pairwise-scorer.js';
import * as device from '../src/gpu/device.js';
import { GpuError } from '../src/gpu/errors.js';
import { chooseBackend } from '../src/model/backend.js';
import { random, seedOf } from '../src/random.js';
import { SILENT } from '../src/stages/monitor.js';
import type { RunOptions } from '../src/stages/options.js';
import { openRun } from '../src/stages/run.js';
import { readParquet } from '../src/tables/parquet.js';
import { SCORES, type ScoreRow } from '../src/tables/schemas.js';
import { QUICK, smallRecording, temporaryFolder } from './sample.js';
import { npy } from './sources/builders.js';
import { gpu, where } from './store/gpu-setting.js';

/** Whether the GPU that is found passes for a real one. */
const passing = vi.hoisted(() => ({ real: false }));

vi.mock('../src/gpu/device.js', async (original) => {
  const actual = await original<typeof import('../src/gpu/device.js')>();
  const findGpu = async () => {
    const report = await actual.findGpu();
    return passing.real ? { ...report, software: false } : report;
  };
  return { ...actual, findGpu };
});

const SCENES = ['room-000', 'room-001'];
const FRAMES = 3;

/** Maps of 13 classes for the recording's frames, so that no network is needed. */
async function ownMaps(): Promise<string> {
  const folder = await temporaryFolder();
  for (const scene of SCENES)
    for (let frame = 0; frame < FRAMES; frame++) {
      const id = `${frame}`.padStart(6, '0');
      const next = random(seedOf(scene, id));
      const values = new Float32Array(80 * 60 * 13);
      for (let at = 0; at < values.length; at += 13) {
        let sum = 0;
        for (let c = 0; c < 13; c++) sum += values[at + c] = next() ** 4 + 1e-6;
        for (let c = 0; c < 13; c++) values[at + c] /= sum;
      }
      await writeFile(join(folder, `${scene}_${id}.npy`), npy('<f4', [60, 80, 13], values));
    }
  return folder;
}

describe.skipIf(typeof gpu === 'string')(`pairwise scores of a run, ${where}`, () => {
  let recording: string;
  let probabilities: string;
  let onCpu: Scored;
  beforeAll(async () => {
    recording = await smallRecording(SCENES.length, FRAMES);
    probabilities = await ownMaps();
    onCpu = await scored('wasm');
  });
  afterAll(device.closeGpu);

  async function scored(backend: RunOptions['backend']) {
    const warnings: string[] = [];
    const monitor = { ...SILENT, warn: (line: string) => warnings.push(line) };
    const options = { ...QUICK, backend, probabilities, views: 'pairwise' } as const;
    const run = await openRun(join(await temporaryFolder(), 'run'), options, { recording, monitor });
    const { selections } = await replay(run);
    const rows: ScoreRow[] = [];
    for (const scene of SCENES)
      rows.push(...(await readParquet(run.folder.sceneFile(SCORES.name, scene, 'parquet'), SCORES))!);
    const picked = selections.map(({ scene, frame, superpixel }) => [scene, frame, superpixel].join('/'));
    return { rows, picked, warnings };
  }
  type Scored = Awaited<ReturnType<typeof scored>>;

  function expectSame(found: Scored, expected: Scored): void {
    expect(found.picked).toEqual(expected.picked);
    const apart = (a: number | null, b: number | null) =>
      a === null || b === null ? Number(a !== b) : Math.abs(a - b);
    expect(found.rows.length).toBe(expected.rows.length);
    found.rows.forEach((row, i) => {
      const other = expected.rows[i];
      expect(row).toMatchObject({
        frame: other.frame,
        superpixel: other.superpixel,
        scored_pixels: other.scored_pixels,
        views: other.views,
      });
      expect(apart(row.view_entropy, other.view_entropy)).toBeLessThan(1e-5);
      expect(apart(row.view_divergence, other.view_divergence)).toBeLessThan(1e-5);
    });
  }

  test('are those of the CPU', async () => {
    const create = vi.spyOn(GpuPairwiseScorer, 'create');
    const found = await scored('webgpu');
    expect(create).toHaveBeenCalledTimes(SCENES.length);
    expectSame(found, onCpu);
    expect(found.warnings).toEqual([]);
    create.mockRestore();
  });

  test('a scene without room is scored on the CPU, told once; the next tries the GPU again', async () => {
    passing.real = true;
    const full = new GpuError('memory', 'No room.');
    const create = vi.spyOn(GpuPairwiseScorer, 'create').mockRejectedValueOnce(full);
    const found = await scored('auto');
    expect(create).toHaveBeenCalledTimes(2);
    expectSame(found, onCpu);
    expect(found.warnings).toEqual(['No room. Scores are computed on the CPU.']);
    create.mockRejectedValueOnce(full);
    await expect(scored('webgpu')).rejects.toThrow('No room.');
    create.mockRestore();
  });

  // The last: the GPU is given up for the rest of this process.
  test('a GPU lost on the way is told of once, and nothing is lost with it', async () => {
    const { score } = GpuPairwiseScorer.prototype;
    let calls = 0;
    const spy = vi.spyOn(GpuPairwiseScorer.prototype, 'score').mockImplementation(async function (
      this: GpuPairwiseScorer,
      ...asked
    ) {
      if (++calls === 2) (await device.openGpu()).device.destroy();
      return score.apply(this, asked);
    });
    const found = await scored('auto');
    expect(calls).toBe(2);
    spy.mockRestore();
    expectSame(found, onCpu);
    expect(found.warnings).toEqual([expect.stringMatching(/^[^\n]+\. Scores are computed on the CPU\.$/)]);
    expect((await chooseBackend()).name).toBe('wasm');
  });
});
