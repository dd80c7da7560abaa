import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './sample.js';

function viewal(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [resolve('dist/src/cli/main.js'), ...args], (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

describe('the command line', () => {
  test.each([
    'replay',
    'learn',
    'compare',
    'live',
    'inspect',
    'train',
    'infer',
    'score',
    'select',
    'report',
    'synth',
    'doctor',
  ])('%s --help describes itself with an example', async (command) => {
    const { code, stdout } = await viewal(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\n +\\$ viewal ${command}`));
  });

  test('doctor says what was found and chosen', async () => {
    const { code, stdout } = await viewal('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/wasm .*SIMD/);
    expect(stdout).toMatch(
      /✗ GPU +No GPU was found|✓ GPU .*features .*maxBufferSize \d+.*self-test \d+ voxels as on the CPU/s,
    );
    expect(stdout).toMatch(
      /chosen: (wasm|webgpu) for inference and training, .|chosen: tensorflow\S* for inference, .*; (wasm|webgpu) for training/,
    );
  });

  test('mistakes get one sentence and no stack trace', async () => {
    const empty = await temporaryFolder();
    const odd = await temporaryFolder();
    await mkdir(join(odd, 'things'));
    await writeFile(join(odd, 'notes.txt'), '');
    const out = join(await temporaryFolder(), 'run');
    const cases: [string[], RegExp][] = [
      [['replay', '/nowhere', '--out', out], /\/nowhere/],
      [['replay', empty, '--out', out], /is empty: expected the folder of a recording/],
      [['replay', odd, '--out', out], /not in any known layout: expected/],
      [['replay', 'data/sample', '--out', out, '--budget', 'much'], /budget such as/],
      [['replay', 'data/sample', '--out', out, '--voxel', 'two'], /number/],
      [['replay', 'data/sample', '--out', `${out}-2`, '--model', empty], /model\.safetensors/],
      [['select', out, '--recording', 'data/sample'], /has no network yet: run viewal train first/],
      [['select', join(empty, 'none')], /There is no run folder/],
      [['frobnicate'], /unknown command/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await viewal(...args);
      expect(code, args.join(' ')).not.toBe(0);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^ +at /m);
    }
  });
});
