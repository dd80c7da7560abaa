import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Field, Float32, makeData, RecordBatch, Schema, Struct, Table, tableToIPC } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { halfValues } from '../../src/model/probability-map.js';
import { readProbabilities } from '../../src/sources/probability-files.js';
import { readIds } from '../../src/sources/superpixel-files.js';
import { arrowMap, npy, png, png16, ramp, writeRecording } from './builders.js';

const SIZE = { width: 4, height: 3 };

let folder: string;
beforeAll(async () => {
  folder = await writeRecording({});
});

async function written(name: string, bytes: Uint8Array): Promise<string> {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}

async function refused(reading: Promise<unknown>, reason: string): Promise<void> {
  await expect(reading).rejects.toThrow(reason);
  await expect(reading).rejects.toBeInstanceOf(BadFrameError);
}

describe("the user's superpixel ids", () => {
  it('are kept exactly, from 8-bit and 16-bit PNG', async () => {
    const wide = await readIds(await written('a.png', png16(256, 256, ramp(65536))), {
      width: 256,
      height: 256,
    });
    expect(wide).toEqual(Uint32Array.from(ramp(65536)));
    const narrow = await readIds(await written('a.png', png(16, 16, ramp(256))), { width: 16, height: 16 });
    expect(narrow).toEqual(Uint32Array.from(ramp(256)));
  });

  it.each([
    ['|u1', 255],
    ['<u2', 65535],
    ['<i4', 2 ** 31 - 1],
    ['<i8', 2 ** 32 - 1],
  ])('are kept exactly, from npy of %s', async (dtype, greatest) => {
    const values = [greatest, ...ramp(11)];
    expect(await readIds(await written('a.npy', npy(dtype, [3, 4], values)), SIZE)).toEqual(
      Uint32Array.from(values),
    );
  });

  it('are sampled to the working size', async () => {
    const ids = await readIds(await written('a.npy', npy('<i4', [6, 8], ramp(48))), SIZE);
    expect([...ids.subarray(0, 4)]).toEqual([9, 11, 13, 15]);
  });

  it.each([
    [
      'another shape',
      npy('<i4', [4, 3], ramp(12)),
      '3×4, expected the same width to height ratio as the working size at 4×3',
    ],
    ['one dimension', npy('<i4', [12], ramp(12)), 'shape (12), expected (height, width)'],
    ['no rows', npy('<i4', [0, 4], []), 'shape (0, 4), expected (height, width)'],
    [
      'negative ids',
      npy(
        '<i4',
        [3, 4],
        ramp(12, (i) => i - 1),
      ),
      'id -1, expected 0 to 4294967295',
    ],
    [
      'ids of 33 bits',
      npy(
        '<i8',
        [3, 4],
        ramp(12, () => 2 ** 32),
      ),
      'id 4294967296, expected 0 to 4294967295',
    ],
    ['floats', npy('<f4', [3, 4], ramp(12)), '<f4 values, expected integer ids'],
    ['Fortran order', npy('<i4', [3, 4], ramp(12), { fortran: true }), 'in Fortran order, expected C order'],
    ['big-endian values', npy('>f4', [3, 4], ramp(12)), '>f4 values, expected one of |i1'],
    ['missing values', npy('<i4', [3, 4], ramp(11)), '44 bytes of values, expected 48 for shape (3, 4)'],
    ['too many values', npy('<i4', [3, 4], ramp(13)), '52 bytes of values, expected 48 for shape (3, 4)'],
    ['half a header', npy('<i4', [3, 4], ramp(12)).subarray(0, 40), 'truncated'],
    ['another kind of file', Buffer.from('hello, world!'), 'not an npy file'],
  ])('are refused with %s', async (_, bytes, reason) => {
    const file = await written('a.npy', bytes);
    await refused(readIds(file, SIZE), `${file}: ${reason}`);
  });

  it('are refused where there is no file, or a folder', async () => {
    await refused(readIds(join(folder, 'none.png'), SIZE), 'none.png: missing');
    await refused(readIds(folder, SIZE), 'a folder, expected a file');
  });

  it('are read from version 2 of npy', async () => {
    const one = npy('|u1', [3, 4], ramp(12));
    const two = Buffer.concat([one.subarray(0, 10), Uint8Array.of(0, 0), one.subarray(10)]);
    two[6] = 2;
    expect(await readIds(await written('a.npy', two), SIZE)).toEqual(Uint32Array.from(ramp(12)));
  });
});

/** 4×3 pixels of 3 classes: pixel i leans to class i % 3. */
const MAP = ramp(36, (i) => (Math.floor(i / 3) % 3 === i % 3 ? 0.5 : 0.25));
const changed = (at: number, value: number) => MAP.map((p, i) => (i === at ? value : p));

