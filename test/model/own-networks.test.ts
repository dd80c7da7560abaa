import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import type { Frame } from '../../src/frame.js';
import { startBackend } from '../../src/model/backend.js';
import { createSegmenter } from '../../src/model/inference/create-segmenter.js';
import { loadModel, readClassNames } from '../../src/model/inference/model-folder.js';
import { noiseOf } from '../../src/model/inference/own/noise-layers.js';
import { OwnMcDropout } from '../../src/model/inference/own/own-mc-dropout.js';
import type { TfjsModel } from '../../src/model/inference/own/tfjs-file.js';
import { segmenterKey } from '../../src/model/inference/segmenter-key.js';
import { halfValues, type ProbabilityMap } from '../../src/model/probability-map.js';
import { gaussian, random, seedOf } from '../../src/random.js';
import {
  CONVOLUTION,
  fillWeights,
  node,
  placeholder,
  saveGraphModel,
  saveLayersModel,
  type TestNode,
} from './own-models.js';
import { colourFrame, randomTensor, relativeError } from './support.js';

const SIZE = { width: 12, height: 8 };
const SEED = 5;

const frame = (id: string, size = SIZE) => colourFrame(id, size);

/** What a network sees of a frame by default. */
function imageOf({ width, height, colour }: Frame): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(colour, (c) => c / 127.5 - 1),
    [1, height, width, 3],
  );
}

async function start(path: string, draws: number, size = SIZE, seed = SEED): Promise<OwnMcDropout> {
  return OwnMcDropout.start((await loadModel(path)) as TfjsModel, { draws, seed }, size);
}

async function predict(path: string, draws: number, of: Frame, seed = SEED): Promise<ProbabilityMap> {
  const network = await start(path, draws, of, seed);
  const map = network.predict(of);
  network.dispose();
  return map;
}

function numbers({ data }: ProbabilityMap): Float32Array {
  const values = halfValues();
  return Float32Array.from(data, (bits) => values[bits]);
}

const { layers } = tfl;
const conv = (filters: number, seed: number, more: object = {}) => ({
  layer: layers.conv2d({ filters, kernelSize: 3, padding: 'same', ...more }),
  seed,
});

/** Applies layers one after the other and gives those with weights numbers. */
function chain(...parts: ({ layer: tfl.layers.Layer; seed: number } | tfl.layers.Layer)[]): tfl.LayersModel {
  const input = tfl.input({ shape: [null, null, 3] });
  let x: tfl.SymbolicTensor = input;
  for (const part of parts) {
    const layer = part instanceof layers.Layer ? part : part.layer;
    x = layer.apply(x) as tfl.SymbolicTensor;
    if (layer !== part) fillWeights(layer, (part as { seed: number }).seed);
  }
  return tfl.model({ inputs: input, outputs: x });
}

const noiseCases: [string, () => tfl.layers.Layer][] = [
  ['Dropout', () => layers.dropout({ rate: 0.4 })],
  ['Dropout of whole channels', () => layers.dropout({ rate: 0.4, noiseShape: [null!, 1, 1, null!] })],
  ['AlphaDropout', () => layers.alphaDropout({ rate: 0.3 })],
  ['GaussianDropout', () => layers.gaussianDropout({ rate: 0.3 })],
  ['GaussianNoise', () => layers.gaussianNoise({ stddev: 0.7 })],
];

beforeAll(async () => {
  await startBackend('wasm');
});

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

describe('noise layers', () => {
  test.each(noiseCases.filter(([name]) => name !== 'AlphaDropout'))(
    '%s has the mean and variance that tfjs gives in training',
    (_, make) => {
      const layer = make();
      const x = tf.fill([1, 15, 15, 768], 0.8);
      const ours = noiseOf(layer)!(x, random(3));
      const theirs = layer.apply(x, { training: true }) as tf.Tensor;
      const [a, b] = [tf.moments(ours), tf.moments(theirs)];
      const isByChannel = 'noiseShape' in layer && layer.noiseShape !== undefined;
      // Of 172 800 elements, or 768 channels of one image.
      const tolerance = isByChannel ? 0.1 : 0.01;
      expect(Math.abs(a.mean.dataSync()[0] - b.mean.dataSync()[0])).toBeLessThan(tolerance);
      expect(Math.abs(a.variance.dataSync()[0] - b.variance.dataSync()[0])).toBeLessThan(tolerance);
    },
  );

  test('AlphaDropout keeps the mean and variance of standard normal input', () => {
    const next = random(8);
    const x = tf.tensor(Float32Array.from({ length: 200_000 }, () => gaussian(next)));
    const { mean, variance } = tf.moments(noiseOf(layers.alphaDropout({ rate: 0.3 }))!(x, random(3)));
    expect(Math.abs(mean.dataSync()[0])).toBeLessThan(0.01);
    expect(Math.abs(variance.dataSync()[0] - 1)).toBeLessThan(0.01);
  });

  test('SpatialDropout drops channels as a whole; rates of 0 and other layers have no noise', () => {
    const y = noiseOf(layers.spatialDropout1d({ rate: 0.5 }))!(tf.ones([1, 7, 40]), random(1));
    const values = y.dataSync();
    for (let i = 0; i < values.length; i++) expect(values[i]).toBe(values[i % 40]);
    expect(new Set(values)).toEqual(new Set([0, 2]));
    expect(noiseOf(layers.dropout({ rate: 0 }))).toBeUndefined();
    expect(noiseOf(layers.batchNormalization())).toBeUndefined();
  });
});

