import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteView } from '../../../src/model/weights/formats/byte-view.js';
import { readHdf5 } from '../../../src/model/weights/formats/hdf5.js';
import { Malformed } from '../../../src/model/weights/formats/malformed.js';
import { readPickle } from '../../../src/model/weights/formats/pickle.js';
import { readZip } from '../../../src/model/weights/formats/zip.js';
import { importBackbone } from '../../../src/model/weights/import.js';
import { temporaryFolder } from '../../sample.js';
import { hdf5File } from './hdf5-files.js';
import { graphModel, kerasVariables, layersModel, type TfjsModel } from './keras-files.js';
import { testNetwork } from './source-network.js';
import { tfliteFile } from './tflite-files.js';
import { legacyTorchFile, safetensorsFile, stateDict, torchArchive, zipFile } from './torch-files.js';

const source = testNetwork();
const torch = stateDict(source, 'torchvision');

/** Files that belong together; the first is the one that is imported. */
type Sound = ReadonlyMap<string, Buffer>;

const single = (bytes: Buffer): Sound => new Map([['file', bytes]]);
const model = ({ json, shards }: TfjsModel): Sound =>
  new Map([['model.json', Buffer.from(JSON.stringify(json))], ...shards]);

const FORMATS: Record<string, () => Sound> = {
  tflite: () => single(tfliteFile(source, 'int8 per channel')),
  h5: () => single(hdf5File(kerasVariables(source, 'kept'))),
  safetensors: () => single(safetensorsFile(torch)),
  'old pth': () => single(legacyTorchFile(torch)),
  'pth archive': () => single(torchArchive(torch)),
  LayersModel: () => model(layersModel(kerasVariables(source, 'kept'))),
  GraphModel: () => model(graphModel(source, 'folded')),
};

