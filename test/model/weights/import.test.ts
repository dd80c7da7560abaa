import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { saveNetwork } from '../../../src/model/checkpoint.js';
import { features } from '../../../src/model/deeplab.js';
import { FoldedLayers } from '../../../src/model/inference/folded-layers.js';
import type { HostTensor, Network } from '../../../src/model/network.js';
import { readHdf5 } from '../../../src/model/weights/formats/hdf5.js';
import { importBackbone } from '../../../src/model/weights/import.js';
import { initialiseFrom } from '../../../src/model/weights/initialise.js';
import { temporaryFolder } from '../../sample.js';
import { randomTensor, relativeError } from '../support.js';
import { hdf5File } from './hdf5-files.js';
import { graphModel, kerasVariables, layersModel, type TfjsModel } from './keras-files.js';
import { testNetwork } from './source-network.js';
import { type TfliteNumbers, tfliteFile } from './tflite-files.js';
import { legacyTorchFile, safetensorsFile, stateDict, torchArchive, zipFile } from './torch-files.js';

beforeAll(() => startBackend('wasm'));

const source = testNetwork();

async function written(name: string, bytes: Buffer): Promise<string> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, bytes);
  return file;
}

async function writtenModel({ json, shards }: TfjsModel): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await mkdir(folder);
  for (const [name, bytes] of shards) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, 'model.json'), JSON.stringify(json));
  return join(folder, 'model.json');
}

/** What comes out of the backbone, stride 16 and stride 4. */
function activations(network: Network): Float32Array {
  const layers = new FoldedLayers(network.tensors);
  const [high, low] = tf.tidy(() => {
    const made = features(layers, network.config, randomTensor([1, 33, 47, 3], 5));
    return [tf.keep(made.high[0]!), tf.keep(made.low)];
  });
  const values = Float32Array.of(...high.dataSync(), ...low.dataSync());
  tf.dispose([high, low]);
  layers.dispose();
  return values;
}

async function difference(file: string): Promise<number> {
  const { backbone } = await importBackbone(file);
  return relativeError(activations(initialiseFrom(source.network, backbone)), activations(source.network));
}

/** By h5py's and Keras's own habits: a second group of the layer's name, and `:0`. */
const asHdf5 = (variables: ReadonlyMap<string, HostTensor>, prefix = '') =>
  new Map(
    [...variables].map(([name, tensor]) => [`${prefix}${name.split('/')[0]}/${name}:0`, tensor] as const),
  );

