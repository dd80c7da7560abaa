import { basename } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { NYU40_CLASSES } from '../../src/sources/viewal-layout.js';
import {
  type Files,
  jpeg,
  pgm,
  png,
  png16,
  poseAt,
  ramp,
  text,
  without,
  writeRecording,
} from './builders.js';

const SIZE = { width: 8, height: 6 };
const DEPTH = ramp(16 * 12, (i) => i * 10);

const INFO = `m_versionNumber = 4
m_sensorName = StructureSensor (calibrated)
m_colorWidth = 1296
m_depthWidth = 16
m_depthHeight = 12
m_depthShift = 1000
m_calibrationColorIntrinsic = 99 0 99 0 0 99 99 0 0 0 1 0 0 0 0 1
m_calibrationDepthIntrinsic = 20 0 8 0 0 22 6 0 0 0 1 0 0 0 0 1
m_frames.size = 2
`;

let files: Files;

beforeAll(async () => {
  const colour = await jpeg(32, 24, [10, 20, 30]);
  const frame = (name: string): Files => ({
    [`color/${name}.jpg`]: colour,
    [`depth/${name}.pgm`]: pgm(16, 12, DEPTH),
    [`pose/${name}.txt`]: poseAt(1, 2, 3),
    [`label/${name}.png`]: png(8, 6, ramp(48)),
    [`superpixel/${name}.png`]: png16(8, 6, ramp(48)),
  });
  files = {
    'info/scene0000_00.txt': INFO,
    'info/scene0001_02.txt': INFO,
    ...frame('scene0000_00_000000'),
    ...frame('scene0000_00_000070'),
    ...frame('scene0001_02_000000'),
  };
});

const open = async (content: Files) => openRecording(await writeRecording(content));

