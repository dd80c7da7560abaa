import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadFrameError } from '../src/errors.js';
import type { Frame } from '../src/frame.js';
import { carry } from '../src/inspect/agreement.js';
import { cameraFaults, fieldOfView } from '../src/inspect/camera-fit.js';
import { checkGeometry, sayVerdict, scored } from '../src/inspect/geometry-check.js';
import { HYPOTHESES } from '../src/inspect/hypotheses.js';
import { inspectRecording, smallSize } from '../src/inspect/inspection.js';
import { choosePairs } from '../src/inspect/pairs.js';
import { poseJumps } from '../src/inspect/pose-jumps.js';
import { poseRuns } from '../src/inspect/pose-runs.js';
import { MOST_SAMPLED, sampleFrames } from '../src/inspect/sample-frames.js';
import { sharedSurface } from '../src/inspect/shared-surface.js';
import { viewOf } from '../src/inspect/view.js';
import { FolderSource } from '../src/live/folder-source.js';
import { contactSheet } from '../src/report/contact-sheet.js';
import { AS_READ, type Correction, readCorrection, writeCorrection } from '../src/sources/correction.js';
import { openRecording } from '../src/sources/open.js';
import type { FrameEntry, Recording } from '../src/sources/recording.js';
import { SILENT } from '../src/stages/monitor.js';
import { openRun } from '../src/stages/run.js';
import { corrupt } from './corrupt-recording.js';
import { QUICK, SAMPLE, smallRecording, temporaryFolder } from './sample.js';

const SCANNET = '../shared/data/scannet-sample';
const SEVEN = '../shared/data/7scenes-sample';

/** A frame that looks along the world's z from (x, y, z) at a depth that is the same everywhere, or per pixel. */
function frameAt(
  [x, y, z]: readonly [number, number, number],
  depth: number | ((i: number) => number),
  { id = '0', scene = 'room' }: { readonly id?: string; readonly scene?: string } = {},
): Frame {
  const [width, height] = [40, 30];
  return {
    ...{ scene, id, timestamp: 0, width, height },
    colour: new Uint8Array(width * height * 3).fill(90),
    depth: Float32Array.from({ length: width * height }, (_, i) =>
      typeof depth === 'number' ? depth : depth(i),
    ),
    intrinsics: { fx: 40, fy: 40, cx: 19.5, cy: 14.5 },
    cameraToWorld: Float64Array.of(1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1),
  };
}

/** The sample's first four frames of each scene. */
async function short(): Promise<Recording> {
  const recording = await openRecording(SAMPLE);
  return { ...recording, frames: recording.frames.filter(({ id }) => Number(id) < 4) };
}

const HOW = { depth: 'z', depthFactor: 1, tolerance: 0.05 } as const;

describe('points carried into another view', () => {
  const wall = viewOf(frameAt([0, 0, 0], 2));
  const into = (to: Frame, how: Parameters<typeof carry>[4] = HOW) => {
    const view = viewOf(to);
    return carry(wall, wall.pose, view, view.pose, how);
  };

  it('agree where they lie on its surface, and are not tested beyond its picture', () => {
    // Half a metre to the right of a wall at 2 m is 0.5 · 40 / 2 = 10 of 40 columns.
    const { points, inView, tested, agreeing, near } = into(frameAt([0.5, 0, 0], 2));
    expect([points, inView, tested, agreeing, near]).toEqual([1200, 900, 900, 900, 900]);
  });

  it('are not tested where it has no depth', () => {
    const found = into(frameAt([0, 0, 0], (i) => (i % 40 < 10 ? 0 : 2)));
    expect(found).toMatchObject({ inView: 1200, tested: 900, agreeing: 900 });
  });

  it('disagree in front of its surface and behind it, hidden ones too', () => {
    for (const depth of [1.5, 1.94, 2.06, 3])
      expect(into(frameAt([0, 0, 0], depth))).toMatchObject({ tested: 1200, agreeing: 0 });
    expect(into(frameAt([0, 0, 0], 2.04))).toMatchObject({ tested: 1200, agreeing: 1200 });
  });

  it('are out of view behind its camera', () => {
    expect(into(frameAt([0, 0, 2.5], 2))).toMatchObject({ inView: 0, tested: 0 });
  });

  it('are held to the same whatever depth is multiplied by; the 5 cm are those of the hypothesis', () => {
    // Twice as deep is as far off as half the way: 0.03 m as read become 0.06.
    const found = into(frameAt([1, 0, 0], 2.03), { ...HOW, depthFactor: 2 });
    expect(found).toMatchObject({ inView: 900, agreeing: 900, near: 0 });
  });

  it('are carried in numbers that hardly depend on the size', () => {
    for (const [width, height] of [
      [16, 12],
      [160, 120],
      [200, 96],
    ] as const) {
      const depth = new Float32Array(width * height).fill(1);
      const { pixels } = viewOf({ ...frameAt([0, 0, 0], 1), width, height, depth });
      expect(pixels.length).toBeGreaterThanOrEqual(Math.min(width * height, 1200));
      expect(pixels.length).toBeLessThan(2500);
    }
  });
});

