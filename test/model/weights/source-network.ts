import { BATCH_NORM_EPSILON } from '../../../src/model/deeplab.js';
import type { HostTensor, Network } from '../../../src/model/network.js';
import { randomValues, trainedLookingNetwork } from '../support.js';

/** A convolution of a made-up network, in our layout, with our ε. */
export interface TestLayer {
  /** `backbone/stem`, `backbone/b3/expand` …, `top`. */
  readonly target: string;
  readonly isDepthwise: boolean;
  readonly weights: HostTensor;
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

export interface TestNetwork {
  readonly network: Network;
  readonly layers: readonly TestLayer[];
  readonly classifier: { readonly weights: HostTensor; readonly bias: Float32Array };
}

const TOP_CHANNELS = 24;
const CLASSES = 5;

/** A narrow network with random weights and statistics, with a classifier after its backbone. */
export function testNetwork(): TestNetwork {
  const network = trainedLookingNetwork(2);
  const data = (name: string) => network.tensors.get(name)!.data;
  const targets = [...network.tensors.keys()]
    .filter((name) => name.startsWith('backbone/') && name.endsWith('/weights'))
    .map((name) => name.slice(0, -'/weights'.length));
  const layers = targets.map((target) => ({
    target,
    isDepthwise: target.endsWith('/depthwise'),
    weights: network.tensors.get(`${target}/weights`)!,
    scale: data(`${target}/scale`),
    offset: data(`${target}/offset`),
    mean: data(`${target}/mean`),
    variance: data(`${target}/variance`),
  }));
  const last = layers.at(-1)!.weights.shape[3];
  const vector = (seed: number, from: number) => randomValues(TOP_CHANNELS, seed).map((v) => from + 0.3 * v);
  const top = {
    target: 'top',
    isDepthwise: false,
    weights: { shape: [1, 1, last, TOP_CHANNELS], data: randomValues(last * TOP_CHANNELS, 41) },
    scale: vector(42, 1),
    offset: vector(43, 0),
    mean: vector(44, 0),
    variance: vector(45, 1),
  };
  return {
    network,
    layers: [...layers, top],
    classifier: {
      weights: { shape: [1, 1, TOP_CHANNELS, CLASSES], data: randomValues(TOP_CHANNELS * CLASSES, 46) },
      bias: randomValues(CLASSES, 47),
    },
  };
}

/** Filters and bias with the batch norm in them. */
export function fold(layer: TestLayer): { weights: HostTensor; bias: Float32Array } {
  const { weights, scale, offset, mean, variance } = layer;
  const factors = scale.map((s, c) => s / Math.sqrt(variance[c]! + BATCH_NORM_EPSILON));
  return {
    weights: { ...weights, data: weights.data.map((w, i) => w * factors[i % factors.length]!) },
    bias: offset.map((o, c) => o - mean[c]! * factors[c]!),
  };
}