/** Places where formats keep their structure: more at both ends than within the numbers. */
const place = fc.oneof(
  fc.integer({ min: 0, max: 400 }),
  fc.integer({ min: 0, max: 30_000 }),
  fc.integer({ min: -40_000, max: -1 }),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

function position(bytes: Buffer, at: number): number {
  const index = Number.isInteger(at) ? at : Math.floor(at * bytes.length);
  return (((index % bytes.length) + bytes.length) % bytes.length) | 0;
}

const ONE_SENTENCE = /^UserError: (?!.*\. )[^\n]+\.$/;

describe.each(Object.entries(FORMATS))('a broken %s file', (_, make) => {
  const sound = make();
  const names = [...sound.keys()];
  const folder = temporaryFolder();
  const anyFile = fc.constantFrom(...names);

  /** What comes of the files with some of them broken. */
  async function outcome(broken: Sound): Promise<string> {
    for (const [name, bytes] of [...sound, ...broken]) await writeFile(join(await folder, name), bytes);
    try {
      await importBackbone(join(await folder, names[0]!));
      return 'imported';
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  }

  test('sound, it is imported', async () => {
    expect(await outcome(new Map())).toBe('imported');
  });

  test('cut short anywhere, it is refused', async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, place, async (name, at) => {
        const bytes = sound.get(name)!;
        const short = bytes.subarray(0, position(bytes, at));
        expect(await outcome(new Map([[name, short]]))).toMatch(ONE_SENTENCE);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test('with bytes changed anywhere, it is imported or refused', async () => {
    const change = fc.tuple(place, fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(anyFile, fc.array(change, { minLength: 1, maxLength: 6 }), async (name, changes) => {
        const bytes = Buffer.from(sound.get(name)!);
        for (const [at, flip] of changes) bytes[position(bytes, at)]! ^= flip;
        const result = await outcome(new Map([[name, bytes]]));
        if (result !== 'imported') expect(result).toMatch(ONE_SENTENCE);
      }),
      { numRuns: 40, seed: 2 },
    );
  });
});

describe('an HDF5 file that leads back to itself', () => {
  const u64 = (...values: number[]) => Buffer.from(BigUint64Array.from(values, BigInt).buffer);
  const superblock = Buffer.alloc(96);
  superblock.write('\x89HDF\r\n\x1a\n', 'latin1');
  superblock.set([8, 8], 13);
  superblock.writeUInt32LE(96, 64);
  /** An object header of version 1 with one message of 16 bytes. */
  const header = (type: number, content: Buffer) =>
    Buffer.concat([u64(1, 24), Buffer.from([type, 0, 16, 0, 0, 0, 0, 0]), content]);

  /** The root with 400 times the same 400 entries: itself, by an empty name or an endless one. */
  const listOf = (name: 'empty' | 'endless') => {
    const [tree, count] = [136, 400];
    const heap = tree + 24 + 16 * count + 8;
    const node = heap + 32;
    const counted = Buffer.from(Uint16Array.of(count).buffer);
    return Buffer.concat([
      header(0x11, u64(tree, heap)),
      ...[Buffer.from('TREE\0\0'), counted, u64(0, 0)],
      ...Array.from({ length: count }, () => u64(0, node)),
      ...[u64(0), Buffer.from('HEAP\0\0\0\0'), u64(0, 0, name === 'empty' ? 0 : node + 8 + 40 * count)],
      ...[Buffer.from('SNOD\x01\0'), counted],
      ...Array.from({ length: count }, () => u64(0, 96, 0, 0, 0)),
      Buffer.alloc(2000, 'a'),
    ]);
  };

  test.each([
    ['a header that goes on in itself', header(0x10, u64(112, 24)), /tree of groups has no end/],
    [
      'a tree node above itself',
      Buffer.concat([
        header(0x11, u64(136, 184)),
        Buffer.from('TREE\0\x01\x01\0'),
        u64(0, 0, 0, 136, 0),
        Buffer.from('HEAP\0\0\0\0'),
        u64(0, 0, 0),
      ]),
      /a node lies above itself/,
    ],
    ['a group that lists itself many times', listOf('empty'), /tree of groups has no end/],
    ['a name without an end', listOf('endless'), /a name in its group \/ is too long/],
  ])('%s', (_, body, message) => {
    expect(() => readHdf5(Buffer.concat([superblock, body]))).toThrow(message);
  });
});

describe('a pickle', () => {
  const pickle = (text: string) => () => readPickle(new ByteView(Buffer.from(text, 'latin1')), 0);
  /** A pair of pairs of pairs …: two to the 20th numbers, were they written out. */
  const deep = `K\x01${Array.from({ length: 20 }, (_, i) => `q${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86`).join('')}`;
  const pairs = `]q\x00(${'K\x01K\x02\x86'.repeat(1000)}e`;

  test.each([
    ['two marks in place of names', '((\x93.'],
    ['a tuple in place of a name', `${deep}X\x01\x00\x00\x00a\x93.`],
    ['a name without an end', `X\x00\x10\x00\x00${'a'.repeat(4096)}q\x00h\x00\x93.`],
    ['a mark in place of a value', '(.'],
    [
      'a long list copied many times',
      `${pairs}ccollections\nOrderedDict\nq\x01${'h\x01h\x00\x85R'.repeat(200)}.`,
    ],
  ])('with %s is refused', (_, text) => {
    expect(pickle(`\x80\x02${text}`)).toThrow(Malformed);
    expect(pickle(`\x80\x02${text}`)).toThrow('its pickle is broken');
  });
});

describe('an entry of an archive', () => {
  const content = Buffer.from('as many words as there are weights');
  const archive = () =>
    zipFile(
      new Map([
        ['stored', content],
        ['deflated', content],
      ]),
    );
  /** Where the entry's fields lie in the directory. */
  const entryOf = (zip: Buffer, name: string) => zip.lastIndexOf(name) - 46;

  test.each(['stored', 'deflated'])('%s, is read', (name) => {
    const entry = readZip(archive()).get(name)!;
    expect(Buffer.from(entry())).toEqual(content);
    expect(entry()).toBe(entry());
  });

  test.each([
    ['stored', 16],
    ['stored', 24],
    ['deflated', 16],
    ['deflated', 24],
  ])('%s, with another checksum or length than the directory says is refused', (name, field) => {
    for (const change of [1, -1]) {
      const zip = archive();
      const at = entryOf(zip, name) + field;
      zip.writeUInt32LE((zip.readUInt32LE(at) + change) >>> 0, at);
      expect(readZip(zip).get(name)!).toThrow(`its archive's entry ${name} is damaged`);
    }
  });
});