describe('pairs of views', () => {
  it('are of each view the furthest that overlaps, in its scene, once', () => {
    const along = [0, 0.3, 0.6, 1.1, 9];
    const views = along.map((x, i) => viewOf(frameAt([x, 0, 0], 2, { id: `${i}` })));
    views.push(viewOf(frameAt([0.2, 0, 0], 2, { id: 'other', scene: 'hall' })));
    const poses = views.map(({ pose }) => pose);
    // A picture is 2 m wide at the wall: 1.1 m apart, 45 % overlap.
    expect(choosePairs(views, poses, AS_READ)).toEqual([
      [0, 3],
      [1, 3],
      [0, 2],
    ]);
  });

  it('are none where no view sees what another does', () => {
    const views = [0, 500, 1000].map((x) => viewOf(frameAt([x, 0, 0], 2)));
    expect(
      choosePairs(
        views,
        views.map(({ pose }) => pose),
        AS_READ,
      ),
    ).toEqual([]);
    const check = checkGeometry(views);
    expect(check).toMatchObject({ verdict: 'unknown', rivals: [] });
    expect(sayVerdict(check)).toMatch(/no two of the views looked at show the same surface/);
  });
});

describe('the verdict', () => {
  it('is on every combination of conventions, as read first', () => {
    expect(HYPOTHESES[0]).toEqual(AS_READ);
    expect(HYPOTHESES.length).toBe(13 * 2 * 2 * 2);
    expect(new Set(HYPOTHESES.map((one) => JSON.stringify(one))).size).toBe(HYPOTHESES.length);
    for (const factor of [4, 5, 6.5535, 1 / 4, 1 / 5, 4 / 5])
      expect(HYPOTHESES.some(({ depthFactor }) => Math.abs(depthFactor / factor - 1) < 1e-12)).toBe(true);
  });

  it('names rivals where the camera does not move, and keeps what was read', () => {
    const views = ['0', '1', '2'].map((id) => viewOf(frameAt([0, 0, 0], 2, { id })));
    const check = checkGeometry(views);
    expect(check.verdict).toBe('fits');
    expect(check.best).toBe(check.asRead);
    expect(check.rivals.length).toBe(HYPOTHESES.length - 1);
  });

  it('is unknown where views agree under no convention', () => {
    const noise = (n: number) => (i: number) => 0.5 + ((i * 7919 + n * 104_729) % 4001) / 1000;
    const views = [0, 1, 2, 3].map((n) => viewOf(frameAt([n / 10, 0, 0], noise(n), { id: `${n}` })));
    const check = checkGeometry(views);
    expect(check.verdict).toBe('unknown');
    expect(sayVerdict(check)).toMatch(/fits under no convention/);
  });

  it('is not won by a few lucky points', () => {
    const found = [
      { tested: 20_000, agreeing: 14_000 },
      { tested: 3, agreeing: 3 },
      { tested: 5000, agreeing: 4000 },
      { tested: 0, agreeing: 0 },
    ];
    // Less than a tenth of the most tested counts as a tenth.
    expect(scored(found).map(({ score }) => score)).toEqual([0.7, 3 / 2000, 0.8, 0]);
    expect(scored([{ tested: 0, agreeing: 0 }])).toEqual([{ tested: 0, agreeing: 0, score: 0 }]);
  });
});

