import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { loadNetwork, loadTraining, saveNetwork, saveTraining } from '../../src/model/checkpoint.js';
import type { HostTensor, Network } from '../../src/model/network.js';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.js';
import { QUICK_RECIPE } from '../../src/model/training/recipe.js';
import { initialState } from '../../src/model/training/state.js';
import { trainedLookingNetwork } from './support.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'viewal-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true }));

const network = trainedLookingNetwork(3);
const modelFile = () => join(folder, 'model.safetensors');

function tensor(shape: number[], ...values: number[]): HostTensor {
  return { shape, data: Float32Array.from(values) };
}

/** A safetensors file with this header, written byte by byte. */
function bytesOf(header: unknown, data: readonly number[]): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.from(Float32Array.from(data).buffer)]);
}

describe('safetensors', () => {
  test('what is written is read, and nothing else is left in the folder', async () => {
    const file = join(folder, 'a.safetensors');
    const content = {
      metadata: { step: '3', name: 'ü' },
      tensors: new Map([
        ['b/weights', tensor([2, 1], 1.5, -2)],
        ['a', tensor([], 7)],
        ['empty', tensor([0, 4])],
      ]),
    };
    await writeSafetensors(file, content);
    expect(await readSafetensors(file)).toEqual(content);
    expect(await readdir(folder)).toEqual(['a.safetensors']);
  });

  test('the header is aligned JSON with byte ranges, as the format says', async () => {
    await writeSafetensors(modelFile(), { metadata: {}, tensors: new Map([['a', tensor([2], 1, 2)]]) });
    const bytes = await readFile(modelFile());
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    expect(header.a).toEqual({ dtype: 'F32', shape: [2], data_offsets: [0, 8] });
    expect(bytes.length).toBe(8 + length + 8);
    expect(bytes.readFloatLE(8 + length + 4)).toBe(2);
  });

  test('a file of another writer is read: no metadata, tensors in any order', async () => {
    const header = {
      late: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
      early: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    };
    await writeFile(modelFile(), bytesOf(header, [1, 2]));
    const { metadata, tensors } = await readSafetensors(modelFile());
    expect(metadata).toEqual({});
    expect(tensors.get('late')).toEqual(tensor([1], 2));
    expect(tensors.get('early')).toEqual(tensor([1], 1));
  });

  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  test.each<[string, Buffer, string]>([
    ['an empty file', Buffer.alloc(0), 'it has 0 bytes'],
    ['a header cut off', bytesOf({ a: entry }, [1, 2]).subarray(0, 20), 'its header runs past its end'],
    ['text', Buffer.from('this is no safetensors file at all'), 'its header runs past its end'],
    ['a header that is no JSON', bytesOf('{"a":', []), 'its header is not JSON'],
    ['a header that is a list', bytesOf('[1]', []), 'its header is not JSON'],
    ['a tensor cut off', bytesOf({ a: entry }, [1]), 'it ends within tensor a'],
    ['bytes too many', bytesOf({ a: entry }, [1, 2, 3]), '4 bytes follow its last tensor'],
    ['another type', bytesOf({ a: { ...entry, dtype: 'F16' } }, [1, 2]), 'tensor a has type F16'],
    [
      'a shape that does not fit',
      bytesOf({ a: { ...entry, shape: [3] } }, [1, 2]),
      'bytes of tensor a do not fit',
    ],
    ['an entry without range', bytesOf({ a: { dtype: 'F32', shape: [2] } }, [1, 2]), 'tensor a is malformed'],
    ['a negative size', bytesOf({ a: { ...entry, shape: [-2] } }, [1, 2]), 'tensor a is malformed'],
    [
      'tensors that overlap',
      bytesOf({ a: entry, b: { ...entry, data_offsets: [4, 12] } }, [1, 2, 3]),
      'bytes of tensor b do not fit',
    ],
  ])('%s is refused', async (_, bytes, reason) => {
    await writeFile(modelFile(), bytes);
    const error = await readSafetensors(modelFile()).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(modelFile());
    expect((error as Error).message).toContain(reason);
  });

  test('a flipped bit is noticed', async () => {
    await saveNetwork(folder, network, 1);
    const bytes = await readFile(modelFile());
    bytes[bytes.length - 1000]! ^= 1;
    await writeFile(modelFile(), bytes);
    await expect(loadNetwork(folder)).rejects.toThrow('do not match their checksum');
  });

  test('a missing file is named', async () => {
    await expect(loadNetwork(folder)).rejects.toThrow(
      new UserError(`Cannot read ${modelFile()}: no such file or folder.`),
    );
  });

  test('a folder in the way of the file is a sentence and leaves nothing half-written', async () => {
    await mkdir(join(modelFile(), 'x'), { recursive: true });
    await expect(saveNetwork(folder, network, 1)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['model.safetensors']);
  });
});

