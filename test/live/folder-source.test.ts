import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { frameName } from '../../src/frame.js';
import { FolderSource, type FolderSourceOptions } from '../../src/live/folder-source.js';
import { KeyframeGate } from '../../src/live/keyframes.js';
import type { FrameEntry } from '../../src/sources/recording.js';
import { type Files, jpeg, png, png16, poseAt, ramp, writeRecording } from '../sources/builders.js';
import { VirtualClock } from './virtual-clock.js';

const SIZE = { width: 8, height: 6 };
const SETTINGS = JSON.stringify({
  classes: ['wall', 'floor'],
  intrinsics: { ...SIZE, fx: 8, fy: 8, cx: 3.5, cy: 2.5 },
});

let colour: Buffer;
const depth = png16(
  8,
  6,
  ramp(48, (i) => 1000 + i),
);
beforeAll(async () => {
  colour = await jpeg(8, 6, [10, 20, 30]);
});

/** A frame of our own layout, standing at x metres. */
const frame = (name: string, x: number): Files => ({
  [`${name}.color.jpg`]: colour,
  [`${name}.depth.png`]: depth,
  [`${name}.pose.txt`]: poseAt(x, 0, 0),
});

const opened: FolderSource[] = [];
afterEach(async () => {
  for (const source of opened.splice(0)) await source.close();
});

/** A watched folder, and what was told of so far. */
async function watch(files: Files, options: FolderSourceOptions = {}) {
  const clock = new VirtualClock();
  const path = await writeRecording(files);
  const source = await FolderSource.open(path, { clock, interval: 0.5, stable: 1, ...options });
  opened.push(source);
  const told: FrameEntry[] = [];
  const done = (async () => {
    for await (const entry of source.arrivals()) told.push(entry);
  })();
  return {
    path,
    source,
    done,
    names: () => told.map(frameName),
    told,
    clock,
    /** Lets so many seconds pass, look by look. */
    async pass(seconds: number) {
      for (let t = 0; t < seconds; t += 0.5) {
        await clock.idle();
        clock.advance(0.5);
      }
      await clock.idle();
    },
    async write(more: Files) {
      for (const [name, content] of Object.entries(more)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), content);
      }
    },
  };
}