describe('the same function comes out of every format', () => {
  const keras = (batchNorm: 'kept' | 'folded') => kerasVariables(source, batchNorm);
  const formats: [string, 'kept' | 'folded', RegExp, () => Promise<string>][] = [
    ['LayersModel', 'kept', /TensorFlow.js LayersModel/, () => writtenModel(layersModel(keras('kept')))],
    ['LayersModel', 'folded', /TensorFlow.js LayersModel/, () => writtenModel(layersModel(keras('folded')))],
    ['GraphModel', 'kept', /TensorFlow.js GraphModel/, () => writtenModel(graphModel(source, 'kept'))],
    ['GraphModel', 'folded', /TensorFlow.js GraphModel/, () => writtenModel(graphModel(source, 'folded'))],
    ['Keras weights', 'kept', /Keras HDF5/, () => written('w.h5', hdf5File(asHdf5(keras('kept'))))],
    [
      'Keras model',
      'folded',
      /Keras HDF5/,
      () => written('m.h5', hdf5File(asHdf5(keras('folded'), 'model_weights/'))),
    ],
    [
      '.keras',
      'kept',
      /Keras/,
      () =>
        written(
          'm.keras',
          zipFile(
            new Map([
              ['config.json', Buffer.from('{}')],
              ['model.weights.h5', hdf5File(asHdf5(keras('kept')))],
            ]),
          ),
        ),
    ],
    ['float32 tflite', 'folded', /TensorFlow Lite/, () => written('m.tflite', tfliteFile(source, 'float32'))],
    ...(['torchvision', 'timm', 'transformers'] as const).map((project): (typeof formats)[number] => [
      `${project} safetensors`,
      'kept',
      new RegExp(`PyTorch, ${project}`),
      () => written('model.safetensors', safetensorsFile(stateDict(source, project))),
    ]),
    [
      '.pth archive',
      'kept',
      /PyTorch/,
      () => written('m.pth', torchArchive(stateDict(source, 'torchvision'))),
    ],
    [
      'old .pth',
      'kept',
      /PyTorch/,
      () => written('m.pth', legacyTorchFile(stateDict(source, 'torchvision'))),
    ],
  ];

  test.each(formats)('%s, batch norm %s', async (_, batchNorm, format, write) => {
    const file = await write();
    const { backbone, classifier } = await importBackbone(file);
    expect(backbone).toMatchObject({ width: 0.35, batchNorm, source: expect.stringMatching(format) });
    expect([...backbone.tensors.keys()].sort()).toEqual(
      [...source.network.tensors.keys()].filter((name) => name.startsWith('backbone/')).sort(),
    );
    expect(await difference(file)).toBeLessThan(1e-4);
    expect(relativeError(classifier!.get('classifier/weights')!.data, source.classifier.weights.data)).toBe(
      0,
    );
    expect(relativeError(classifier!.get('classifier/bias')!.data, source.classifier.bias)).toBe(0);
  });

  // Rounding to so few values changes the function; each tensor is as near as its steps allow.
  const rounded: [string, number, () => Promise<string>][] = [
    ...(['float16', 'uint8', 'uint16'] as const).map((type): (typeof rounded)[number] => [
      `LayersModel in ${type}`,
      { float16: 2 ** -11, uint8: 1 / 255, uint16: 1 / 65535 }[type],
      () => writtenModel(layersModel(kerasVariables(source, 'folded'), type)),
    ]),
    ...(['float16', 'int8 per channel', 'uint8 per tensor'] as const satisfies TfliteNumbers[]).map(
      (numbers): (typeof rounded)[number] => [
        `tflite in ${numbers}`,
        numbers === 'float16' ? 2 ** -11 : 1 / 127,
        () => written('m.tflite', tfliteFile(source, numbers)),
      ],
    ),
  ];
  test.each(rounded)('%s', async (_, step, write) => {
    const { backbone } = await importBackbone(await write());
    const { backbone: exact } = await importBackbone(
      await written('m.tflite', tfliteFile(source, 'float32')),
    );
    for (const [name, { data }] of exact.tensors) {
      expect(relativeError(backbone.tensors.get(name)!.data, data), name).toBeLessThanOrEqual(step);
    }
  });
});

describe('what must not change what is imported', () => {
  test('whether model.json or its folder is named', async () => {
    const file = await writtenModel(graphModel(source, 'folded'));
    expect(await importBackbone(dirname(file))).toEqual(await importBackbone(file));
  });

  test('the length of a safetensors header', async () => {
    // Its low byte then is that of the PROTO opcode, with which every pickle begins.
    const bytes = safetensorsFile(stateDict(source, 'torchvision'));
    const spaces = (((0x80 - bytes[0]!) % 256) + 256) % 256;
    const header = Number(bytes.readBigUInt64LE());
    const padded = Buffer.concat([
      bytes.subarray(0, 8 + header),
      Buffer.alloc(spaces, ' '),
      bytes.subarray(8 + header),
    ]);
    padded.writeBigUInt64LE(BigInt(header + spaces));
    expect(padded[0]).toBe(0x80);
    expect(await difference(await written('m.safetensors', padded))).toBeLessThan(1e-4);
  });

  const variables = kerasVariables(source, 'kept');
  const moments = [...variables].map(
    ([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }] as const,
  );

  test('the state of an optimiser in a Keras file', async () => {
    const bytes = hdf5File(
      new Map([
        ...asHdf5(variables, 'model_weights/'),
        ...moments.map(([name, tensor]) => [`optimizer_weights/Adam/m/${name}:0`, tensor] as const),
      ]),
    );
    expect(await difference(await written('m.h5', bytes))).toBeLessThan(1e-4);
  });

  test('the state of an optimiser in a TensorFlow.js model', async () => {
    const model = layersModel(
      new Map([...variables, ...moments.map(([name, tensor]) => [`Adam/m/${name}`, tensor] as const)]),
    );
    const [{ weights }] = model.json.weightsManifest as [{ weights: { name: string; group?: string }[] }];
    for (const weight of weights) if (weight.name.startsWith('Adam/')) weight.group = 'optimizer';
    expect(await difference(await writtenModel(model))).toBeLessThan(1e-4);
  });
});

