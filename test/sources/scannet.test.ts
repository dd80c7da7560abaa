import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { type Files, png, png16, poseAt, ramp, without, writeRecording } from './builders.js';
import { damaged, readWhatThereIs } from './damaged.js';

const SIZE = { width: 8, height: 6 };
const INTRINSIC =
  '7.500000 0.000000 3.250000 0.000000\n0.000000 8.500000 2.750000 0.000000\n0.000000 0.000000 1.000000 0.000000\n0.000000 0.000000 0.000000 1.000000\n';
const LOST = Array.from({ length: 4 }, () => '-inf -inf -inf -inf\n').join('');
const NYU40 = ramp(48, (i) => [0, 3, 40, 41][i % 4]!);
const TABLE =
  'id\traw_category\tcategory\tcount\tnyu40id\n1\twall\twall\t8277\t1\n2\tchair\tchair\t4646\t5\n';

const frame = (prefix: string, id: string): Files => ({
  [`${prefix}color/${id}.png`]: png(
    16,
    12,
    ramp(576, (i) => i % 256),
    { type: 2 },
  ),
  [`${prefix}depth/${id}.png`]: png16(
    8,
    6,
    ramp(48, (i) => (i === 0 ? 0 : 1000 + i)),
  ),
  [`${prefix}pose/${id}.txt`]: poseAt(1, 2, 3),
});
const scan = (prefix: string, ...ids: readonly string[]): Files =>
  Object.assign(
    { [`${prefix}intrinsic/intrinsic_depth.txt`]: INTRINSIC },
    ...ids.map((id) => frame(prefix, id)),
  );

describe('an exported ScanNet scan', () => {
  it('is one scene, in the order of its frames, with filtered labels first', async () => {
    const recording = await openRecording(
      await writeRecording({
        ...scan('', '9', '10', '0'),
        'pose/9.txt': LOST,
        'label-filt/10.png': png(8, 6, NYU40),
        'label/0.png': png(8, 6, NYU40),
      }),
    );
    expect(recording).toMatchObject({ format: 'scannet' });
    const scene = basename(recording.path);
    expect(recording.frames.map((entry) => [entry.scene, entry.id, entry.labelled])).toEqual([
      [scene, '0', false],
      [scene, '9', false],
      [scene, '10', true],
    ]);
    const read = await recording.read(recording.frames[2]!, SIZE);
    expect(read.intrinsics).toEqual({ fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75 });
    expect(read.depth).toEqual(Float32Array.from(ramp(48, (i) => (i === 0 ? 0 : 1 + i / 1000))));
    expect(Array.from(read.cameraToWorld.filter((_, i) => i % 4 === 3))).toEqual([1, 2, 3, 1]);
    expect(recording.classes[39]).toBe('other prop');
    expect(Array.from(read.labels!.subarray(0, 4))).toEqual([255, 2, 39, 255]);
    await expect(recording.read(recording.frames[1]!, SIZE)).rejects.toThrow(
      'pose/9.txt: "-inf", expected finite',
    );
  });

  it('may be one of a folder, and have its intrinsics as the 25 000 frames do', async () => {
    const path = await writeRecording({
      ...scan('scene0000_00/', '000000'),
      ...without(scan('scene0000_01/', '000100'), 'scene0000_01/intrinsic/intrinsic_depth.txt'),
      'scene0000_01/intrinsics_depth.txt': INTRINSIC.replace('7.5', '9.5'),
      'scannetv2_val.txt': 'scene0000_01\n',
      'downloads/readme.txt': '',
    });
    const recording = await openRecording(path);
    expect(recording.frames.map(({ scene, id }) => `${scene}/${id}`)).toEqual([
      'scene0000_00/000000',
      'scene0000_01/000100',
    ]);
    expect(recording.validationList).toEqual(new Set(['scene0000_01/000100']));
    expect((await recording.read(recording.frames[1]!, SIZE)).intrinsics.fx).toBe(9.5);
  });

  it('has its own ids translated, or says what that takes', async () => {
    const files = {
      ...scan('', '0'),
      'label/0.png': png16(
        8,
        6,
        ramp(48, (i) => i % 4),
      ),
    };
    const recording = await openRecording(
      await writeRecording({ ...files, 'scannetv2-labels.combined.tsv': TABLE }),
    );
    const { labels } = await recording.read(recording.frames[0]!, SIZE);
    expect(Array.from(labels!.subarray(0, 4))).toEqual([255, 0, 4, 255]);
    await expect(openRecording(await writeRecording(files))).rejects.toThrow(
      /^label\/0\.png holds ScanNet's own label ids \(16 bits\): expected scannetv2-labels\.combined\.tsv, which says what they are, in /,
    );
  });

  it('is not taken for the ViewAL layout, nor that for it', async () => {
    const viewal = {
      ...without(scan('', 'scene0000_00_0'), 'intrinsic/intrinsic_depth.txt'),
      'info/scene0000_00.txt':
        'm_depthWidth = 8\nm_depthHeight = 6\nm_depthShift = 1000\nm_calibrationDepthIntrinsic = 20 0 4 0 0 20 3 0 0 0 1 0 0 0 0 1\n',
    };
    expect((await openRecording(await writeRecording(viewal))).format).toBe('viewal');
    await expect(openRecording(await writeRecording(viewal), { format: 'scannet' })).rejects.toThrow(
      'is not in the scannet layout: expected folders color/, depth/, pose/ and intrinsic/intrinsic_depth.txt',
    );
  });

  it.each(['intrinsic/intrinsic_depth.txt', 'pose/0.txt', 'scannetv2-labels.combined.tsv', 'label/0.png'])(
    'that is damaged in %s is frames or a report',
    async (name) => {
      const files: Files = {
        ...scan('', '0'),
        'label/0.png': png16(
          8,
          6,
          ramp(48, (i) => i % 3),
        ),
        'scannetv2-labels.combined.tsv': TABLE,
      };
      const path = await writeRecording(files);
      expect((await readWhatThereIs(path)).read).toBe(1);
      for (const bytes of damaged(Buffer.from(files[name] as string))) {
        await writeFile(join(path, name), bytes);
        await readWhatThereIs(path);
      }
    },
  );
});
