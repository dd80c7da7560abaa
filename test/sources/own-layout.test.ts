import { chmod, mkdir, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import { openRecording } from '../../src/sources/open.js';
import {
  type Files,
  jpeg,
  npy,
  png,
  png16,
  poseAt,
  ramp,
  text,
  without,
  writeRecording,
} from './builders.js';

const SIZE = { width: 8, height: 6 };
const INTRINSICS = { width: 8, height: 6, fx: 10, fy: 11, cx: 3.5, cy: 2.5 };
const SETTINGS = { classes: ['bed', 'chair', 'floor'], depthScale: 1000, intrinsics: INTRINSICS };
const DEPTH = ramp(48, (i) => i * 100); // pixel 0 has no measurement

let colour: Buffer;
/** One scene of three frames, and a second scene of one. */
let files: Files;

beforeAll(async () => {
  colour = await jpeg(8, 6, [200, 100, 50]);
  const frame = (name: string): Files => ({
    [`${name}.color.jpg`]: colour,
    [`${name}.depth.png`]: png16(8, 6, DEPTH),
    [`${name}.pose.txt`]: poseAt(1, 2, 3),
  });
  files = {
    'recording.json': JSON.stringify(SETTINGS),
    ...frame('kitchen/000000'),
    ...frame('kitchen/000001'),
    ...frame('kitchen/000002'),
    ...frame('hall/000000'),
  };
});

const open = async (content: Files) => openRecording(await writeRecording(content));
const settings = (changes: object) => JSON.stringify({ ...SETTINGS, ...changes });

/** Opens the recording with some files changed and reads the first kitchen frame. */
async function readChanged(changes: Files) {
  const recording = await open({ ...files, ...changes });
  const entry = recording.frames.find(({ scene, id }) => scene === 'kitchen' && id === '000000')!;
  return recording.read(entry, SIZE);
}

describe('a recording in our own layout', () => {
  it('lists its frames by scene and id, and decodes one exactly', async () => {
    const recording = await open({
      ...files,
      'kitchen/000001.label.png': png(
        8,
        6,
        ramp(48, (i) => (i % 4 === 3 ? 255 : i % 4)),
      ),
      'kitchen/000001.superpixel.png': png16(8, 6, ramp(48)),
      'kitchen/000002.superpixel.npy': npy('<i4', [6, 8], ramp(48)),
    });
    expect(recording).toMatchObject({ format: 'own', classes: ['bed', 'chair', 'floor'], bad: [] });
    expect(recording.labelledList).toBeUndefined();
    expect(recording.frames.map(({ scene, id, labelled }) => [scene, id, labelled])).toEqual([
      ['hall', '000000', false],
      ['kitchen', '000000', false],
      ['kitchen', '000001', true],
      ['kitchen', '000002', false],
    ]);
    expect(recording.frames.map((entry) => recording.superpixelFile(entry))).toEqual([
      undefined,
      undefined,
      join(recording.path, 'kitchen/000001.superpixel.png'),
      join(recording.path, 'kitchen/000002.superpixel.npy'),
    ]);

    const frame = await recording.read(recording.frames[2]!, SIZE);
    expect(frame).toMatchObject({ scene: 'kitchen', id: '000001', timestamp: 1, ...SIZE });
    expect(frame.depth).toEqual(Float32Array.from(DEPTH, (mm) => mm / 1000));
    expect(frame.intrinsics).toEqual({ fx: 10, fy: 11, cx: 3.5, cy: 2.5 });
    expect([...frame.cameraToWorld]).toEqual([1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]);
    expect(frame.labels).toEqual(Uint8Array.from(ramp(48, (i) => (i % 4 === 3 ? 255 : i % 4))));
    expect(frame.colour.length).toBe(8 * 6 * 3);
    expect(Math.abs(frame.colour[0] - 200)).toBeLessThan(4);

    expect((await recording.read(recording.frames[1]!, SIZE)).labels).toBeUndefined();
  });

  it('reads at another working size', async () => {
    const recording = await open({
      ...files,
      'hall/000000.label.png': png(
        16,
        12,
        ramp(192, () => 2),
      ),
    });
    const frame = await recording.read(recording.frames[0]!, { width: 4, height: 3 });
    // Working pixel (u, v) is source pixel (2u + 1, 2v + 1).
    expect([...frame.depth.subarray(0, 4)].map((z) => Math.round(z * 1000))).toEqual([900, 1100, 1300, 1500]);
    expect(frame.intrinsics).toEqual({ fx: 5, fy: 5.5, cx: 1.25, cy: 0.75 });
    expect(frame.labels).toEqual(new Uint8Array(12).fill(2));
    expect(frame.colour.length).toBe(36);
  });

  it('takes colour of another size than depth', async () => {
    const frame = await readChanged({ 'kitchen/000000.color.jpg': await jpeg(16, 12, [0, 0, 255]) });
    expect(frame.colour.length).toBe(8 * 6 * 3);
    expect(frame.colour[2]).toBeGreaterThan(250);
  });

  it('prefers the camera of the scene, and converts depth by the scale', async () => {
    const recording = await open({
      ...files,
      'recording.json': settings({ depthScale: 5000 }),
      'hall/intrinsics.json': JSON.stringify({ ...INTRINSICS, fx: 20 }),
    });
    const [hall, kitchen] = await Promise.all([0, 1].map((i) => recording.read(recording.frames[i]!, SIZE)));
    expect([hall!.intrinsics.fx, kitchen!.intrinsics.fx]).toEqual([20, 10]);
    expect(hall!.depth[47]).toBeCloseTo(4700 / 5000, 6);
  });

  it('knows no labels without classes, and a scale of 1000 by default', async () => {
    const recording = await open({
      ...files,
      'recording.json': JSON.stringify({ intrinsics: INTRINSICS, generator: 'x' }),
    });
    expect(recording.classes).toEqual([]);
    expect((await recording.read(recording.frames[0]!, SIZE)).depth[1]).toBeCloseTo(0.1, 6);
  });

  it('reads the list of labelled frames, with comments and blank lines', async () => {
    const recording = await open({
      ...files,
      'labelled.txt': '# done by hand\nkitchen/000001\r\n\n  hall/000000 # checked\n',
    });
    expect([...recording.labelledList!]).toEqual(['kitchen/000001', 'hall/000000']);
    expect(recording.validationList).toBeUndefined();
  });

  it('reads the list of validation frames; a scene stands for all of its frames', async () => {
    const recording = await open({ ...files, 'validation.txt': 'kitchen\n' });
    const kitchen = recording.frames.filter(({ scene }) => scene === 'kitchen');
    expect([...recording.validationList!]).toEqual(kitchen.map(({ id }) => `kitchen/${id}`));
    expect(recording.labelledList).toBeUndefined();
  });

  it('takes names with spaces and letters of any script, scenes in links, and frame numbers without zeros', async () => {
    const recording = await open({
      'recording.json': text(files['recording.json']!),
      ...Object.fromEntries(
        ['10', '9', 'été 部屋'].flatMap((id) => [
          [`living room/${id}.color.jpg`, colour],
          [`living room/${id}.depth.png`, png16(8, 6, DEPTH)],
          [`living room/${id}.pose.txt`, poseAt(0, 0, 0)],
        ]),
      ),
    });
    await symlink(join(recording.path, 'living room'), join(recording.path, 'копия'));
    const again = await openRecording(recording.path);
    expect(again.frames.map(({ scene, id }) => `${scene}/${id}`)).toEqual([
      'living room/9',
      'living room/10',
      'living room/été 部屋',
      'копия/9',
      'копия/10',
      'копия/été 部屋',
    ]);
    expect((await again.read(again.frames[5]!, SIZE)).timestamp).toBe(2);
  });
});

describe('fingerprints', () => {
  it('tell which frames changed, and nothing else', async () => {
    const path = await writeRecording({ ...files, 'hall/intrinsics.json': JSON.stringify(INTRINSICS) });
    const fingerprints = async () => (await openRecording(path)).frames.map((entry) => entry.fingerprint);
    const before = await fingerprints();
    expect(before.every((hex) => /^[0-9a-f]{16}$/.test(hex))).toBe(true);
    expect(new Set(before).size).toBe(4);
    expect(await fingerprints()).toEqual(before);

    const changed = async (file: string, seconds: number) => {
      await utimes(join(path, file), seconds, seconds);
      return (await fingerprints()).map((hex, i) => hex !== before[i]);
    };
    expect(await changed('kitchen/000001.pose.txt', 1e9)).toEqual([false, false, true, false]);
    expect(await changed('hall/intrinsics.json', 1e9)).toEqual([true, false, true, false]);
    expect(await changed('recording.json', 1e9)).toEqual([true, true, true, true]);
  });

  it('of labels stand apart from those of the rest', async () => {
    const label = 'kitchen/000001.label.png';
    const path = await writeRecording({
      ...files,
      [label]: png(
        8,
        6,
        ramp(48, (i) => i % 2),
      ),
    });
    const [scene, id] = label.slice(0, -'.label.png'.length).split('/');
    const entry = async () =>
      (await openRecording(path)).frames.find((one) => one.scene === scene && one.id === id)!;
    const before = await entry();
    await utimes(join(path, label), 1e9, 1e9);
    expect((await entry()).fingerprint).toBe(before.fingerprint);
    expect((await entry()).labelFingerprint).not.toBe(before.labelFingerprint);
  });
});

describe('bad frames in our own layout', () => {
  it('are listed with their reason where a file is missing, and nothing else is lost', async () => {
    const recording = await open(
      without(files, 'kitchen/000000.depth.png', 'kitchen/000001.pose.txt', 'hall/000000.color.jpg'),
    );
    expect(recording.bad).toEqual([
      {
        scene: 'hall',
        id: '000000',
        file: 'hall/000000.color.jpg',
        reason: 'missing (.jpeg or .png would do)',
      },
      { scene: 'kitchen', id: '000000', file: 'kitchen/000000.depth.png', reason: 'missing' },
      { scene: 'kitchen', id: '000001', file: 'kitchen/000001.pose.txt', reason: 'missing' },
    ]);
    expect(recording.frames.map(({ id }) => id)).toEqual(['000002']);
    // The frames that are lost keep their place in time.
    expect((await recording.read(recording.frames[0]!, SIZE)).timestamp).toBe(2);
  });

  it('are listed where a folder stands in the place of a file', async () => {
    const path = await writeRecording(without(files, 'hall/000000.depth.png'));
    await mkdir(join(path, 'hall/000000.depth.png'));
    const recording = await openRecording(path);
    expect(recording.bad).toEqual([
      { scene: 'hall', id: '000000', file: 'hall/000000.depth.png', reason: 'not a file' },
    ]);
    expect(recording.frames.length).toBe(3);
  });

  it('are reported where a file goes between listing and reading', async () => {
    const recording = await open(files);
    await rm(join(recording.path, 'hall/000000.pose.txt'));
    await expect(recording.read(recording.frames[0]!, SIZE)).rejects.toThrow(
      new BadFrameError('hall/000000.pose.txt', 'missing'),
    );
    expect((await recording.read(recording.frames[1]!, SIZE)).id).toBe('000000');
  });

  it.skipIf(process.getuid?.() === 0)(
    'are reported where a file may not be read (not testable as root)',
    async () => {
      const recording = await open(files);
      await chmod(join(recording.path, 'hall/000000.depth.png'), 0);
      await expect(recording.read(recording.frames[0]!, SIZE)).rejects.toThrow(
        'cannot be read: permission denied',
      );
    },
  );

  it.each([
    ['NaN', poseAt(Number.NaN, 0, 0), '"NaN", expected finite numbers'],
    ['-inf, as ScanNet writes lost poses', '-inf '.repeat(16), '"-inf", expected finite numbers'],
    ['-Infinity', poseAt(0, Number.NEGATIVE_INFINITY, 0), '"-Infinity", expected finite numbers'],
    ['12 values', '1 0 0 0 0 1 0 0 0 0 1 0', '12 values, expected the 16 of a 4×4'],
    ['17 values', `${poseAt(0, 0, 0)} 1`, '17 values, expected the 16 of a 4×4'],
    ['nothing', '', '0 values'],
    ['words', 'a b c d '.repeat(4), '"a", expected finite numbers'],
    ['a column-major matrix', '1 0 0 0 0 1 0 0 0 0 1 0 5 6 7 1', 'last row 5 6 7 1, expected 0 0 0 1'],
    ['a scaled rotation', '2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1', 'not a rotation'],
    ['a mirror image', '1 0 0 0 0 1 0 0 0 0 -1 0 0 0 0 1', 'not a rotation'],
    ['zeros', '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1', 'not a rotation'],
  ])('are reported where the pose is %s', async (_, pose, reason) => {
    const reading = readChanged({ 'kitchen/000000.pose.txt': pose });
    await expect(reading).rejects.toThrow(`kitchen/000000.pose.txt: `);
    await expect(reading).rejects.toThrow(reason);
    await expect(reading).rejects.toBeInstanceOf(BadFrameError);
  });

  it('keeps poses printed with few digits', async () => {
    const pose = '0.866 -0.5 0 1\n0.5 0.866 0 2\n0 0 1 3\n0 0 0 1';
    expect((await readChanged({ 'kitchen/000000.pose.txt': pose })).cameraToWorld[0]).toBe(0.866);
  });

  it.each<[string, string, Uint8Array, string]>([
    [
      'depth all zero',
      'depth.png',
      png16(
        8,
        6,
        ramp(48, () => 0),
      ),
      'no depth: every pixel is without a measurement',
    ],
    ['8-bit depth', 'depth.png', png(8, 6, ramp(48)), '8-bit values, expected 16-bit depth'],
    ['truncated depth', 'depth.png', png16(8, 6, DEPTH).subarray(0, 60), 'cannot be decoded'],
    ['empty depth', 'depth.png', new Uint8Array(), 'neither a PNG nor a binary PGM image'],
    [
      'depth of another shape',
      'depth.png',
      png16(6, 8, DEPTH),
      '6×8, expected the same width to height ratio as the intrinsics of recording.json at 8×6',
    ],
    [
      'labels out of range',
      'label.png',
      png(
        8,
        6,
        ramp(48, (i) => i % 4),
      ),
      'label 3, expected a class (0 to 2) or 255 for unlabelled',
    ],
    [
      '16-bit labels out of range',
      'label.png',
      png16(
        8,
        6,
        ramp(48, () => 256),
      ),
      'label 256',
    ],
    [
      'labels of another shape',
      'label.png',
      png(
        8,
        8,
        ramp(64, () => 0),
      ),
      '8×8, expected the same width to height ratio',
    ],
    [
      'coloured labels',
      'label.png',
      png(1, 1, [1, 2, 3], { type: 2 }),
      'a PNG of 8-bit RGB, expected 8-bit or 16-bit greyscale',
    ],
  ])('are reported with %s', async (_, ending, bytes, reason) => {
    const file = `kitchen/000000.${ending}`;
    const changes: Record<string, Uint8Array> = { [file]: bytes };
    // Of several faults it is always the same one that is reported; here the depth's shape is the only one.
    if (reason.startsWith('6×8')) changes['kitchen/000000.color.jpg'] = await jpeg(6, 8, [1, 2, 3]);
    const reading = readChanged(changes);
    await expect(reading).rejects.toThrow(`${file}: ${reason}`);
    await expect(reading).rejects.toBeInstanceOf(BadFrameError);
  });

  it('are reported with colour truncated or of another shape', async () => {
    const truncated = readChanged({ 'kitchen/000000.color.jpg': colour.subarray(0, colour.length >> 1) });
    await expect(truncated).rejects.toThrow('kitchen/000000.color.jpg: cannot be decoded');
    const wide = readChanged({ 'kitchen/000000.color.jpg': await jpeg(16, 9, [0, 0, 0]) });
    await expect(wide).rejects.toThrow(
      'kitchen/000000.color.jpg: 16×9, expected the same width to height ratio as kitchen/000000.depth.png at 8×6',
    );
  });

  it('reports the same one of several faults every time', async () => {
    const changes = {
      'kitchen/000000.color.jpg': new Uint8Array(),
      'kitchen/000000.depth.png': new Uint8Array(),
      'kitchen/000000.pose.txt': '',
    };
    for (let i = 0; i < 5; i++) await expect(readChanged(changes)).rejects.toThrow('pose.txt');
  });

  it('are those of a scene whose camera is no good', async () => {
    const recording = await open({
      ...files,
      'kitchen/intrinsics.json': JSON.stringify({ ...INTRINSICS, fy: 0 }),
    });
    expect(recording.frames.map(({ scene }) => scene)).toEqual(['hall']);
    expect(recording.bad.length).toBe(3);
    expect(recording.bad[0]).toEqual({
      scene: 'kitchen',
      id: '000000',
      file: 'kitchen/intrinsics.json',
      reason: '"fy" should be a number above 0, found 0',
    });
  });

  it('are those of a scene without a camera', async () => {
    const recording = await open({
      ...files,
      'recording.json': '{}',
      'hall/intrinsics.json': JSON.stringify(INTRINSICS),
    });
    expect(recording.frames.map(({ scene }) => scene)).toEqual(['hall']);
    expect(recording.bad[0]?.reason).toBe('missing, and recording.json has no "intrinsics" for all scenes');
  });
});

describe('bad settings stop at once', () => {
  it.each([
    ['{', 'recording.json: not valid JSON'],
    ['[]', 'recording.json: it should be an object, found []'],
    [settings({ depthScale: 0 }), '"depthScale" should be a number above 0, found 0'],
    [settings({ depthScale: '1000' }), '"depthScale" should be a number above 0, found "1000"'],
    [
      settings({ classes: 'bed' }),
      '"classes" should be a list of different class names, at most 255, found "bed"',
    ],
    [settings({ classes: ['bed', 'bed'] }), '"classes" should be a list of different class names'],
    [settings({ classes: ['bed', 7] }), '"classes.1" should be a class name, found 7'],
    [
      settings({ classes: ramp(256).map(String) }),
      '"classes" should be a list of different class names, at most 255',
    ],
    [
      settings({ intrinsics: { ...INTRINSICS, fx: 0 } }),
      '"intrinsics.fx" should be a number above 0, found 0',
    ],
    [
      settings({ intrinsics: { ...INTRINSICS, fx: -5 } }),
      '"intrinsics.fx" should be a number above 0, found -5',
    ],
    [
      settings({ intrinsics: { ...INTRINSICS, cx: null } }),
      '"intrinsics.cx" should be a number of pixels, found null',
    ],
    [
      settings({ intrinsics: { ...INTRINSICS, width: 1.5 } }),
      '"intrinsics.width" should be a whole number of pixels',
    ],
    [
      settings({ intrinsics: { width: 8 } }),
      '"intrinsics.height" should be a whole number of pixels, found nothing',
    ],
    [
      settings({ intrinsics: 585 }),
      '"intrinsics" should be an object with width, height, fx, fy, cx and cy, found 585',
    ],
  ])('recording.json = %s', async (json, message) => {
    const opening = open({ ...files, 'recording.json': json });
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toBeInstanceOf(UserError);
  });

  it('says so where there are labels but no classes', async () => {
    const opening = open({
      ...files,
      'recording.json': settings({ classes: [] }),
      'hall/000000.label.png': png(
        8,
        6,
        ramp(48, () => 0),
      ),
    });
    await expect(opening).rejects.toThrow(
      '"classes" should be a list of class names, as there are labels (hall/000000.label.png)',
    );
  });

  it('says which line of labelled.txt names no frame', async () => {
    await expect(open({ ...files, 'labelled.txt': '# x\nhall/000000\nhall/7\n' })).rejects.toThrow(
      'labelled.txt, line 3: there is no frame or scene hall/7',
    );
  });
});