describe('HDF5 that h5py wrote', () => {
  // /a/kernel = [[0, 0.5, 1], [1.5, 2, 2.5]] float32, /a/b/bias = [-1, 0.25] float64, /a/half = [0.5] float16
  const ORACLE = {
    'a/kernel': { shape: [2, 3], data: [0, 0.5, 1, 1.5, 2, 2.5] },
    'a/b/bias': { shape: [2], data: [-1, 0.25] },
    'a/half': { shape: [1], data: [0.5] },
  };
  test.each(Object.entries(H5PY_FILES()))('in its %s format', (_, text) => {
    const tensors = readHdf5(gunzipSync(Buffer.from(text, 'base64')));
    expect([...tensors.keys()].sort()).toEqual(Object.keys(ORACLE).sort());
    for (const [name, { shape, data }] of Object.entries(ORACLE)) {
      expect(tensors.get(name)!.shape).toEqual(shape);
      expect([...tensors.get(name)!.read()]).toEqual(data);
    }
  });
});

/** h5py 3.16, libver 'earliest' and 'latest', gzipped. */
function H5PY_FILES(): Record<string, string> {
  return {
    earliest:
      'H4sIAAAAAAACA+2YvU4CQRDHd+88PfADCChgIyU2RA0mdGAEpTBC1MJOIcFAIJhAYuykxDfgEXgLLSktLS0tfQPcY2fhdlGR+IVhfpfLZHcnt3dz/529udt0cm/RueokFqZJZoib2OkCjXW5LcbPwVKwTbBtTfTrvbEA9Lvh+m0/bxeh/+QolbK8uwpinieDW5Mg00g6tZO17GlfR5yOJvvlFD2mvzgv7R0D/Xpg5rQO+jU+p9+YifpF/Q70GxL50pD9yoVatVAhJA/tYq5yYddzbMx5jw8zSUvBQnchXVkfio6R9/KAwWNGRTvMrcY7RBqCcA61dZZBLE9PaI3tsVwBfpP4b2DcYG/IGtc0fkETMo5OGw7uEVDu6PpP48F1pffzcMMj66oN7Y5XvvvWysfXFToNz02VvOIsguy8ZydJMG0kePfLHbcP8bEXPoIgCIIgE/xd+XZ9qX4/jaovs8tYX2J9Ofx/5Nkr++VLufr3/h9R6yKuZErlukgbqoPioNUEic6TaFcfVQe1HPKTCZoT9R7UejvhQ23+hK4okevNga5coDU3cRrE6RpZX7cdskInU1diX1D/ry/ACqZkifjYU5ULtVz97KpQq5cuq6w/yOLlhlVDbTuEiNusVbsH5Vgiv8f+buaA2tKa/b1YbEU2tyMbA/9HF8YMQRAEQRAEQRAEQf4br0QujoqAKQAA',
    latest:
      'H4sIAAAAAAACA+v0cHHj5ZLiYubgYICB/1CgJQHhG0DFI6INyv09XIKYGCqYhJAVwgAXEwMjAwMbDwOQYkzcDNUmKsTAgqlWQICB4S4LRIU3zGY5BgJAZvunBmKcIAhyAlt2alFeao4ZI0Qv1F1JTkxQPj+Iz5KRmJN2kRlqvgIDQfDl1OYwsBOAZjGqMDAwMTEyQk1kgBmDzmcWYWAUVJBnYIFaIs7BIF4PZLECXcvMxQH0CTMjAzQCJGAWLWAY9MDPrKyXmOiAhHRSZmLxUVjQuFLJCe+adRjg0SECDHpGRHQwoQS/PTSEHRhMuBlM/jOjBr8ENPgFYAZvYBhyQMvnRwh6WEATPwMjSljwQ8NGgIGLlYGLHy0panCght9QDAvr31cS/Z09vHnsQdmQj0EElPmABUJicXxZalFxZn4egyQwcASgUQ4JHg6wl9lAQcmBCLZVSvcXMoyCUTB8ATCTNADxAXtw+cig4AAR/rAfQl+wZ7Bwd/b3YUQqIWEFChuUNtIzNNUzQBh5g380WEfBKBgFo2AUjIJRMApGwSgYBaNgFIyCoQYAag9TLCoYAAA=',
  };
}