describe('recordings with a wrong convention written in', () => {
  let original: string;
  beforeAll(async () => {
    original = join(await temporaryFolder(), 'rooms');
    await cp(SAMPLE, original, { recursive: true });
    for (const room of ['room-001', 'room-002']) await rm(join(original, room), { recursive: true });
    for (const list of (await readdir(original)).filter((name) => name.endsWith('.txt')))
      await rm(join(original, list));
  });
  const written = async (correction: Correction): Promise<string> => {
    const folder = join(await temporaryFolder(), 'wrong');
    await cp(original, folder, { recursive: true });
    await corrupt(folder, correction);
    return folder;
  };

  it.each<[string, Partial<Correction>]>([
    ['nothing', {}],
    ['poses', { poses: 'world-to-camera' }],
    ['axes', { axes: 'opengl' }],
    ['ray length', { depth: 'ray' }],
    ['depth read 5 times too small', { depthFactor: 5 }],
    ['depth read 5 times too great', { depthFactor: 1 / 5 }],
    ['a scale of 5000 taken for 4000', { depthFactor: 4 / 5 }],
    ['poses and axes', { poses: 'world-to-camera', axes: 'opengl' }],
    ['axes and scale', { axes: 'opengl', depthFactor: 1 / 4 }],
    ['all', { poses: 'world-to-camera', axes: 'opengl', depthFactor: 5, depth: 'ray' }],
  ])('are found out: %s', async (_, changed) => {
    const truth = { ...AS_READ, ...changed };
    const { geometry } = await inspectRecording(await openRecording(await written(truth)));
    expect(geometry.best.correction).toEqual(truth);
    expect(geometry.verdict).toBe(Object.keys(changed).length === 0 ? 'fits' : 'wrong');
    expect(geometry.best.score).toBeGreaterThan(0.6);
    // By a factor of 2 or more, but for the neighbouring scales of 4000 and 5000, and 5000 and 6553.5.
    for (const { correction, score } of geometry.tried) {
      const off = correction.depthFactor / truth.depthFactor;
      if (correction === geometry.best.correction || (off !== 1 && off > 0.7 && off < 1.4)) continue;
      expect(geometry.best.score / score, JSON.stringify(correction)).toBeGreaterThan(2);
    }
  });

  it('are set right by the correction that was found: the same frames, within what files can hold', async () => {
    const truth: Correction = { poses: 'world-to-camera', axes: 'opengl', depthFactor: 0.25, depth: 'ray' };
    const folder = await written(truth);
    const { geometry } = await inspectRecording(await openRecording(folder));
    expect(sayVerdict(geometry)).toMatch(
      /^Poses look like world→camera, camera axes look like OpenGL's \(y up, z backward\), depth looks 4 times too great and depth looks like the length of the ray instead of z: \d+ % of points agree that way, \d+ % as read\.$/,
    );
    await writeCorrection(folder, geometry.best.correction);
    const [right, corrected] = await Promise.all([original, folder].map((path) => openRecording(path)));
    const size = { width: 320, height: 240 };
    for (const at of [0, 7, 19]) {
      const [expected, found] = await Promise.all([
        right!.read(right!.frames[at]!, size),
        corrected!.read(corrected!.frames[at]!, size),
      ]);
      const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
        Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
      expect(furthest(expected.depth, found.depth)).toBeLessThan(0.0005);
      expect(furthest(expected.cameraToWorld, found.cameraToWorld)).toBeLessThan(1e-9);
      expect(found.colour).toEqual(expected.colour);
    }
    const again = await inspectRecording(corrected!);
    expect(again.correction).toEqual(truth);
    expect(again.geometry.verdict).toBe('fits');
  });
});

describe('the frames looked at', () => {
  const entriesOf = (counts: readonly number[]): FrameEntry[] =>
    counts.flatMap((count, scene) =>
      Array.from({ length: count }, (_, id) => ({
        ...{ scene: `${scene}`, id: `${id}`, labelled: false, fingerprint: '', labelFingerprint: '' },
      })),
    );

  it('are all of a short recording', () => {
    const entries = entriesOf([20, 28]);
    expect(sampleFrames(entries)).toEqual(entries);
  });

  it('are few, each once, in order, with neighbours of their scene, however many there are', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(counts, (frames) => {
        const entries = entriesOf(frames);
        const places = sampleFrames(entries).map((entry) => entries.indexOf(entry));
        expect(places.length).toBeLessThanOrEqual(MOST_SAMPLED);
        expect(places.every((at, i) => i === 0 || at > places[i - 1]!)).toBe(true);
        expect(places.length).toBeGreaterThanOrEqual(Math.min(entries.length, 10));
      }),
    );
    const places = sampleFrames(entriesOf([100_000])).map(({ id }) => Number(id));
    expect(places.slice(0, 4).map((at) => at - places[0]!)).toEqual([0, 6, 20, 60]);
    expect([places.length, places[0]! < 5000, places.at(-1)! > 95_000]).toEqual([48, true, true]);
  });

  it.each([
    [
      { width: 640, height: 480 },
      { width: 160, height: 120 },
    ],
    [
      { width: 256, height: 192 },
      { width: 160, height: 120 },
    ],
    [
      { width: 480, height: 640 },
      { width: 120, height: 160 },
    ],
    [
      { width: 16, height: 12 },
      { width: 16, height: 12 },
    ],
    [
      { width: 1920, height: 1080 },
      { width: 185, height: 104 },
    ],
  ])('keep their shape: %o', (size, small) => {
    expect(smallSize(size)).toEqual(small);
  });
});

