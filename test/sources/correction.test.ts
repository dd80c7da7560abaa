import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import {
  AS_READ,
  type Correction,
  changes,
  correctedFrame,
  correctedPose,
  correctionFile,
  readCorrection,
  sayCorrection,
  writeCorrection,
} from '../../src/sources/correction.js';
import { openRecording } from '../../src/sources/open.js';
import { type Files, jpeg, png, png16, poseAt, ramp, writeRecording } from './builders.js';

const SIZE = { width: 8, height: 6 };
const FILE = 'viewal-correction.json';

let files: Files;
beforeAll(async () => {
  files = {
    'recording.json':
      '{"classes": ["bed"], "intrinsics": {"width": 8, "height": 6, "fx": 4, "fy": 4, "cx": 4, "cy": 3}}',
    'room/0.color.jpg': await jpeg(8, 6, [200, 100, 50]),
    'room/0.depth.png': png16(
      8,
      6,
      ramp(48, (i) => i * 100),
    ),
    'room/0.pose.txt': poseAt(1, 2, 3),
    'room/0.label.png': png(
      8,
      6,
      ramp(48, () => 0),
    ),
    'room/0.superpixel.png': png16(8, 6, ramp(48)),
  };
});

const correction = (changed: Partial<Correction>): Correction => ({ ...AS_READ, ...changed });
const open = async (content: object) =>
  openRecording(await writeRecording({ ...files, [FILE]: JSON.stringify(content) }));

describe('a corrected pose', () => {
  // A camera that stands at (1, 2, 3) and looks along the world's x; its x is the world's −z, its y the world's −y.
  const camera = Float64Array.of(0, 0, 1, 1, 0, -1, 0, 2, -1, 0, 0, 3, 0, 0, 0, 1);
  // By hand: p ↦ Rᵀ (p − c), as x = −(z − 3), y = −(y − 2), z = x − 1.
  const worldToCamera = Float64Array.of(0, 0, -1, 3, 0, -1, 0, 2, 1, 0, 0, -1, 0, 0, 0, 1);

  it('is the pose read where nothing is wrong', () => {
    expect([...correctedPose(camera, AS_READ)]).toEqual([...camera]);
  });

  it('is inverted where it was world to camera', () => {
    const found = correctedPose(worldToCamera, correction({ poses: 'world-to-camera' }));
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(camera[i]!, 12);
    });
  });

  it("has OpenCV's axes where it had OpenGL's", () => {
    const upAndBackward = Float64Array.of(0, 0, -1, 1, 0, 1, 0, 2, -1, 0, 0, 3, 0, 0, 0, 1);
    expect([...correctedPose(upAndBackward, correction({ axes: 'opengl' }))].map((x) => x + 0)).toEqual([
      ...camera,
    ]);
  });

  it('is inverted before its axes are turned: what looks along −z is the camera, not the world', () => {
    // From world to a camera with y up and z backward: y and z of what OpenCV's camera sees, the other way.
    const stored = Float64Array.from(worldToCamera, (x, i) => (i >= 4 && i < 12 ? -x : x));
    correctedPose(stored, { poses: 'world-to-camera', axes: 'opengl' }).forEach((value, i) => {
      expect(value).toBeCloseTo(camera[i]!, 12);
    });
  });

  it('is itself again when it is corrected twice, even where rotations are printed to three digits', () => {
    const angle = fc.double({ min: -3, max: 3, noNaN: true });
    const poses = fc.constantFrom<Correction['poses']>('camera-to-world', 'world-to-camera');
    fc.assert(
      fc.property(angle, angle, fc.array(angle, { minLength: 3, maxLength: 3 }), poses, (a, b, t, poses) => {
        const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
        const rows = [
          ca,
          -sa * cb,
          sa * sb,
          t[0]!,
          sa,
          ca * cb,
          -ca * sb,
          t[1]!,
          0,
          sb,
          cb,
          t[2]!,
          0,
          0,
          0,
          1,
        ];
        const pose = Float64Array.from(rows, (x) => Math.round(x * 1000) / 1000);
        const twice = correctedPose(correctedPose(pose, { poses, axes: 'opencv' }), {
          poses,
          axes: 'opencv',
        });
        return twice.every((value, i) => Math.abs(value - pose[i]!) < 1e-9);
      }),
    );
  });
});

