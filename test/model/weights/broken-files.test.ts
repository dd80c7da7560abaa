import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readHdf5 } from '../../../src/model/weights/formats/hdf5.js';
import { importBackbone } from '../../../src/model/weights/import.js';
import { temporaryFolder } from '../../sample.js';
import { hdf5File } from './hdf5-files.js';
import { graphModel, kerasVariables, layersModel, type TfjsModel } from './keras-files.js';
import { testNetwork } from './source-network.js';
import { tfliteFile } from './tflite-files.js';
import { legacyTorchFile, safetensorsFile, stateDict, torchArchive } from './torch-files.js';

const source = testNetwork();
const torch = stateDict(source, 'torchvision');

/** A file to break, and those that must lie beside it. */
interface Sound {
  readonly bytes: Buffer;
  readonly beside?: ReadonlyMap<string, Buffer>;
}

const model = ({ json, shards }: TfjsModel): Sound => ({
  bytes: Buffer.from(JSON.stringify(json)),
  beside: shards,
});

const FORMATS: Record<string, () => Sound> = {
  tflite: () => ({ bytes: tfliteFile(source, 'int8 per channel') }),
  h5: () => ({ bytes: hdf5File(kerasVariables(source, 'kept')) }),
  safetensors: () => ({ bytes: safetensorsFile(torch) }),
  'old pth': () => ({ bytes: legacyTorchFile(torch) }),
  'pth archive': () => ({ bytes: torchArchive(torch) }),
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

describe.each(Object.entries(FORMATS))('a broken %s file', (_, make) => {
  const { bytes, beside } = make();

  async function outcome(broken: Buffer): Promise<string> {
    const file = join(await folder, 'file');
    await writeFile(file, broken);
    try {
      await importBackbone(file);
      return 'imported';
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  }
  const folder = temporaryFolder().then(async (path) => {
    for (const [name, content] of beside ?? []) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), content);
    }
    return path;
  });

  test('sound, it is imported', async () => {
    expect(await outcome(bytes)).toBe('imported');
  });

  test('cut short anywhere, it is refused', async () => {
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        expect(await outcome(bytes.subarray(0, position(bytes, at)))).toMatch(/^UserError: .*\.$/);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test('with bytes changed anywhere, it is imported or refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(place, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 6 }),
        async (changes) => {
          const broken = Buffer.from(bytes);
          for (const [at, flip] of changes) broken[position(bytes, at)]! ^= flip;
          expect(await outcome(broken)).toMatch(/^imported$|^UserError: /);
        },
      ),
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
  ])('%s', (_, body, message) => {
    expect(() => readHdf5(Buffer.concat([superblock, body]))).toThrow(message);
  });
});