describe('the ViewAL layout', () => {
  it('splits names into scene and frame and decodes a frame', async () => {
    const recording = await open(files);
    expect(recording).toMatchObject({ format: 'viewal', bad: [], labelledList: undefined });
    expect(recording.frames.map(({ scene, id, labelled }) => [scene, id, labelled])).toEqual([
      ['scene0000_00', '000000', true],
      ['scene0000_00', '000070', true],
      ['scene0001_02', '000000', true],
    ]);
    expect(recording.superpixelFile(recording.frames[1]!)).toBe(
      `${recording.path}/superpixel/scene0000_00_000070.png`,
    );
    const frame = await recording.read(recording.frames[1]!, SIZE);
    expect(frame).toMatchObject({ scene: 'scene0000_00', id: '000070', timestamp: 1 });
    // The depth camera's, to half its size: working pixel u is source pixel 2u + 1.
    expect(frame.intrinsics).toEqual({ fx: 10, fy: 11, cx: 3.5, cy: 2.5 });
    expect(frame.depth[0]).toBeCloseTo((16 + 1) * 0.01, 6);
    expect(frame.depth[47]).toBeCloseTo((11 * 16 + 15) * 0.01, 6);
    expect(frame.cameraToWorld[3]).toBe(1);
  });

  it('takes NYU40 ids: 0 and above 40 ignored, class = id − 1', async () => {
    const recording = await open(files);
    expect(recording.classes).toEqual(NYU40_CLASSES);
    expect(NYU40_CLASSES.length).toBe(40);
    expect(new Set(NYU40_CLASSES).size).toBe(40);
    expect([0, 4, 21, 39].map((i) => NYU40_CLASSES[i])).toEqual(['wall', 'chair', 'ceiling', 'other prop']);
    const { labels } = await recording.read(recording.frames[0]!, SIZE);
    expect([...labels!]).toEqual(ramp(48, (id) => (id >= 1 && id <= 40 ? id - 1 : 255)));
  });

  it('takes PNG for colour and depth, and has no classes without labels', async () => {
    const recording = await open({
      'info/scene0000_00.txt': INFO.replace('m_depthShift = 1000', 'm_depthShift = 500'),
      'color/scene0000_00_5.png': png(8, 6, ramp(48)),
      'depth/scene0000_00_5.png': png16(16, 12, DEPTH),
      'pose/scene0000_00_5.txt': poseAt(0, 0, 0),
    });
    expect(recording.classes).toEqual([]);
    const frame = await recording.read(recording.frames[0]!, { width: 16, height: 12 });
    expect(frame.labels).toBeUndefined();
    expect(frame.depth[5]).toBeCloseTo(0.1, 6);
    expect(recording.superpixelFile(recording.frames[0]!)).toBeUndefined();
  });

  it('reads the seed list, passing over frames of the bigger data set it was cut from', async () => {
    const list = 'scene0001_02_000000\r\nscene0000_00_000070\nscene0900_00_000000\n\n';
    const recording = await open({ ...files, 'seedset_0_frames.txt': list });
    expect([...recording.labelledList!]).toEqual(['scene0001_02/000000', 'scene0000_00/000070']);
  });

  it("gives names without a scene to the folder's scene", async () => {
    const path = await writeRecording({
      'color/70.jpg': await jpeg(8, 6, [0, 0, 0]),
      'depth/70.png': png16(16, 12, DEPTH),
      'pose/70.txt': poseAt(0, 0, 0),
    });
    await expect(openRecording(path)).rejects.toThrow(`info/${basename(path)}.txt: missing.`);
  });

  it('ignores labels and superpixels of frames that are not there', async () => {
    const recording = await open({ ...files, 'label/scene0000_00_000099.png': png(1, 1, [0]) });
    expect(recording.frames.length).toBe(3);
    expect(recording.bad).toEqual([]);
  });

  it('lists frames that lack a file', async () => {
    const recording = await open(
      without(
        files,
        'color/scene0000_00_000000.jpg',
        'depth/scene0000_00_000070.pgm',
        'label/scene0001_02_000000.png',
      ),
    );
    expect(recording.frames.map(({ scene, labelled }) => [scene, labelled])).toEqual([
      ['scene0001_02', false],
    ]);
    expect(recording.bad.map(({ id, file, reason }) => [id, file, reason])).toEqual([
      ['000000', 'color/scene0000_00_000000.jpg', 'missing (.jpeg or .png would do)'],
      ['000070', 'depth/scene0000_00_000070.png', 'missing (.pgm would do)'],
    ]);
  });

  it.each([
    ['is missing', undefined, 'missing'],
    [
      'has a zero focal length',
      INFO.replace('= 20 0 8', '= 0 0 8'),
      'focal lengths 0 and 22, expected both above 0',
    ],
    [
      'has a negative focal length',
      INFO.replace('22', '-22'),
      'focal lengths 20 and -22, expected both above 0',
    ],
    ['has no depth intrinsics', INFO.replace('Depth', 'Other'), 'no m_calibrationDepthIntrinsic'],
    [
      'has too few numbers',
      INFO.replace('20 0 8 0', '20 0 8'),
      '15 values, expected the 16 of m_calibrationDepthIntrinsic',
    ],
    [
      'no depth scale',
      INFO.replace('m_depthShift', 'm_x'),
      'm_depthShift is missing, expected a number above 0',
    ],
    ['has a depth width of 0', INFO.replace('m_depthWidth = 16', 'm_depthWidth = 0'), 'm_depthWidth is "0"'],
  ])("lists a scene's frames as bad where its info %s", async (_, info, reason) => {
    const changed = { ...without(files, 'info/scene0000_00.txt') };
    if (info !== undefined) Object.assign(changed, { 'info/scene0000_00.txt': info });
    const recording = await open(changed);
    expect(recording.frames.map(({ scene }) => scene)).toEqual(['scene0001_02']);
    expect(recording.bad.length).toBe(2);
    expect(recording.bad[0]?.file).toBe('info/scene0000_00.txt');
    expect(recording.bad[0]?.reason).toContain(reason);
  });

  it.each([
    ['truncated', (bytes: Buffer) => bytes.subarray(0, 200), 'truncated: '],
    [
      'all zero',
      () =>
        pgm(
          16,
          12,
          ramp(192, () => 0),
        ),
      'no depth',
    ],
    [
      '8-bit',
      () =>
        pgm(
          16,
          12,
          ramp(192, () => 9),
          255,
        ),
      '8-bit values, expected 16-bit depth',
    ],
  ])('reports %s PGM depth, of that frame alone', async (_, damage, reason) => {
    const file = 'depth/scene0000_00_000000.pgm';
    const recording = await open({ ...files, [file]: damage(Buffer.from(files[file] as Uint8Array)) });
    await expect(recording.read(recording.frames[0]!, SIZE)).rejects.toThrow(`${file}: ${reason}`);
    expect((await recording.read(recording.frames[1]!, SIZE)).id).toBe('000070');
  });

  it('rescales intrinsics given for another size than the depth has', async () => {
    const info = INFO.replace('m_depthWidth = 16', 'm_depthWidth = 32').replace(
      'm_depthHeight = 12',
      'm_depthHeight = 24',
    );
    const recording = await open({ ...files, 'info/scene0000_00.txt': info });
    const frame = await recording.read(recording.frames[0]!, { width: 16, height: 12 });
    expect(frame.intrinsics).toEqual({ fx: 10, fy: 11, cx: 3.75, cy: 2.75 });
  });

  it('is what --format viewal asks for', async () => {
    const path = await writeRecording({ ...files, 'recording.json': text('{}') });
    expect((await openRecording(path, { format: 'viewal' })).frames.length).toBe(3);
  });
});