describe('warnings', () => {
  it('of intrinsics for another size', () => {
    const size = { width: 160, height: 120 };
    const stored = { width: 640, height: 480 };
    expect(cameraFaults(size, { fx: 146, fy: 146, cx: 79.5, cy: 59.5 }, stored)).toEqual([]);
    // Those of 1296×968 colour, taken for those of 640×480 depth.
    expect(cameraFaults(size, { fx: 292, fy: 292, cx: 162 - 0.5, cy: 121 - 0.5 }, stored)).toEqual([
      'intrinsics do not fit the 640×480 pictures: the principal point is at 648, 484, expected near 320, 240; they would fit pictures of about 1296×968',
    ]);
    expect(cameraFaults(size, { fx: 1460, fy: 1460, cx: 79.5, cy: 59.5 }, stored)[0]).toMatch(
      /field of view would be 6° × 5°/,
    );
    expect(cameraFaults(size, { fx: 146, fy: 100, cx: 79.5, cy: 59.5 }, stored)[0]).toMatch(
      /1\.46 times as high as wide/,
    );
    expect(fieldOfView(size, { fx: 80, fy: 60, cx: 0, cy: 0 })).toEqual({ width: 90, height: 90 });
  });

  it('of a surface that only one view sees', () => {
    const views = (...places: readonly number[]) =>
      places.map((x, i) => viewOf(frameAt([x, 0, 0], 2.01, { id: `${i}` })));
    expect(sharedSurface(views(0), AS_READ)).toBe(0);
    expect(sharedSurface(views(0, 0), AS_READ)).toBe(1);
    expect(sharedSurface(views(0, 50), AS_READ)).toBe(0);
    // Half of each of two pictures: a third of what they show.
    expect(sharedSurface(views(0, 1), AS_READ)).toBeCloseTo(1 / 3, 1);
    expect(sharedSurface([], AS_READ)).toBe(0);
  });

  it('of poses that jump, by the clock where there is one', () => {
    const run = (xs: readonly number[], times?: readonly number[]) => [
      xs.map((x, i) => ({
        ...{ scene: 'room', id: `${i}`, time: times?.[i] },
        pose: frameAt([x, 0, 0], 1).cameraToWorld,
      })),
    ];
    const steady = [0, 0.05, 0.1, 0.15, 0.2];
    expect(poseJumps(run(steady), AS_READ)).toEqual([]);
    const jumped = poseJumps(run([...steady, 3, 3.05]), AS_READ);
    expect(jumped).toMatchObject([{ scene: 'room', from: '4', to: '5' }]);
    expect(jumped[0]!.metres).toBeCloseTo(2.8, 9);
    expect(jumped[0]!.times).toBeCloseTo(56, 6);
    // Two seconds without a frame.
    expect(poseJumps(run([...steady, 3, 3.05], [0, 0.1, 0.2, 0.3, 0.4, 6, 6.1]), AS_READ)).toEqual([]);
    expect(poseJumps(run([...steady, 3], [0, 0.1, 0.2, 0.3, 0.4, 0.5]), AS_READ).length).toBe(1);
  });

  it('of colour and depth that drift apart, where a recording tells', async () => {
    const recording = await short();
    const delayed = (delay: (i: number) => number): Recording => {
      let i = 0;
      return { ...recording, readColourDelay: async () => delay(i++) };
    };
    const warned = async (delay: (i: number) => number) => (await inspectRecording(delayed(delay))).warnings;
    expect(await warned((i) => (i % 2 ? 0.02 : -0.02))).toEqual([]);
    expect(await warned((i) => i * 0.004)).toEqual([
      'The times of colour and depth drift apart, by 36 ms over the recording: expected at most 30.',
    ]);
    expect(await warned((i) => 0.15 + i / 1000)).toEqual([
      'Colour and depth were not taken at the same time: colour is 150 to 161 ms later, expected at most 100.',
    ]);
  });
});