describe('a LayersModel', () => {
  test('averages the softmax over its draws, masks from the seed, batch norm as in inference', async () => {
    const parts = [
      conv(6, 1),
      { layer: layers.batchNormalization(), seed: 10 },
      layers.dropout({ rate: 0.5 }),
    ];
    const last = conv(3, 20);
    const folder = await saveLayersModel(chain(...parts, last));
    const f = frame('1');
    // The same by hand: every mask from the stream that the class documents.
    const x = (parts[1] as { layer: tfl.layers.Layer }).layer.apply(
      (parts[0] as { layer: tfl.layers.Layer }).layer.apply(imageOf(f)),
    ) as tf.Tensor;
    const draws = Array.from({ length: 4 }, (_, d) => {
      const next = random(seedOf(SEED, 'a', '1', d, 0));
      const mask = Float32Array.from({ length: x.size }, () => (next() < 0.5 ? 0 : 2));
      return tf.softmax(last.layer.apply(tf.mul(x, tf.tensor(mask, x.shape))) as tf.Tensor);
    });
    const expected = tf.mean(tf.stack(draws), 0).dataSync();
    const map = await predict(folder, 4, f);
    expect(map).toMatchObject({ ...SIZE, classes: 3 });
    expect(relativeError(numbers(map), expected)).toBeLessThan(1e-3);
  });

  const nested = (): tfl.LayersModel => {
    const inner = tfl.sequential({
      layers: [
        layers.conv2d({ filters: 4, kernelSize: 1, inputShape: [null, null, 3] }),
        layers.dropout({ rate: 0.5 }),
      ],
    });
    return fillWeights(chain(inner, conv(3, 1)), 30) as tfl.LayersModel;
  };
  const branching = (): tfl.LayersModel => {
    const input = tfl.input({ shape: [null, null, 3] });
    const first = layers.conv2d({ filters: 5, kernelSize: 3, padding: 'same' }).apply(input);
    const shared = layers.dropout({ rate: 0.3 });
    const left = shared.apply(first);
    const right = shared.apply(layers.conv2d({ filters: 5, kernelSize: 1 }).apply(first));
    const sum = layers.add().apply([left, right, first] as tfl.SymbolicTensor[]);
    const output = layers.conv2d({ filters: 2, kernelSize: 1 }).apply(sum) as tfl.SymbolicTensor;
    return fillWeights(tfl.model({ inputs: input, outputs: output }), 50) as tfl.LayersModel;
  };
  const sequential = (): tfl.LayersModel =>
    fillWeights(
      tfl.sequential({
        layers: [
          layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', inputShape: [null, null, 3] }),
          layers.dropout({ rate: 0.5 }),
          layers.conv2d({ filters: 3, kernelSize: 1 }),
        ],
      }),
      60,
    ) as tfl.LayersModel;
  const models: [string, () => tfl.LayersModel][] = [
    ['sequential', sequential],
    ['with a nested model', nested],
    ['that branches and uses a dropout twice', branching],
    ['whose dropout comes first', () => chain(layers.dropout({ rate: 0.5 }), conv(3, 1))],
    ['whose dropout comes last', () => chain(conv(3, 1), layers.gaussianNoise({ stddev: 1 }))],
    [
      'with dropout in a wrapper',
      () =>
        chain(
          { layer: layers.timeDistributed({ layer: layers.conv1d({ filters: 4, kernelSize: 1 }) }), seed: 3 },
          layers.timeDistributed({ layer: layers.dropout({ rate: 0.5 }) as never }),
          conv(3, 1),
        ),
    ],
    ...noiseCases.map(([name, make]): [string, () => tfl.LayersModel] => [
      `with ${name}`,
      () => chain(conv(8, 1), make(), conv(3, 2)),
    ]),
  ];

  test.each(models)('%s draws, the same with the same seed, tensors all given back', async (_, make) => {
    // Where a wrapper wants its sizes fixed, it gets them.
    const folder = await saveLayersModel(make());
    const before = tf.memory().numTensors;
    const one = await start(folder, 3);
    const loaded = tf.memory().numTensors;
    const maps = ['1', '2', '1'].map((id) => one.predict(frame(id)).data);
    expect(tf.memory().numTensors).toBe(loaded);
    one.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(maps[2]).toEqual(maps[0]);
    expect(maps[1]).not.toEqual(maps[0]);
    const again = await predict(folder, 3, frame('1'));
    expect(again.data).toEqual(maps[0]);
    expect((await predict(folder, 3, frame('1'), 6)).data).not.toEqual(maps[0]);
  });

  test('keeps a dropout used twice from dropping the same twice', async () => {
    const input = tfl.input({ shape: [null, null, 3] });
    const dropout = layers.dropout({ rate: 0.5 });
    // x dropped less x dropped: 0 everywhere if the masks were one.
    const minus = layers.conv2d({ filters: 3, kernelSize: 1, useBias: false });
    const left = dropout.apply(input) as tfl.SymbolicTensor;
    const right = minus.apply(dropout.apply(input)) as tfl.SymbolicTensor;
    const model = tfl.model({
      inputs: input,
      outputs: layers.add().apply([left, right]) as tfl.SymbolicTensor,
    });
    minus.setWeights([tf.tensor4d([-1, 0, 0, 0, -1, 0, 0, 0, -1], [1, 1, 3, 3])]);
    const values = numbers(await predict(await saveLayersModel(model), 2, frame('1')));
    expect(new Set(values).size).toBeGreaterThan(10);
  });

  test('with a SpatialDropout2D, which tfjs has not, loads and drops whole channels', async () => {
    const folder = await saveLayersModel(chain(conv(2, 1), layers.dropout({ rate: 0.5, name: 'drop' })));
    const file = join(folder, 'model.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"class_name":"Dropout"', '"class_name":"SpatialDropout2D"'));
    const f = frame('1');
    const ones = new Set<string>();
    for (let seed = 0; seed < 8; seed++) {
      // One draw: where both channels went, both classes are as likely everywhere.
      const values = numbers(await predict(folder, 1, f, seed));
      ones.add(values.every((p) => p === 0.5) ? 'both dropped' : 'kept');
    }
    expect(ones).toEqual(new Set(['both dropped', 'kept']));
  });

  test('without dropout is refused where several draws are asked for, and runs with one', async () => {
    const folder = await saveLayersModel(
      chain(
        conv(4, 1),
        { layer: layers.batchNormalization(), seed: 3 },
        layers.dropout({ rate: 0 }),
        conv(3, 2),
      ),
    );
    const refused = start(folder, 4);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(
      'the network has no active dropout: its draws of one image are identical. Expected a LayersModel with dropout layers or a graph that draws random numbers; --draws 1 does without.',
    );
    const model = await tfl.loadLayersModel({ load: async () => await artifacts(folder) });
    const expected = tf.softmax(model.predict(imageOf(frame('1'))) as tf.Tensor).dataSync();
    expect(relativeError(numbers(await predict(folder, 1, frame('1'))), expected)).toBeLessThan(1e-3);
  });

  test.each(noiseCases)(
    'gives one pass as in inference where no draws are asked for, with %s',
    async (_, make) => {
      const folder = await saveLayersModel(chain(conv(4, 1), make(), conv(3, 2)));
      const model = await tfl.loadLayersModel({ load: async () => await artifacts(folder) });
      const expected = tf.softmax(model.predict(imageOf(frame('1'))) as tf.Tensor).dataSync();
      const { data, ...rest } = await predict(folder, 0, frame('1'));
      expect(relativeError(numbers({ data, ...rest }), expected)).toBeLessThan(1e-3);
      expect((await predict(folder, 0, frame('1'), SEED + 1)).data).toEqual(data);
      expect((await predict(folder, 1, frame('1'))).data).not.toEqual(data);
    },
  );

  test('without dropout gives the same with no draws as with one; tensors all given back', async () => {
    const folder = await saveLayersModel(chain(conv(4, 1), conv(3, 2)));
    expect(await predict(folder, 0, frame('1'))).toEqual(await predict(folder, 1, frame('1')));
    const noisy = await saveLayersModel(nested());
    const before = tf.memory().numTensors;
    const network = await start(noisy, 0);
    const loaded = tf.memory().numTensors;
    for (const id of ['1', '2']) network.predict(frame(id));
    expect(tf.memory().numTensors).toBe(loaded);
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  async function artifacts(folder: string): Promise<tf.io.ModelArtifacts> {
    const { tfjsArtifacts } = await import('../../src/model/inference/own/tfjs-file.js');
    return tfjsArtifacts((await loadModel(folder)) as TfjsModel);
  }

  test('whose low rate leaves a few draws alike by chance is not taken for one without', async () => {
    const few = layers.dropout({ rate: 0.1, noiseShape: [null!, 1, 1, null!] });
    const folder = await saveLayersModel(chain(conv(8, 1), few, conv(3, 2)));
    for (let seed = 0; seed < 30; seed++) (await start(folder, 2, SIZE, seed)).dispose();
  });

  test('whose dropout changes nothing on one frame goes on', async () => {
    const folder = await saveLayersModel(chain(layers.dropout({ rate: 0.5 }), conv(3, 1)), {
      metadata: { input: '0..1' },
    });
    const network = await start(folder, 3);
    const black = { ...frame('1'), colour: new Uint8Array(SIZE.width * SIZE.height * 3) };
    expect(network.predict(black).classes).toBe(3);
  });

  test.each([
    ['-1..1', (c: number) => c / 127.5 - 1],
    ['0..1', (c: number) => c / 255],
    ['0..255', (c: number) => c],
  ])('sees colours in the range %s', async (input, normalise) => {
    const { layer } = conv(2, 1, { kernelSize: 1, useBias: false });
    const model = chain(layer);
    layer.setWeights([tf.tensor4d([0.01, 0, 0, 0.01, 0, 0], [1, 1, 3, 2])]);
    const f = frame('1');
    const map = numbers(await predict(await saveLayersModel(model, { metadata: { input } }), 1, f));
    for (let i = 0; i < 5; i++) {
      const [red, green] = [normalise(f.colour[3 * i]), normalise(f.colour[3 * i + 1])];
      expect(map[2 * i]).toBeCloseTo(1 / (1 + Math.exp(0.01 * (green - red))), 3);
    }
  });

  test('that gives probabilities is not softmaxed again; smaller outputs are resized, half-pixel centres', async () => {
    const { layer } = conv(3, 1, { strides: 4, activation: 'softmax' });
    const folder = await saveLayersModel(fillWeights(chain(layer), 1));
    const f = frame('2');
    const small = layer.apply(imageOf(f)) as tf.Tensor4D;
    expect(small.shape).toEqual([1, 2, 3, 3]);
    const values = small.dataSync();
    const map = numbers(await predict(folder, 1, f));
    // Row 2, column 6 of 8×12 lies at (2.5 / 4 − ½, 6.5 / 4 − ½) = (0.125, 1.125) of 2×3.
    const at = (row: number, column: number, c: number) => values[(row * 3 + column) * 3 + c];
    for (let c = 0; c < 3; c++) {
      const top = at(0, 1, c) * 0.875 + at(0, 2, c) * 0.125;
      const bottom = at(1, 1, c) * 0.875 + at(1, 2, c) * 0.125;
      expect(map[(2 * 12 + 6) * 3 + c]).toBeCloseTo(top * 0.875 + bottom * 0.125, 3);
    }
  });

  test('of fixed size sees the image resized to it', async () => {
    const input = tfl.input({ shape: [16, 6, 3] });
    const { layer } = conv(2, 1, { kernelSize: 1 });
    const output = layer.apply(input) as tfl.SymbolicTensor;
    const folder = await saveLayersModel(
      fillWeights(tfl.model({ inputs: input, outputs: output }), 9) as tfl.LayersModel,
    );
    const f = frame('3');
    const seen = tf.image.resizeBilinear(imageOf(f), [16, 6], false, true);
    const back = tf.image.resizeBilinear(layer.apply(seen) as tf.Tensor4D, [8, 12], false, true);
    const map = await predict(folder, 1, f);
    expect(map).toMatchObject(SIZE);
    expect(relativeError(numbers(map), tf.softmax(back).dataSync())).toBeLessThan(1e-3);
  });
});

describe('a GraphModel', () => {
  // A weight that no node reads would be an output.
  const trunk = () => ({
    filter: randomTensor([3, 3, 3, 4], 1),
    offsets: randomTensor<tf.Rank.R1>([4], 2),
  });
  const weights = () => ({ ...trunk(), classify: randomTensor([1, 1, 4, 3], 3) });
  const trunkNodes: TestNode[] = [
    placeholder(),
    node('Conv2D', 'conv', ['image', 'filter'], CONVOLUTION),
    node('BiasAdd', 'biased', ['conv', 'offsets']),
  ];

  test('gives what the same operations give', async () => {
    const w = weights();
    const folder = await saveGraphModel(
      [
        ...trunkNodes,
        node('Conv2D', 'scores', ['biased', 'classify'], CONVOLUTION),
        node('Softmax', 'out', ['scores']),
      ],
      w,
      { userDefinedMetadata: { classes: ['x', 'y', 'z'] } },
    );
    const f = frame('1');
    const biased = tf.add(tf.conv2d(imageOf(f), w.filter as tf.Tensor4D, 1, 'same'), w.offsets);
    const expected = tf.softmax(tf.conv2d(biased as tf.Tensor4D, w.classify as tf.Tensor4D, 1, 'same'));
    const map = await predict(folder, 1, f);
    expect(relativeError(numbers(map), expected.dataSync())).toBeLessThan(1e-3);
    expect(await readClassNames(folder)).toEqual(['x', 'y', 'z']);
    expect(await readClassNames(join(folder, 'model.json'))).toEqual(['x', 'y', 'z']);
    await expect(start(folder, 2)).rejects.toThrow('the network has no active dropout');
    expect(await predict(folder, 0, f)).toEqual(map);
  });

  test('has the inputs and outputs of its signature, as the converter writes it', async () => {
    const folder = await saveGraphModel(
      [...trunkNodes, node('Relu', 'Identity', ['biased']), node('Relu', 'left_over', ['biased'])],
      trunk(),
      {
        signature: {
          inputs: { colours: { name: 'image:0', dtype: 'DT_FLOAT' } },
          outputs: { scores: { name: 'Identity:0', dtype: 'DT_FLOAT' } },
        },
      },
    );
    expect((await predict(folder, 1, frame('1'))).classes).toBe(4);
  });

  /** tf.nn.dropout as a graph has it, with a seed that tfjs would use for every draw. */
  const dropout = (from: string): TestNode[] => [
    node('Shape', 'shape', [from], { T: { type: 'DT_FLOAT' }, out_type: { type: 'DT_INT32' } }),
    node('RandomUniform', 'uniform', ['shape'], {
      T: { type: 'DT_INT32' },
      dtype: { type: 'DT_FLOAT' },
      seed: { i: '7' },
      seed2: { i: '9' },
    }),
    node('GreaterEqual', 'kept', ['uniform', 'rate']),
    node('Cast', 'mask', ['kept'], { SrcT: { type: 'DT_BOOL' }, DstT: { type: 'DT_FLOAT' } }),
    node('Mul', 'scaled', [from, 'factor']),
    node('Mul', 'dropped', ['scaled', 'mask']),
  ];

  test('draws with its random ops seeded by us, the part before them run once', async () => {
    const w = { ...weights(), rate: tf.scalar(0.25), factor: tf.scalar(1 / 0.75) };
    const folder = await saveGraphModel(
      [...trunkNodes, ...dropout('biased'), node('Conv2D', 'out', ['dropped', 'classify'], CONVOLUTION)],
      w,
    );
    const f = frame('1');
    const biased = tf.add(tf.conv2d(imageOf(f), w.filter as tf.Tensor4D, 1, 'same'), w.offsets);
    const draws = Array.from({ length: 3 }, (_, d) => {
      const next = random(seedOf(SEED, 'a', '1', d, 0));
      const mask = Float32Array.from({ length: biased.size }, () => (next() >= 0.25 ? 1 / 0.75 : 0));
      const dropped = tf.mul<tf.Tensor4D>(biased, tf.tensor(mask, biased.shape));
      return tf.softmax(tf.conv2d(dropped, w.classify as tf.Tensor4D, 1, 'same'));
    });
    const expected = tf.mean(tf.stack(draws), 0).dataSync();
    const before = tf.memory().numTensors;
    const network = await start(folder, 3);
    const loaded = tf.memory().numTensors;
    const map = network.predict(f);
    expect(network.predict(f).data).toEqual(map.data);
    expect(tf.memory().numTensors).toBe(loaded);
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(relativeError(numbers(map), expected)).toBeLessThan(1e-3);
    const off = start(folder, 0);
    await expect(off).rejects.toThrow(UserError);
    await expect(off).rejects.toThrow(
      /model\.json: the graph draws random numbers, which cannot be switched off: expected at least 1 draw/,
    );
  });

  test('whose dropout comes first draws too', async () => {
    const { offsets: _, ...rest } = weights();
    const w = { ...rest, rate: tf.scalar(0.25), factor: tf.scalar(1 / 0.75) };
    const folder = await saveGraphModel(
      [
        placeholder(),
        ...dropout('image'),
        node('Conv2D', 'conv', ['dropped', 'filter'], CONVOLUTION),
        node('Conv2D', 'out', ['conv', 'classify'], CONVOLUTION),
      ],
      w,
    );
    expect((await predict(folder, 2, frame('1'))).classes).toBe(3);
  });

  test('of thousands of nodes in a row is cut too, without or with chance before them', async () => {
    const relus = (from: string) =>
      Array.from({ length: 12_000 }, (_, i) => node('Relu', `relu${i}`, [i === 0 ? from : `relu${i - 1}`]));
    const w = { ...trunk(), rate: tf.scalar(0.25), factor: tf.scalar(1 / 0.75) };
    const still = await saveGraphModel([...trunkNodes, ...relus('biased')], trunk());
    const drawing = [...trunkNodes, ...dropout('biased'), ...relus('dropped')];
    (await start(still, 1)).dispose();
    (await start(await saveGraphModel(drawing, w), 2)).dispose();
  });

  test('whose scores of a frame are not finite takes it for a bad one, and goes on', async () => {
    const folder = await saveGraphModel(
      [
        placeholder(),
        node('Mean', 'mean', ['image', 'axes'], { keep_dims: { b: true } }),
        node('RealDiv', 'out', ['image', 'mean']),
      ],
      { axes: tf.tensor1d([1, 2, 3], 'int32') },
      { userDefinedMetadata: { input: '0..255' } },
    );
    const black = (f: Frame) => ({ ...f, colour: new Uint8Array(f.colour.length) });
    const network = await start(folder, 1);
    expect(() => network.predict(black(frame('1')))).toThrow(BadFrameError);
    expect(() => network.predict(black(frame('1')))).toThrow(
      /model\.json: the network's output out does not hold finite scores/,
    );
    expect(network.predict(frame('2')).classes).toBe(3);
    const segmenter = await createSegmenter({ model: folder, draws: 1, seed: SEED, workers: 1, size: SIZE });
    await expect(segmenter.predict(black(frame('1')))).rejects.toThrow(BadFrameError);
    expect((await segmenter.predict(frame('2'))).classes).toBe(3);
    await segmenter.close();
  });

  test('some of whose draws are not finite on trial is tried further', async () => {
    // Scores are divided by 0 or by a positive number, as chance has it.
    const folder = await saveGraphModel(
      [
        placeholder(),
        node('RandomUniform', 'uniform', ['one'], { T: { type: 'DT_INT32' }, dtype: { type: 'DT_FLOAT' } }),
        node('Sub', 'off', ['uniform', 'half']),
        node('Relu', 'divisor', ['off']),
        node('RealDiv', 'out', ['image', 'divisor']),
      ],
      { one: tf.tensor1d([1], 'int32'), half: tf.scalar(0.5) },
    );
    for (let seed = 0; seed < 8; seed++) (await start(folder, 2, SIZE, seed)).dispose();
  });

  test('with an unknown op, a missing node, unseeded chance or no image is refused by name', async () => {
    const refuse = (nodes: TestNode[]) =>
      expect(saveGraphModel(nodes, trunk()).then((folder) => start(folder, 1))).rejects;
    await refuse([...trunkNodes, node('FlyToTheMoon', 'out', ['biased'])]).toThrow(
      'has the op FlyToTheMoon, which TensorFlow.js does not know',
    );
    await refuse([...trunkNodes, node('Relu', 'out', ['nowhere'])]).toThrow(
      'node out reads nowhere, which the graph has not',
    );
    await refuse([...trunkNodes, node('Multinomial', 'out', ['biased'])]).toThrow(
      'node out draws random numbers with Multinomial, which cannot be seeded',
    );
    await refuse([placeholder([1, 3, -1, -1]), ...trunkNodes.slice(1)]).toThrow(
      'the input image has shape [1, 3, any, any], expected [1, height, width, 3]: an RGB image, channels last',
    );
    await refuse([...trunkNodes, placeholder(undefined, 'second')]).toThrow(
      'a network with 2 inputs (image, second): expected one input',
    );
    await refuse([...trunkNodes, node('Relu', 'a', ['biased']), node('Relu', 'b', ['biased'])]).toThrow(
      'a network with 2 outputs (a, b): expected one output',
    );
  });
});

describe('a model that cannot be used', () => {
  const good = () => chain(conv(4, 1), layers.dropout({ rate: 0.5 }), conv(3, 2));
  const refuse = (path: string, draws = 2) => expect(start(path, draws)).rejects;

  async function edited(model: tfl.LayersModel, change: (json: never) => void): Promise<string> {
    const folder = await saveLayersModel(model);
    const file = join(folder, 'model.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as never;
    change(json);
    await writeFile(file, JSON.stringify(json));
    return folder;
  }
  type Weights = { weightsManifest: [{ paths: string[]; weights: { name: string; shape: number[] }[] }] };

  test('is refused as a UserError that names file and weight', async () => {
    const folder = await saveLayersModel(good(), { shardBytes: 300 });
    const shards = Math.ceil(((27 * 4 + 4 + 36 * 3 + 3) * 4) / 300);
    expect(shards).toBe(3);
    await truncate(join(folder, 'group1-shard2.bin'), 299);
    await expect(loadModel(folder)).rejects.toThrow(UserError);
    await expect(loadModel(folder)).rejects.toThrow(
      /group1-shard2\.bin is truncated: the weights that .*model\.json lists take 892 bytes and 891 are there; weight conv2d.*\/bias is cut off/,
    );
    await writeFile(join(folder, 'group1-shard2.bin'), new Uint8Array(301));
    await expect(loadModel(folder)).rejects.toThrow(/too long: .* take 892 bytes and 893 are there/);
    await rm(join(folder, 'group1-shard2.bin'));
    await expect(loadModel(folder)).rejects.toThrow(
      /Cannot read .*group1-shard2\.bin, where .*model\.json has its weight conv2d.*\/kernel: no such file/,
    );
  });

  test('by its model.json is refused', async () => {
    const folder = await saveLayersModel(good());
    const file = join(folder, 'model.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.slice(0, 100));
    await refuse(folder).toThrow(/model\.json is not JSON/);
    await writeFile(file, '{"format":"layers-model"}');
    await refuse(folder).toThrow(/no TensorFlow\.js model that can be used: it has no modelTopology\.$/);
    await writeFile(file, '[]');
    await refuse(folder).toThrow(/can be used: it is a list of 0; expected an object\.$/);
    await writeFile(file, text.replace('"layers-model"', '"keras"'));
    await refuse(folder).toThrow(/: format is "keras"; expected layers-model or graph-model\.$/);
    await writeFile(
      file,
      text.replace('"float32","', '"float32","').replace('"dtype":"float32"}', '"dtype":"string"}'),
    );
    await refuse(folder).toThrow(
      /: weightsManifest\.0\.weights\.0 \(conv2d.*\/kernel\)\.dtype is "string"; expected float32, int32 or bool\.$/,
    );
    await writeFile(file, text.replace('group1-shard1.bin', '../../group1-shard1.bin'));
    await refuse(folder).toThrow('names a weight file outside its own folder: ../../group1-shard1.bin');
    const metadata: [string, RegExp][] = [
      ['{"input":"0..2"}', /userDefinedMetadata: input is "0\.\.2"; expected -1\.\.1, 0\.\.1 or 0\.\.255\.$/],
      ['{"classes":["a"]}', /userDefinedMetadata: classes is a list of 1; expected at least 2\.$/],
      ['{"classes":["a",7]}', /userDefinedMetadata: classes\.1 is 7; expected text\.$/],
      ['{"classes":null}', /userDefinedMetadata: classes is null; expected a list\.$/],
    ];
    for (const [json, message] of metadata) {
      await writeFile(file, text.replace('"layers-model"', `"layers-model","userDefinedMetadata":${json}`));
      await refuse(folder).toThrow(message);
    }
    await expect(loadModel(join(folder, 'nothing'))).rejects.toThrow('holds no network');
  });

  test('by its layers or their weights is refused', async () => {
    await refuse(
      await edited(good(), (json) => {
        const { layers: list } = (json as { modelTopology: { config: { layers: { class_name: string }[] } } })
          .modelTopology.config;
        list[1].class_name = 'Attention3000';
        list[2].class_name = 'Dropper';
      }),
    ).toThrow('has layers of class Attention3000, Dropper, which TensorFlow.js does not know');
    await refuse(
      await edited(good(), (json: Weights) => {
        json.weightsManifest[0].weights[0].shape = [3, 3, 4, 3];
      }),
    ).toThrow(/weight conv2d.*\/kernel has shape \[3,3,4,3\], its layer expects \[3,3,3,4\]/);
    await refuse(
      await edited(good(), (json: Weights) => {
        json.weightsManifest[0].weights[1].name = 'other/bias';
      }),
    ).toThrow('has a weight other/bias that belongs to none of its layers');
    const parameters = good();
    const folder = await edited(parameters, (json: Weights) => {
      json.weightsManifest[0].weights.pop();
    });
    await truncate(join(folder, 'group1-shard1.bin'), (27 * 4 + 4 + 36 * 3) * 4);
    await refuse(folder).toThrow(/lacks weights of its layers: conv2d.*\/bias/);
  });

  test('by its Keras is refused', async () => {
    // Keras 3 writes `batch_shape` where Keras 2 wrote `batch_input_shape`.
    type Topology = { config: { layers: { config: Record<string, unknown> }[] } };
    await refuse(
      await edited(good(), (json: { modelTopology: object }) => {
        const model_config = json.modelTopology as Topology;
        const { batch_input_shape: batch_shape, ...rest } = model_config.config.layers[0].config;
        model_config.config.layers[0].config = { ...rest, batch_shape };
        json.modelTopology = { keras_version: '3.8.0', backend: 'tensorflow', model_config };
      }),
    ).toThrow(
      'was saved by Keras 3.8.0, whose models TensorFlow.js cannot build: expected one saved by Keras 2',
    );
  });

  test('by its output is refused', async () => {
    await refuse(
      await saveLayersModel(chain(conv(4, 1), layers.globalAveragePooling2d({ name: 'mean' }))),
    ).toThrow(
      "the network's output mean is float32 of shape [1,4] for an image of 12×8, expected float32 scores [1, height, width, classes]",
    );
    await refuse(await saveLayersModel(chain(conv(1, 1)))).toThrow('has 1 scores a pixel, expected 2 to 255');
    await refuse(await saveLayersModel(good(), { metadata: { classes: ['a', 'b'] } })).toThrow(
      /names 2 classes in its userDefinedMetadata, but the network's output .* has 3 scores a pixel/,
    );
    const { layer, seed } = conv(3, 1);
    const broken = chain({ layer, seed });
    layer.setWeights([tf.fill([3, 3, 3, 3], Number.NaN), tf.zeros([3])]);
    await refuse(await saveLayersModel(broken)).toThrow('holds numbers that are not finite');
    const input = tfl.input({ shape: [null, null, 3] });
    const pool = layers.averagePooling2d({ poolSize: 2 }).apply(input) as tfl.SymbolicTensor;
    const up = layers.upSampling2d({ size: [2, 2] }).apply(pool) as tfl.SymbolicTensor;
    const sum = layers.add().apply([input, up]) as tfl.SymbolicTensor;
    const odd = await saveLayersModel(tfl.model({ inputs: input, outputs: sum }));
    await expect(start(odd, 1, { width: 13, height: 8 })).rejects.toThrow(
      /TensorFlow\.js cannot run the network on an image of 13×8/,
    );
  });
});

describe('key', () => {
  test('is of model.json, weights and options', async () => {
    const folder = await saveLayersModel(chain(conv(2, 1), layers.dropout({ rate: 0.5 })));
    const options = { draws: 2, seed: 1 };
    const key = async (o = options) => segmenterKey(await loadModel(folder), o, 'wasm');
    const first = await key();
    expect(await key()).toBe(first);
    expect(await key({ ...options, seed: 2 })).not.toBe(first);
    const shard = join(folder, 'group1-shard1.bin');
    const bytes = await readFile(shard);
    bytes[3] ^= 1;
    await writeFile(shard, bytes);
    const second = await key();
    expect(second).not.toBe(first);
    const file = join(folder, 'model.json');
    await writeFile(file, `${await readFile(file, 'utf8')}\n`);
    expect(await key()).not.toBe(second);
  });
});

describe('segmenter', () => {
  test('gives the same maps with any number of workers as in this thread', async () => {
    const folder = await saveLayersModel(chain(conv(4, 1), layers.dropout({ rate: 0.5 }), conv(3, 2)));
    const frames = Array.from({ length: 5 }, (_, i) => frame(`${i}`));
    const here = await start(folder, 3);
    const expected = frames.map((f) => here.predict(f));
    for (const workers of [1, 2]) {
      const segmenter = await createSegmenter({
        model: folder,
        draws: 3,
        seed: SEED,
        workers,
        size: SIZE,
      });
      expect(await Promise.all(frames.map((f) => segmenter.predict(f)))).toEqual(expected);
      expect(segmenter.classes).toBe(3);
      await segmenter.close();
    }
  });

  test('has no features of it, which stops no map', async () => {
    const folder = await saveLayersModel(chain(conv(4, 1), layers.dropout({ rate: 0.5 }), conv(3, 2)));
    const segmenter = await createSegmenter({ model: folder, draws: 0, seed: SEED, workers: 1, size: SIZE });
    const map = segmenter.predict(frame('1'));
    const described = segmenter.describe(frame('1'));
    await expect(described).rejects.toThrow(UserError);
    await expect(described).rejects.toThrow(
      /model\.json: features of frames need a network of viewal's own: .* got a TensorFlow\.js model\.$/,
    );
    expect(await map).toEqual(await predict(folder, 0, frame('1')));
    await segmenter.close();
  });

  test('refuses a network without dropout before the first frame, for the user to read', async () => {
    const folder = await saveLayersModel(chain(conv(3, 1)));
    const refused = createSegmenter({ model: folder, draws: 2, seed: SEED, workers: 2, size: SIZE });
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow('the network has no active dropout');
  });
});
