import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { encodeFrames } from '../../src/live/frame-message.js';
import { LiveRecording } from '../../src/live/live-recording.js';
import { random } from '../../src/random.js';
import { sentFrame } from '../live/frames.js';
import { temporaryFolder } from '../sample.js';
import { Device } from './clients.js';

async function start(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [resolve('test/server/ingest-process.mjs'), folder]);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stderr.pipe(process.stderr);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: String(line).trim() };
}

const FRAMES = 300;

/**
 * Sends frames as their credit allows until all are acknowledged or the connection ends, the oldest not acknowledged first.
 * Half of the frames are of a scene that others send to as well.
 */
async function sendAll(url: string, name: string, acknowledged: Set<string>): Promise<void> {
  const device = await Device.connect(url).catch(() => undefined);
  if (device === undefined) return; // killed before it was there
  const open = Array.from({ length: FRAMES }, (_, i) => ({
    scene: i % 2 ? 'shared' : name,
    id: `${i}`,
  })).filter(({ scene, id }) => !acknowledged.has(`${scene}/${id}`));
  let sent = 0;
  let seen = 0;
  while (device.closed === undefined && seen < open.length) {
    while (sent < open.length && sent - device.acks.length < device.credit)
      device.socket.send(encodeFrames([sentFrame(open[sent++])]));
    await device.until(() => device.acks.length > seen || device.closed !== undefined);
    for (; seen < device.acks.length; seen++) {
      const { scene, frame, status } = device.acks[seen]!;
      if (status === 'kept' || status === 'repeated') acknowledged.add(`${scene}/${frame}`);
    }
  }
}

const sizesOf = (devices: ReadonlyMap<string, ReadonlySet<string>>) =>
  [...devices.values()].map(({ size }) => size);

test('killed under load and started again, every acknowledged frame is there once', async () => {
  const folder = await temporaryFolder();
  const devices = new Map(['a', 'b', 'c'].map((name) => [name, new Set<string>()]));
  const next = random(3);
  for (let kill = 0; kill < 4; kill++) {
    const { child, url } = await start(folder);
    const sending = [...devices].map(([name, acknowledged]) => sendAll(url, name, acknowledged));
    // However slow the machine, the first kill is under load.
    await vi.waitFor(() => expect(Math.min(...sizesOf(devices))).toBeGreaterThan(0), { timeout: 60_000 });
    await delay(200 * next());
    child.kill('SIGKILL');
    await Promise.all(sending);
    const stored = await LiveRecording.open(folder);
    expect(stored.bad).toEqual([]);
    const names = stored.frames.map(({ scene, id }) => `${scene}/${id}`);
    expect(new Set(names).size).toBe(names.length);
    for (const acknowledged of devices.values())
      expect(names).toEqual(expect.arrayContaining([...acknowledged]));
  }
  const { url } = await start(folder);
  await Promise.all([...devices].map(([name, acknowledged]) => sendAll(url, name, acknowledged)));
  const { frames } = await LiveRecording.open(folder);
  expect(frames.length).toBe((FRAMES / 2) * 4);
});
