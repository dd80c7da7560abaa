import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { beforeAll, expect, test } from 'vitest';
import { frameName } from '../../src/frame.js';
import type { CapturedFrame } from '../../src/live/captured-frame.js';
import { encodeFrames } from '../../src/live/frame-message.js';
import { saveNetwork } from '../../src/model/checkpoint.js';
import { initialNetwork } from '../../src/model/network.js';
import { openRecording } from '../../src/sources/open.js';
import type { FrameEntry } from '../../src/sources/recording.js';
import { smallRecording, temporaryFolder } from '../sample.js';
import { mcapBytes } from '../sources/mcap-files.js';
import { drive } from '../sources/ros-drive.js';

/** Takes every frame, however still or blurred. */
const EVERY = ['--sharpness', '0', '--move', '0', '--turn', '0'];
const CLI = 'dist/src/cli/main.js';

let recording: string;
let model: string;
beforeAll(async () => {
  recording = await smallRecording(2, 3);
  model = join(await temporaryFolder(), 'model');
  const { classes } = await openRecording(recording);
  const config = { width: 0.35, head: 'slim', classes: classes.length } as const;
  await saveNetwork(model, initialNetwork(config, classes, 1), 0);
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** @param hear gets all that was said so far, whenever more is */
function live(
  options: readonly string[],
  hear: (output: string, child: ReturnType<typeof spawn>) => void = () => {},
  input?: Readable,
): Promise<Ended> {
  return new Promise((done) => {
    const small = ['--size', '80x60', '--draws', '2', '--superpixel-count', '12', '--budget', '3superpixels'];
    const child = spawn(process.execPath, [CLI, 'live', ...options, ...small]);
    input?.pipe(child.stdin);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        output += text;
        hear(output, child);
      });
    child.on('exit', (code) => done({ code, output }));
  });
}

test('viewal live plays a recording in windows, and the same call goes on without what was asked', async () => {
  const out = join(await temporaryFolder(), 'run');
  const play = ['--play', recording, '--rate', 'max', '--model', model, '--out', out, ...EVERY];
  const first = await live([...play, '--window', '3frames']);
  expect(first).toMatchObject({ code: 0, output: expect.stringContaining('6 of 6 frames. Windows are in ') });
  const windows = (await readdir(join(out, 'windows'))).length;
  expect(windows).toBeGreaterThanOrEqual(2);
  expect(first.output).toContain('Window 1, ');
  const second = await live([...play, '--window', '100frames']);
  expect(second.code).toBe(0);
  if (second.output.includes('Window ')) expect(second.output).toContain(`Window ${windows + 1}, `);
  expect(second.output).not.toContain('Window 1, ');
});

test('viewal live watches a folder that grows, and ends with a last window when interrupted', async () => {
  const out = join(await temporaryFolder(), 'run');
  const growing = join(await temporaryFolder(), 'recording');
  await mkdir(growing);
  for (const file of ['recording.json', 'room-000'])
    await cp(join(recording, file), join(growing, file), { recursive: true });
  const watch = ['--watch', growing, '--model', model, '--out', out, ...EVERY];
  let isCopied = false;
  let isStopped = false;
  const ended = await live([...watch, '--window', '3frames'], (output, child) => {
    if (!isCopied && output.includes('Window 1, ')) {
      isCopied = true;
      void cp(join(recording, 'room-001'), join(growing, 'room-001'), { recursive: true });
    }
    if (!isStopped && output.includes('Window 2, ')) {
      isStopped = true;
      child.kill('SIGINT');
    }
  });
  expect(ended.output).toContain('no more frames are taken; picking from those that came');
  expect(ended.output).toContain('6 of 6 frames');
  expect(ended.code).toBe(0);
});

test('viewal live listens: what is sent is picked from, and a replay of the recording takes the same frames', async () => {
  const out = join(await temporaryFolder(), 'run');
  const sent = await openRecording(recording);
  const messages = await Promise.all(sent.frames.map(async (entry) => encodeFrames([await captured(entry)])));
  let isSent = false;
  let isStopped = false;
  const listen = ['--listen', '127.0.0.1:0', '--model', model, '--out', out, ...EVERY];
  let statuses: number[] = [];
  const ended = await live([...listen, '--window', '6frames'], (output, child) => {
    const [, url] = /and (http:\/\/\S+)\/frames/.exec(output) ?? [];
    if (!isSent && url !== undefined) {
      isSent = true;
      void Promise.all(
        messages.map(async (body) => {
          const headers = { 'content-type': 'application/vnd.apache.arrow.stream' };
          return (await fetch(`${url}/frames`, { method: 'POST', headers, body })).status;
        }),
      ).then((all) => {
        statuses = all;
      });
    }
    if (!isStopped && output.includes('Window 1, ')) {
      isStopped = true;
      child.kill('SIGINT');
    }
  });
  expect(statuses).toEqual(messages.map(() => 200));
  expect(ended).toMatchObject({ code: 0, output: expect.stringContaining('6 of 6 frames. Windows are in ') });
  const kept = await openRecording(join(out, 'recording'));
  expect(kept.frames.map(frameName)).toEqual(sent.frames.map(frameName));

  async function captured(entry: FrameEntry): Promise<CapturedFrame> {
    const path = (part: string) => join(recording, entry.scene, `${entry.id}.${part}`);
    const { intrinsics, cameraToWorld } = await sent.read(entry, { width: 320, height: 240 });
    return {
      ...{ scene: entry.scene, id: entry.id, timestamp: Number(entry.id), intrinsics, cameraToWorld },
      colour: { encoding: 'jpeg', bytes: await readFile(path('color.jpg')) },
      depth: {
        encoding: 'png16',
        bytes: await readFile(path('depth.png')),
        width: 320,
        height: 240,
        scale: 1000,
      },
    };
  }
});

test('viewal live takes an MCAP file and a stream from the standard input', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'walk.mcap');
  await writeFile(file, mcapBytes(drive(0.6)));
  const fromFile = ['--mcap', file, '--model', model, '--out', join(folder, 'a'), ...EVERY];
  const first = await live([...fromFile, '--window', '3frames']);
  expect(first).toMatchObject({ code: 0, output: expect.stringContaining('6 of 6 frames. Windows are in ') });
  expect((await openRecording(join(folder, 'a', 'recording'))).frames.map(({ scene }) => scene)).toEqual(
    new Array(6).fill('walk'),
  );
  const fromStream = ['--mcap', '-', '--model', model, '--out', join(folder, 'b'), ...EVERY];
  const second = await live([...fromStream, '--window', '3frames'], undefined, createReadStream(file));
  expect(second).toMatchObject({
    code: 0,
    output: expect.stringContaining('6 of 6 frames. Windows are in '),
  });
});

test.each([
  [[], 'Where do frames come from?'],
  [['--listen', 'here', '--model', 'data'], 'Expected an address such as'],
  [['--play', 'data/sample', '--rate', 'fast'], 'There is no rate "fast"'],
  [['--play', 'data/sample', '--window', 'soon'], 'Option window: expected 30s'],
  [['--play', 'data/sample', '--horizon', '-1s'], 'Option horizon: expected none'],
  [['--play', 'data/sample'], 'Live frames need a network: expected --model'],
])('viewal live %s is refused in a sentence', async (options, sentence) => {
  const out = join(await temporaryFolder(), 'run');
  const { code, output } = await live([...options, '--out', out]);
  expect(code).toBe(1);
  expect(output).toContain(`error: ${sentence}`);
});