describe('a recording with a correction beside it', () => {
  it('is read with its poses inverted and its depth multiplied, and says so', async () => {
    const recording = await open({ poses: 'world-to-camera', depthFactor: 0.2 });
    expect(recording.correction).toEqual(correction({ poses: 'world-to-camera', depthFactor: 0.2 }));
    const [entry] = recording.frames;
    const frame = await recording.read(entry!, SIZE);
    expect([...frame.cameraToWorld].map((x) => x + 0)).toEqual([
      ...[1, 0, 0, -1, 0, 1, 0, -2],
      ...[0, 0, 1, -3, 0, 0, 0, 1],
    ]);
    expect(frame.depth[0]).toBe(0);
    expect(frame.depth[7]).toBeCloseTo(0.14, 6);
    expect(await recording.readPose!(entry!)).toEqual(frame.cameraToWorld);
    expect(frame.labels).toEqual(new Uint8Array(48));
    expect(basename(recording.superpixelFile(entry!)!)).toBe('0.superpixel.png');
  });

  it('has z where its depth was the length of the ray', async () => {
    const recording = await open({ depth: 'ray' });
    const { depth } = await recording.read(recording.frames[0]!, SIZE);
    // Pixel (4, 3) looks straight ahead; (0, 3) along (−1, 0, 1); (0, 0) along (−1, −3/4, 1).
    expect(depth[3 * 8 + 4]).toBeCloseTo(2.8, 6);
    expect(depth[3 * 8]).toBeCloseTo(2.4 / Math.SQRT2, 6);
    expect(depth[0]).toBe(0);
    expect(depth[1]).toBeCloseTo(0.1 / Math.hypot(0.75, 0.75, 1), 6);
  });

  it('changes the fingerprints of its frames, by what it corrects, and not those of labels', async () => {
    const path = await writeRecording(files);
    const entries = async () => (await openRecording(path)).frames[0]!;
    const plain = await entries();
    await writeCorrection(path, correction({ depthFactor: 5 }));
    const five = await entries();
    await writeCorrection(path, correction({ depthFactor: 4 }));
    const four = await entries();
    expect(new Set([plain, five, four].map(({ fingerprint }) => fingerprint)).size).toBe(3);
    expect(new Set([plain, five, four].map(({ labelFingerprint }) => labelFingerprint)).size).toBe(1);
    expect((await entries()).fingerprint).toBe(four.fingerprint);
  });

  it('is as it was without', async () => {
    const recording = await openRecording(await writeRecording(files));
    expect('correction' in recording).toBe(false);
    const frame = await recording.read(recording.frames[0]!, SIZE);
    expect(correctedFrame(frame, AS_READ)).toEqual(frame);
  });

  it.each([
    ['{', /not valid JSON/],
    ['[]', /it should be an object/],
    ['{"poses": "inverted"}', /"poses" should be "camera-to-world" or "world-to-camera", found "inverted"/],
    ['{"axes": "ros"}', /"axes" should be "opencv" or "opengl"/],
    ['{"depthFactor": 0}', /"depthFactor" should be a number above 0, found 0/],
    ['{"depthFactor": "5"}', /"depthFactor" should be a number above 0/],
    ['{"depth": true}', /"depth" should be "z" or "ray"/],
    ['{"pose": "world-to-camera"}', /should be without "pose"/],
  ])('is refused where that is %s', async (text, reason) => {
    const path = await writeRecording({ ...files, [FILE]: text });
    const error = await openRecording(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(reason);
    expect((error as Error).message).toContain(join(path, FILE));
  });
});

describe('the file of a correction', () => {
  it('is read as it was written', async () => {
    const path = await writeRecording(files);
    expect(await readCorrection(path)).toBeUndefined();
    const written = correction({ poses: 'world-to-camera', axes: 'opengl', depthFactor: 1.25, depth: 'ray' });
    const file = await writeCorrection(path, written);
    expect(file).toBe(join(path, FILE));
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(written);
    expect(await readCorrection(path)).toEqual(written);
  });

  it('lies beside a recording that is one file', async () => {
    const path = join(await writeRecording({}), 'scene.sens');
    await writeFile(path, '');
    expect(await correctionFile(path)).toBe(`${path}.${FILE}`);
    await writeCorrection(path, correction({ axes: 'opengl' }));
    expect(await readCorrection(path)).toEqual(correction({ axes: 'opengl' }));
  });
});

it('says what it changes, and counts it', () => {
  expect(sayCorrection(AS_READ)).toBe('nothing changed');
  const all = correction({ poses: 'world-to-camera', axes: 'opengl', depthFactor: 5, depth: 'ray' });
  expect(sayCorrection(all)).toBe('poses inverted, OpenGL axes turned, depth × 5, ray length to z');
  expect([AS_READ, correction({ depth: 'ray' }), all].map(changes)).toEqual([0, 1, 4]);
});