describe('what does not fit is refused in one sentence that names it', () => {
  const torch = (change: (tensors: Map<string, HostTensor>) => void) => {
    const tensors = stateDict(source, 'torchvision');
    change(tensors);
    return written('m.safetensors', safetensorsFile(tensors));
  };
  const resized = (tensors: Map<string, HostTensor>, name: string, shape: number[]) =>
    tensors.set(name, { shape, data: new Float32Array(shape.reduce((product, n) => product * n, 1)) });
  const evil = (text: string) =>
    written('m.pth', zipFile(new Map([['archive/data.pkl', Buffer.from(text, 'latin1')]])));
  const manifest = async (change: (json: Record<string, unknown>) => void) => {
    const model = layersModel(kerasVariables(source, 'kept'));
    change(model.json);
    return writtenModel(model);
  };
  const twice = { ...source, layers: [...source.layers, ...source.layers] };
  const changedGraph = (op: string, attr: object) => {
    const model = graphModel(source, 'folded');
    const { node } = model.json.modelTopology as { node: { op: string }[] };
    Object.assign(node.find((n) => n.op === op)!, { attr });
    return writtenModel(model);
  };
  const tfliteWithoutBias = () => {
    const bytes = tfliteFile(source, 'float32');
    // The first operator's inputs: tensors 0, 1 and 2.
    bytes.writeInt32LE(-1, bytes.indexOf(Buffer.from(Int32Array.of(3, 0, 1, 2).buffer)) + 12);
    bytes.writeInt32LE(0, bytes.indexOf('backbone/stem;fused') - 4);
    return written('m.tflite', bytes);
  };
  const group = (json: Record<string, unknown>) =>
    (json.weightsManifest as { paths: string[]; weights: object[] }[])[0]!;

  const cases: [string, () => Promise<string>, RegExp][] = [
    [
      'a missing file',
      async () => '/nowhere/m.h5',
      /Cannot read \/nowhere\/m\.h5: no such file; expected MobileNetV2 as Keras/,
    ],
    ['another kind of file', () => written('m.h5', Buffer.from('hello')), /none of the formats known here/],
    ['other JSON', () => written('m.json', Buffer.from('{"a": 1}')), /without the weightsManifest/],
    [
      'another network',
      () =>
        written(
          'm.safetensors',
          safetensorsFile(new Map([['conv1.weight', { shape: [1], data: Float32Array.of(1) }]])),
        ),
      /none of features\.0\.0\.weight, conv_stem\.weight/,
    ],
    [
      'a missing layer',
      () => torch((t) => t.delete('features.7.conv.1.0.weight')),
      /lacks tensor features\.7\.conv\.1\.0\.weight/,
    ],
    [
      'a layer of another shape',
      () => torch((t) => resized(t, 'features.5.conv.0.0.weight', [7, 3, 1, 1])),
      /features\.5\.conv\.0\.0\.weight has shape \[1,1,3,7\] where backbone\/b4\/expand of width 0\.35 needs \[1,1,\d+,\d+\]/,
    ],
    [
      'a batch norm of another size',
      () => torch((t) => resized(t, 'features.5.conv.0.1.weight', [7])),
      /features\.5\.conv\.0\.0\.weight has \d+ channels and a (scale|offset) of /,
    ],
    [
      'another width',
      () => torch((t) => resized(t, 'features.17.conv.2.weight', [160, 960, 1, 1])),
      /last block \(features\.17\.conv\.2\.weight\) has 160 channels, where MobileNetV2 has 320 at width 1 and 112 at width 0\.35/,
    ],
    [
      'numbers that are none',
      () => torch((t) => t.get('features.3.conv.2.weight')!.data.fill(Number.NaN)),
      /filters of features\.3\.conv\.2\.weight are not all finite/,
    ],
    [
      'a negative variance',
      () => torch((t) => t.get('features.3.conv.3.running_var')!.data.fill(-1)),
      /features\.3\.conv\.2\.weight is followed by a negative variance/,
    ],
    [
      'a missing Keras layer',
      () => {
        const variables = kerasVariables(source, 'kept');
        variables.delete('Conv1/kernel');
        return writtenModel(layersModel(variables));
      },
      /cannot be imported: it lacks Conv1\/kernel\.$/,
    ],
    [
      'a Keras variable that appears twice',
      () => {
        const variables = kerasVariables(source, 'kept');
        return written('m.h5', hdf5File(new Map([...asHdf5(variables, 'a/'), ...asHdf5(variables, 'b/')])));
      },
      /it has Conv1\/kernel twice/,
    ],
    [
      'a weight that appears twice in a manifest',
      () => manifest((json) => Object.assign(json, { weightsManifest: [group(json), group(json)] })),
      /it has weight Conv1\/kernel twice/,
    ],
    [
      'a graph with its channels first',
      () => changedGraph('_FusedConv2D', { data_format: { s: 'TkNIVw==' } }),
      /node\d+ keeps its channels in another place than last/,
    ],
    [
      'a graph with a transposed matrix',
      () => changedGraph('_FusedMatMul', { transpose_b: { b: true } }),
      /logits multiplies a transposed matrix/,
    ],
    [
      'a graph of more layers',
      () => writtenModel(graphModel(twice, 'folded')),
      /it has 105 convolutions and dense layers where MobileNetV2 has 53/,
    ],
    [
      'a .tflite of more layers',
      () => written('m.tflite', tfliteFile(twice, 'float32')),
      /it has 105 convolutions and dense layers where MobileNetV2 has 53/,
    ],
    ['a .tflite without a bias or names', tfliteWithoutBias, /the layer of tensor 1 has no bias/],
    [
      'one large shard many times',
      async () => {
        const file = await manifest((json) =>
          Object.assign(group(json), { paths: ['large.bin', 'large.bin', 'large.bin'], weights: [] }),
        );
        const shard = join(dirname(file), 'large.bin');
        await writeFile(shard, '');
        await truncate(shard, 5e7);
        return file;
      },
      /large\.bin has 50000000 bytes, expected MobileNetV2 in at most \d+, all its files together\.$/,
    ],
    [
      'an archive with a changed weight',
      () => {
        const bytes = torchArchive(stateDict(source, 'torchvision'));
        const { data } = stateDict(source, 'torchvision').get('features.0.1.weight')!;
        const at = bytes.indexOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
        bytes[at]! ^= 1;
        return written('m.pth', bytes);
      },
      /its archive's entry archive\/data\/1 is damaged/,
    ],
    [
      'shards that end too soon',
      () =>
        manifest(
          (json) => group(json).weights.splice(5, 1).length && Object.assign(group(json), { paths: [] }),
        ),
      /shards end within weight/,
    ],
    [
      'a path out of the folder',
      () => manifest((json) => Object.assign(group(json), { paths: ['../secret'] })),
      /file outside its own folder \(\.\.\/secret\)/,
    ],
    [
      'a pickle that runs code',
      () => evil('\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.'),
      /asks to call os\.system, which no file of weights needs/,
    ],
    [
      'a folder without model.json',
      () => temporaryFolder(),
      /is a folder without a model\.json: expected a file/,
    ],
    [
      'a network of our own',
      async () => {
        const folder = await temporaryFolder();
        await saveNetwork(folder, source.network, 1);
        return join(folder, 'model.safetensors');
      },
      /cannot be imported: it is a whole network of viewal: use it with --model\.$/,
    ],
    ['a pickle of other things', () => evil('\x80\x02I1\n.'), /holds more than weights/],
  ];
  test.each(cases)('%s', async (_, write, message) => {
    const error = await importBackbone(await write()).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(message) });
    expect(error!.message).toMatch(/^[^\n]*\.$/);
  });
});