describe('an inspection', () => {
  it('tells what the recording is, and names bad frames', async () => {
    const folder = join(await temporaryFolder(), 'rooms');
    await cp(SAMPLE, folder, { recursive: true });
    await writeFile(join(folder, 'room-000/000003.depth.png'), 'no image');
    await rm(join(folder, 'room-001/000004.pose.txt'));
    for (const i of [2, 5]) await rm(join(folder, `room-002/00000${i}.label.png`));
    const recording = await openRecording(folder);
    // All frames, so that the damaged one is among those read.
    const few = { ...recording, frames: recording.frames.filter(({ id }) => Number(id) < 10) };
    const done: string[] = [];
    const found = await inspectRecording(few, { onFrame: (now, total) => done.push(`${now}/${total}`) });
    expect(found).toMatchObject({ format: 'own', frames: 29, jumps: [], warnings: [], posesRead: 29 });
    expect(found.scenes).toEqual([
      { scene: 'room-000', frames: 10, labelled: 10, seconds: undefined },
      { scene: 'room-001', frames: 9, labelled: 9, seconds: undefined },
      { scene: 'room-002', frames: 10, labelled: 8, seconds: undefined },
    ]);
    expect(found.bad.map(({ file }) => file)).toEqual([
      'room-001/000004.pose.txt',
      'room-000/000003.depth.png',
    ]);
    expect(found.sizes).toEqual([
      { colour: { width: 320, height: 240 }, depth: { width: 320, height: 240 }, frames: 28 },
    ]);
    expect(found.sampled.length).toBe(28);
    expect([done[0], done[1], done.at(-1)]).toEqual(['0/29', '1/29', '29/29']);
    expect(found.shared).toBeGreaterThan(0.3);
  });

  it('gives the duration of recordings with a clock', async () => {
    const recording = await short();
    const clocked = { ...recording, readTime: async ({ id }: FrameEntry) => 100 + Number(id) / 2 };
    const { scenes } = await inspectRecording(clocked);
    expect(scenes.map(({ seconds }) => seconds)).toEqual([1.5, 1.5, 1.5]);
  });

  it('ends with the reason where no frame can be read', async () => {
    const recording = await openRecording(SAMPLE);
    const broken = {
      ...recording,
      read: async () => {
        throw new BadFrameError('file', 'damaged');
      },
    };
    await expect(inspectRecording(broken)).rejects.toThrow('file: damaged');
  });

  it('reads poses of a bounded number of frames', async () => {
    let read = 0;
    const entries = Array.from({ length: 50_000 }, (_, i) => ({
      ...{
        scene: i < 30_000 ? 'a' : 'b',
        id: `${i}`,
        labelled: false,
        fingerprint: '',
        labelFingerprint: '',
      },
    }));
    const runs = await poseRuns({
      frames: entries,
      readPose: async () => {
        read++;
        return frameAt([0, 0, 0], 1).cameraToWorld;
      },
    } as unknown as Recording);
    expect(read).toBe(2000);
    for (const run of runs)
      expect(run.every(({ id }, i) => i === 0 || Number(id) === Number(run[i - 1]!.id) + 1)).toBe(true);
    expect(new Set(runs.flatMap((run) => run.map(({ scene }) => scene)))).toEqual(new Set(['a', 'b']));
  });
});

describe('a contact sheet', () => {
  it('has colour, depth from dark to light, and labels, side by side under the frame’s name', async () => {
    const frames = [0, 1, 2, 3].map((n) => ({
      ...frameAt([0, 0, 0], (i) => (i % 40 < 20 ? 1 : 3), { id: `${n}` }),
      ...(n === 0 ? { labels: new Uint8Array(1200).fill(1) } : {}),
    }));
    const { png, frames: drawn } = await contactSheet('a & <b>', frames, 2);
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [
      ...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3),
    ];
    expect([drawn, info.width, info.height]).toEqual([4, 8 + 3 * 128, 8 + 18 + 2 * (18 + 30 + 8)]);
    const [left, top] = [8, 8 + 18 + 18];
    expect(at(left + 5, top + 5)).toEqual([90, 90, 90]);
    const light = ([r, g, b]: readonly number[]) => r! + g! + b!;
    expect(light(at(left + 45, top + 5))).toBeLessThan(light(at(left + 75, top + 5)));
    expect(at(left + 85, top + 5)).toEqual(at(left + 110, top + 20));
    // The second frame has no labels: stripes of two greys.
    expect(new Set(at(left + 128 + 85, top + 5)).size).toBe(1);
  });

  it('draws at most 24 frames, spread evenly, and names of any length and script', async () => {
    const frames = Array.from({ length: 100 }, (_, n) =>
      frameAt([0, 0, 0], 2, { id: `${'été 部屋'.repeat(40)}\u0000${n}` }),
    );
    const { png, frames: drawn } = await contactSheet('many', frames, 0);
    expect(drawn).toBe(24);
    expect((await sharp(png).metadata()).width).toBe(8 + 4 * 88);
  });
});