describe('a growing folder', () => {
  it('tells of frames that are there, and of those that come', async () => {
    const folder = await watch({ 'recording.json': SETTINGS, ...frame('kitchen/0', 0) });
    await folder.pass(2);
    expect(folder.names()).toEqual(['kitchen/0']);
    await folder.write({ ...frame('kitchen/2', 2), ...frame('kitchen/1', 1), ...frame('hall/0', 0) });
    await folder.pass(2);
    expect(folder.names()).toEqual(['kitchen/0', 'hall/0', 'kitchen/1', 'kitchen/2']);
    expect(folder.source.recording.frames).toEqual(folder.told);
    expect(folder.source.recording).toMatchObject({ format: 'own', classes: ['wall', 'floor'] });
    const read = await folder.source.recording.read(folder.told[2]!, SIZE);
    expect([...read.cameraToWorld]).toEqual([1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    expect(read.timestamp).toBe(1);
    expect(folder.source.counts).toEqual({
      received: 4,
      kept: 4,
      skipped: { still: 0, blurred: 0 },
      repeated: 0,
      refused: 0,
    });
    await folder.source.close();
    await folder.done;
  });

  it('waits for every part, in any order, and for each to stop growing', async () => {
    const folder = await watch({ 'recording.json': SETTINGS });
    const { 'a/0.pose.txt': pose, 'a/0.color.jpg': image, 'a/0.depth.png': depths } = frame('a/0', 0);
    await folder.write({ 'a/0.pose.txt': pose! });
    await folder.pass(3);
    expect(folder.source.waiting).toMatch(/^a\/0\.color\.jpg: missing/);
    await folder.write({ 'a/0.depth.png': depths!.slice(0, 20) });
    await folder.write({ 'a/0.color.jpg': image! });
    for (let at = 20; at < depths!.length; at += 20) {
      await folder.pass(0.5);
      expect(folder.names()).toEqual([]);
      await appendFile(join(folder.path, 'a/0.depth.png'), depths!.slice(at, at + 20));
    }
    await folder.pass(2);
    expect(folder.names()).toEqual(['a/0']);
    expect(folder.source.counts.refused).toBe(0);
  });

  it('tries a frame again whose writer stopped half-way and went on later', async () => {
    const folder = await watch({ 'recording.json': SETTINGS, ...frame('a/0', 0), ...frame('a/1', 1) });
    const { 'a/2.depth.png': depths, ...others } = frame('a/2', 2);
    await folder.write({ ...others, 'a/2.depth.png': depths!.slice(0, 60) });
    await folder.pass(4);
    expect(folder.names()).toEqual(['a/0', 'a/1']);
    expect(folder.source.recording.bad).toMatchObject([{ scene: 'a', id: '2', file: 'a/2.depth.png' }]);
    expect(folder.source.counts).toMatchObject({ received: 3, kept: 2, refused: 1 });
    await folder.write({ 'a/2.depth.png': depths! });
    await folder.pass(3);
    expect(folder.names()).toEqual(['a/0', 'a/1', 'a/2']);
    expect(folder.source.recording.bad).toEqual([]);
  });

  it('takes files that get their name last, and passes over those that vanish', async () => {
    const folder = await watch({ 'recording.json': SETTINGS });
    const { 'a/0.depth.png': depths, ...others } = frame('a/0', 0);
    await folder.write({ ...others, 'a/.0.depth.png.Xy1': depths!, 'a/1.color.jpg': colour });
    await folder.pass(2);
    await rename(join(folder.path, 'a/.0.depth.png.Xy1'), join(folder.path, 'a/0.depth.png'));
    await rm(join(folder.path, 'a/1.color.jpg'));
    await folder.pass(3);
    expect(folder.names()).toEqual(['a/0']);
    expect(folder.source.waiting).toBe('');
  });

  it('waits until it can tell the layout, and for settings that are no good yet', async () => {
    const folder = await watch(frame('a/0', 0), { format: 'own' });
    await folder.pass(2);
    expect(folder.source.waiting).toMatch(/is in no known layout yet: expected recording\.json and a folder/);
    await folder.write({ 'recording.json': SETTINGS.slice(0, 10) });
    await folder.pass(2);
    expect(folder.source.waiting).toMatch(/^recording\.json: not valid JSON/);
    await folder.write({ 'recording.json': SETTINGS });
    await folder.pass(1);
    expect(folder.names()).toEqual(['a/0']);
    expect(folder.source.waiting).toBe('');
  });

  it('reads the other layouts, with the labels that are there in time', async () => {
    const scannet = (id: string, x: number): Files => ({
      [`color/s_${id}.jpg`]: colour,
      [`depth/s_${id}.png`]: depth,
      [`pose/s_${id}.txt`]: poseAt(x, 0, 0),
    });
    const info =
      'm_depthWidth = 8\nm_depthHeight = 6\nm_depthShift = 1000\n' +
      'm_calibrationDepthIntrinsic = 8 0 3.5 0 0 8 2.5 0 0 0 1 0 0 0 0 1\n';
    const folder = await watch(scannet('1', 0));
    await folder.pass(3);
    expect(folder.source.waiting).toMatch(/^info\/s\.txt: missing/);
    await folder.write({ 'info/s.txt': info.replace('m_depthShift = 1000', 'm_depthShift =') });
    await folder.pass(3);
    expect(folder.source.waiting).toMatch(/^info\/s\.txt: m_depthShift is ""/);
    await folder.write({ 'info/s.txt': info });
    await folder.pass(3);
    expect(folder.names()).toEqual(['s/1']);
    expect(folder.source.recording.classes).toEqual([]);
    await folder.write({
      ...scannet('2', 1),
      'label/s_2.png': png(
        8,
        6,
        ramp(48, () => 5),
      ),
    });
    await folder.pass(3);
    expect(folder.told.map(({ labelled }) => labelled)).toEqual([false, true]);
    expect(folder.source.recording.classes).toHaveLength(40);
    const read = await folder.source.recording.read(folder.told[1]!, SIZE);
    expect(read.labels![0]).toBe(4);

    const seven = await watch({
      'seq-01/frame-000000.color.jpg': colour,
      'seq-01/frame-000000.depth.png': depth,
      'seq-01/frame-000000.pose.txt': poseAt(0, 0, 0),
    });
    await seven.pass(2);
    expect(seven.names()).toEqual(['seq-01/000000']);
  });

  it('does not tell of frames that bring nothing, and counts them', async () => {
    const folder = await watch(
      { 'recording.json': SETTINGS, ...frame('a/0', 0), ...frame('a/1', 0.01), ...frame('a/2', 0.2) },
      { gate: new KeyframeGate({ move: 0.05, turn: 5, sharpness: 0 }) },
    );
    await folder.pass(3);
    expect(folder.names()).toEqual(['a/0', 'a/2']);
    expect(folder.source.counts).toMatchObject({ received: 3, kept: 2, skipped: { still: 1, blurred: 0 } });
    expect(folder.source.recording.frames).toHaveLength(2);
  });

  it('begins with the frames of earlier runs, as they were told of, whatever is thought of them now', async () => {
    const folder = await watch(
      { 'recording.json': SETTINGS, ...frame('a/0', 0), ...frame('a/1', 0.01), ...frame('a/2', 0.2) },
      { earlier: ['a/2', 'a/1', 'gone/7'] },
    );
    await folder.pass(3);
    expect(folder.names()).toEqual(['a/2', 'a/1']);
    expect(folder.source.counts.skipped.still).toBe(1);
  });

  it('tells of a frame once, though its files are written again or are gone', async () => {
    const folder = await watch({ 'recording.json': SETTINGS, ...frame('a/0', 0) });
    await folder.pass(3);
    await folder.write(frame('a/0', 3));
    await folder.pass(5);
    await rm(join(folder.path, 'a/0.depth.png'));
    await folder.pass(5);
    expect(folder.names()).toEqual(['a/0']);
  });

  it('looks no further than it is asked', async () => {
    const clock = new VirtualClock();
    const path = await writeRecording({ 'recording.json': SETTINGS, ...frame('a/0', 0), ...frame('a/1', 1) });
    const source = await FolderSource.open(path, { clock });
    opened.push(source);
    const arrivals = source.arrivals()[Symbol.asyncIterator]();
    expect((await clock.until(arrivals.next())).value).toMatchObject({ id: '0' });
    clock.advance(100);
    expect(source.counts.received).toBe(1);
    await source.close();
    expect(await arrivals.next()).toEqual({ value: undefined, done: true });
  });

  it('outlives a folder that is out of reach for a while', async () => {
    const folder = await watch({ 'recording.json': SETTINGS, ...frame('a/0', 0) });
    await folder.pass(3);
    await rename(folder.path, `${folder.path}-away`);
    await folder.pass(2);
    expect(folder.source.waiting).toMatch(/^There is no recording at /);
    await rename(`${folder.path}-away`, folder.path);
    await folder.write(frame('a/1', 1));
    await folder.pass(5);
    expect(folder.names()).toEqual(['a/0', 'a/1']);
  });

  it('has to be there', async () => {
    await expect(FolderSource.open('/nowhere/at/all')).rejects.toThrow(UserError);
  });
});