describe('checkpoint', () => {
  test('network and training state come back as they were', async () => {
    await saveNetwork(folder, network, 12);
    expect(await loadNetwork(folder)).toEqual(network);
    const state = { ...initialState(network, QUICK_RECIPE, 5), step: 7 };
    await saveTraining(folder, state);
    expect(await loadTraining(folder)).toEqual(state);
    const better = {
      ...state,
      best: { network: trainedLookingNetwork(3, 9), step: 5, epoch: 2, miou: 0.1 + 0.2 },
    };
    await saveTraining(folder, better);
    expect(await loadTraining(folder)).toEqual(better);
  });

  const changed = async (
    change: (file: { metadata: Record<string, string>; tensors: Map<string, HostTensor> }) => unknown,
  ) => {
    await saveNetwork(folder, network, 1);
    const { metadata, tensors } = await readSafetensors(modelFile());
    const copy = { metadata: { ...metadata }, tensors: new Map(tensors) };
    change(copy);
    await writeSafetensors(modelFile(), copy);
    return expect(loadNetwork(folder)).rejects;
  };

  test('a tensor that is missing, of another shape, or too many is named', async () => {
    const name = 'aspp/point/weights';
    await (await changed(({ tensors }) => tensors.delete(name))).toThrow(
      `${modelFile()} lacks tensor ${name} of shape [1,1,112,128].`,
    );
    await (await changed(({ tensors }) => tensors.set(name, tensor([2], 1, 2)))).toThrow(
      `tensor ${name} has shape [2], expected [1,1,112,128] by its config.`,
    );
    await (await changed(({ tensors }) => tensors.set('more', tensor([1], 1)))).toThrow('has a tensor more');
  });

  test('metadata that do not describe a network are refused', async () => {
    await (await changed(({ metadata }) => Reflect.deleteProperty(metadata, 'format'))).toThrow(
      'expected format viewal-deeplab-2, found none',
    );
    await (await changed(({ metadata }) => Object.assign(metadata, { config: '{"width":2}' }))).toThrow(
      'config or class names are malformed',
    );
    await (await changed(({ metadata }) => Object.assign(metadata, { config: 'null' }))).toThrow(
      'config or class names are malformed',
    );
    await (await changed(({ metadata }) => Object.assign(metadata, { classNames: '["one"]' }))).toThrow(
      'config or class names are malformed',
    );
  });

  test('a network of other classes does not pass for this one', async () => {
    const other: Network = {
      ...network,
      config: { ...network.config, classes: 4 },
      classNames: ['a', 'b', 'c', 'd'],
    };
    await saveNetwork(folder, other, 1);
    await expect(loadNetwork(folder)).rejects.toThrow(
      'tensor classifier/weights has shape [1,1,64,3], expected [1,1,64,4]',
    );
  });

  test('a finished network is no training state', async () => {
    await saveNetwork(folder, network, 1);
    await writeFile(join(folder, 'training.safetensors'), await readFile(modelFile()));
    await expect(loadTraining(folder)).rejects.toThrow('lacks tensor velocity/backbone/stem/weights');
  });
});