describe('the command', () => {
  const viewal = (cwd: string, ...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
      execFile(
        process.execPath,
        [resolve('dist/src/cli/main.js'), ...args],
        { cwd },
        (error, stdout, stderr) => done({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });

  it('names what is wrong, sets it right for all commands, and says so', async () => {
    const here = await temporaryFolder();
    const folder = join(here, 'rooms');
    await cp(await smallRecording(2, 14), folder, { recursive: true });
    await corrupt(folder, { ...AS_READ, poses: 'world-to-camera' });

    const first = await viewal(here, 'inspect', 'rooms', '--fix');
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /Poses look like world→camera: \d+ % of points agree that way, \d+ % as read\./,
    );
    expect(first.stdout).toMatch(/frames +28, 28 of them looked at/);
    expect(first.stderr).toMatch(/Corrected from now on \(poses inverted\)/);
    expect((await readFile(join(here, 'rooms.contact-sheet.png'))).subarray(1, 4).toString()).toBe('PNG');
    expect(await readCorrection(folder)).toEqual({ ...AS_READ, poses: 'world-to-camera' });

    const second = await viewal(here, 'inspect', 'rooms', '--fix', '--json', '--sheet', 'sheet.png');
    expect(second.stderr).toMatch(/is corrected already \(poses inverted\).*nothing was written/);
    const json = JSON.parse(second.stdout);
    expect(json).toMatchObject({
      format: 'own',
      frames: 28,
      correction: { poses: 'world-to-camera' },
      geometry: { verdict: 'fits' },
      warnings: [],
      sheet: 'sheet.png',
    });
    expect(json.geometry.tried.length).toBe(HYPOTHESES.length);
    expect(existsSync(join(here, 'sheet.png'))).toBe(true);

    // With another mistake on top there is nothing that a second correction could say.
    await corrupt(folder, { ...AS_READ, poses: 'world-to-camera' });
    const third = await viewal(here, 'inspect', 'rooms', '--fix');
    expect(third.code).toBe(1);
    expect(third.stderr).toMatch(/corrected already \(poses inverted\), and does not fit with that: remove/);
  });

  it('has nothing to fix where all is right', async () => {
    const here = await temporaryFolder();
    const { stderr, code } = await viewal(here, 'inspect', SAMPLE, '--fix');
    expect(code).toBe(0);
    expect(stderr).toMatch(/Nothing to fix/);
    expect(await readCorrection(SAMPLE)).toBeUndefined();
  });
});

describe('a correction in force', () => {
  it('is noted where a run begins, and refused where a folder is watched', async () => {
    const recording = await smallRecording(1, 2);
    await writeCorrection(recording, { ...AS_READ, depthFactor: 5 });
    const notes: string[] = [];
    const out = join(await temporaryFolder(), 'run');
    const monitor = { ...SILENT, note: (line: string) => notes.push(line) };
    const run = await openRun(out, QUICK, { recording, monitor });
    expect(notes).toEqual([`${recording} is corrected, as viewal inspect --fix wrote beside it: depth × 5`]);
    expect(run.recording.correction?.depthFactor).toBe(5);
    await expect(FolderSource.open(recording)).rejects.toThrow(
      /has a correction .*expected it to be played, not watched/,
    );
  });
});

const why = 'real recordings may not be distributed: skipped where ../shared/data is absent';
describe.each([SCANNET, SEVEN])('%s', (path) => {
  it.skipIf(!existsSync(path))(`fits as read, by a factor of 2 or more (${why})`, async () => {
    const { geometry, warnings, jumps } = await inspectRecording(await openRecording(path));
    expect(geometry.verdict).toBe('fits');
    expect([warnings, jumps]).toEqual([[], []]);
    const others = geometry.tried.filter((one) => one !== geometry.asRead);
    expect(geometry.asRead.score / Math.max(...others.map(({ score }) => score))).toBeGreaterThan(2);
  });
});
