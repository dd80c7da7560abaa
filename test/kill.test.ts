import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { random } from '../src/random.js';
import { contentsOf, digestsOf, smallRecording, temporaryFolder } from './sample.js';

const CLI = resolve('dist/src/cli/main.js');
const OPTIONS = ['--size', '80x60', '--steps', '16', '--draws', '2', '--budget', '6superpixels'];
const TRAINING = ['--size', '80x60', '--steps', '40', '--labelled', 'all', '--validation', '1'];
const RESULTS = [
  'points',
  'scores',
  'picks',
  'selections',
  'frames',
  'incidences',
  'metrics',
  'history',
  'model',
  'report.html',
];

/** Runs the command; kills it without warning after so many milliseconds. Resolves to whether it finished by itself. */
function replay(recording: string, out: string, killAfter?: number): Promise<boolean> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [CLI, 'replay', recording, '--out', out, ...OPTIONS], {
      stdio: 'pipe',
    });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      output += text;
    });
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0 && signal !== 'SIGKILL') fail(new Error(`ended with ${code ?? signal}: ${output}`));
      else done(code === 0);
    });
  });
}

test('killed at any moment and started again, a run ends as if nothing had happened and repeats nothing', async () => {
  const recording = await smallRecording(2, 4);
  const whole = join(await temporaryFolder(), 'run');
  const start = performance.now();
  await replay(recording, whole);
  const duration = performance.now() - start;

  const killed = join(await temporaryFolder(), 'run');
  const next = random(7);
  let kills = 0;
  let before = await contentsOf(await temporaryFolder());
  // Each attempt lives long enough to get somewhere, at moments spread over the whole run.
  for (let attempt = 0; attempt < 8; attempt++) {
    const finished = await replay(recording, killed, duration * (0.35 + 0.35 * next()));
    const after = await contentsOf(killed, [
      'probabilities',
      'superpixels',
      'incidences',
      'points',
      'scores',
      'picks',
    ]);
    // What an earlier attempt had finished is not made again.
    for (const [name, { mtime }] of before)
      if (!name.endsWith('.partial')) expect(after.get(name)?.mtime, name).toBe(mtime);
    before = after;
    if (finished) break;
    kills++;
  }
  await replay(recording, killed);
  expect(kills).toBeGreaterThan(0);
  expect(await digestsOf(killed, RESULTS)).toEqual(await digestsOf(whole, RESULTS));
});

test('interrupted while training, it saves the last step, says so, and goes on from exactly there', async () => {
  const recording = await smallRecording(1, 4);
  const run = (out: string, onOutput: (text: string, child: ReturnType<typeof spawn>) => void = () => {}) =>
    new Promise<{ code: number | null; output: string }>((done) => {
      const child = spawn(process.execPath, [CLI, 'train', out, '--recording', recording, ...TRAINING]);
      let output = '';
      const hear = (text: Buffer) => {
        output += text;
        onOutput(output, child);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('exit', (code) => done({ code, output }));
    });
  const whole = join(await temporaryFolder(), 'run');
  expect(await run(whole)).toMatchObject({ code: 0 });

  const interrupted = join(await temporaryFolder(), 'run');
  let isSent = false;
  const first = await run(interrupted, (output, child) => {
    if (isSent || !output.includes('train: 40 steps')) return;
    isSent = true;
    setTimeout(() => child.kill('SIGINT'), 1000);
  });
  expect(first.output).toContain('saving the training as it is');
  expect(first.output).toContain('interrupted; the same call goes on where this one stopped');
  expect(first.code).toBe(130);
  const second = await run(interrupted);
  expect(second.code).toBe(0);
  expect(second.output).toMatch(/going on with training after step \d+/);
  const results = ['model', 'history', 'validation'];
  expect(await digestsOf(interrupted, results)).toEqual(await digestsOf(whole, results));
});