describe("the user's probability maps", () => {
  it.each([
    ['npy of float32', 'a.npy', npy('<f4', [3, 4, 3], MAP)],
    ['npy of float64', 'a.npy', npy('<f8', [3, 4, 3], MAP)],
    ['Arrow of float32', 'a.arrow', arrowMap('float32', MAP)],
    ['Arrow of float16', 'a.arrow', arrowMap('float16', MAP)],
    ['Arrow in several batches', 'a.arrow', arrowMap('float16', MAP, { batches: [5, 1, 6] })],
    [
      'Arrow with its size',
      'a.arrow',
      arrowMap('float16', MAP, { metadata: { width: '4', height: '3', model: 'x' } }),
    ],
  ])('are read from %s', async (_, name, bytes) => {
    const map = await readProbabilities(await written(name, bytes), SIZE, 3);
    expect(map).toMatchObject({ ...SIZE, classes: 3 });
    expect([...map.data].map((bits) => halfValues()[bits])).toEqual(MAP);
  });

  it('keep every half from 0 to 1, bit for bit', async () => {
    const halves = ramp(0x3c01);
    const values = halves.flatMap((bits) => [halfValues()[bits]!, 1 - halfValues()[bits]!]);
    const file = await written('a.arrow', arrowMap('float16', values, { classes: 2 }));
    const map = await readProbabilities(file, { width: halves.length, height: 1 });
    expect([...map.data.filter((__, i) => i % 2 === 0)]).toEqual(halves);
  });

  it('may be above 1 by rounding', async () => {
    const values = MAP.map((_, i) => (i % 3 === 0 ? 1.0005 : 0));
    const map = await readProbabilities(await written('a.npy', npy('<f4', [3, 4, 3], values)), SIZE);
    expect(map.data[0]).toBe(0x3c00);
  });

  it.each<[string, string, Uint8Array, string]>([
    ['another size', 'a.npy', npy('<f4', [4, 3, 3], MAP), 'shape (4, 3, 3), expected (3, 4, classes)'],
    ['classes first', 'a.npy', npy('<f4', [3, 3, 4], MAP), 'shape (3, 3, 4), expected (3, 4, classes)'],
    ['two dimensions', 'a.npy', npy('<f4', [12, 3], MAP), 'shape (12, 3), expected (3, 4, classes)'],
    [
      'integers',
      'a.npy',
      npy(
        '|u1',
        [3, 4, 3],
        MAP.map(() => 1),
      ),
      '|u1 values, expected <f4 or <f8',
    ],
    [
      'one class',
      'a.npy',
      npy(
        '<f4',
        [3, 4, 1],
        ramp(12, () => 1),
      ),
      '1 classes, expected 2 to 255',
    ],
    [
      'another number of classes',
      'a.npy',
      npy(
        '<f4',
        [3, 4, 2],
        ramp(24, () => 0.5),
      ),
      '2 classes, expected 3',
    ],
    [
      'NaN',
      'a.npy',
      npy('<f4', [3, 4, 3], changed(16, Number.NaN)),
      'NaN for class 1 at pixel (1, 1), expected 0 to 1',
    ],
    [
      'negative values',
      'a.npy',
      npy('<f8', [3, 4, 3], changed(0, -0.25)),
      '-0.25 for class 0 at pixel (0, 0), expected 0 to 1',
    ],
    [
      'logits',
      'a.npy',
      npy(
        '<f4',
        [3, 4, 3],
        MAP.map((p) => p * 8),
      ),
      '4 for class 0 at pixel (0, 0), expected 0 to 1',
    ],
    [
      'other sums',
      'a.npy',
      npy('<f4', [3, 4, 3], changed(35, 0.75)),
      'sums to 1.2500 over the classes at pixel (3, 2), expected 1',
    ],
    [
      'truncated values',
      'a.npy',
      npy('<f4', [3, 4, 3], MAP).subarray(0, 200),
      '72 bytes of values, expected 144 for shape (3, 4, 3)',
    ],
    ['another size', 'a.arrow', arrowMap('float16', MAP.slice(0, 33)), '11 rows, expected 4·3 = 12'],
    [
      'another width stated',
      'a.arrow',
      arrowMap('float16', MAP, { metadata: { width: '3' } }),
      'says its width is 3, expected 4',
    ],
    [
      'another number of classes',
      'a.arrow',
      arrowMap(
        'float32',
        ramp(24, () => 0.5),
        { classes: 2 },
      ),
      '2 classes, expected 3',
    ],
    [
      'infinity',
      'a.arrow',
      arrowMap('float32', changed(4, Number.POSITIVE_INFINITY)),
      'Infinity for class 1 at pixel (1, 0)',
    ],
    ['another kind of file', 'a.arrow', Buffer.from('hello, world!'), 'not an Arrow IPC file'],
    ['nothing', 'a.arrow', new Uint8Array(), 'not an Arrow IPC file'],
  ])('are refused with %s (%s)', async (_, name, bytes, reason) => {
    const file = await written(name, bytes);
    await refused(readProbabilities(file, SIZE, 3), `${file}: ${reason}`);
  });

  it('are refused in columns of another type', async () => {
    const schema = new Schema([new Field('p', new Float32())]);
    const data = makeData({ type: new Float32(), length: 12, data: new Float32Array(12) });
    const batch = new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length: 12, children: [data] }),
    );
    const file = await written('a.arrow', tableToIPC(new Table(schema, [batch]), 'file'));
    await refused(
      readProbabilities(file, SIZE),
      'should have one column, a fixed-size list of float16 or float32',
    );
  });
});
