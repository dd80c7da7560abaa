import type { HostTensor } from '../../../src/model/network.js';
import { fold, type TestLayer, type TestNetwork } from './source-network.js';

/** Names of the convolution and of its batch norm in Keras Applications. */
export function kerasNames(target: string): [conv: string, norm: string] {
  if (target === 'backbone/stem') return ['Conv1', 'bn_Conv1'];
  if (target === 'top') return ['Conv_1', 'Conv_1_bn'];
  const [, block, part] = target.split('/');
  const prefix = block === 'b0' ? 'expanded_conv' : `block_${block!.slice(1)}`;
  return [`${prefix}_${part}`, `${prefix}_${part}_BN`];
}

const vector = (data: Float32Array): HostTensor => ({ shape: [data.length], data });

/** The variables of a Keras MobileNetV2, by `layer/variable`. */
export function kerasVariables(
  { layers, classifier }: TestNetwork,
  batchNorm: 'kept' | 'folded',
): Map<string, HostTensor> {
  const variables = new Map<string, HostTensor>();
  for (const layer of layers) {
    const [conv, norm] = kerasNames(layer.target);
    const kernel = `${conv}/${layer.isDepthwise ? 'depthwise_kernel' : 'kernel'}`;
    if (batchNorm === 'folded') {
      const { weights, bias } = fold(layer);
      variables.set(kernel, weights).set(`${conv}/bias`, vector(bias));
    } else {
      variables
        .set(kernel, layer.weights)
        .set(`${norm}/gamma`, vector(layer.scale))
        .set(`${norm}/beta`, vector(layer.offset))
        .set(`${norm}/moving_mean`, vector(layer.mean))
        .set(`${norm}/moving_variance`, vector(layer.variance));
    }
  }
  const { weights, bias } = classifier;
  variables.set('predictions/kernel', { shape: weights.shape.slice(2), data: weights.data });
  return variables.set('predictions/bias', vector(bias));
}

type Quantised = 'float32' | 'float16' | 'uint8' | 'uint16';

export interface TfjsModel {
  readonly json: Record<string, unknown>;
  readonly shards: ReadonlyMap<string, Buffer>;
}

/** A TensorFlow.js LayersModel: its model.json and three shards, cut without regard to the weights' ends. */
export function layersModel(
  variables: ReadonlyMap<string, HostTensor>,
  type: Quantised = 'float32',
): TfjsModel {
  return {
    json: {
      format: 'layers-model',
      modelTopology: {
        keras_version: '2.15.0',
        model_config: { class_name: 'Functional', config: { layers: [] } },
      },
      ...manifest(variables, type),
    },
    shards: manifest(variables, type).shards,
  };
}

/** A TensorFlow.js GraphModel: a chain of nodes, listed backwards since their order means nothing. */
export function graphModel({ layers, classifier }: TestNetwork, batchNorm: 'kept' | 'folded'): TfjsModel {
  const constants = new Map<string, HostTensor>();
  const nodes: { name: string; op: string; input: string[]; attr?: object }[] = [
    { name: 'x', op: 'Placeholder', input: [] },
  ];
  const constant = (name: string, tensor: HostTensor) => {
    constants.set(name, tensor);
    nodes.push({ name, op: 'Const', input: [] });
    return name;
  };
  let x = 'x';
  const add = (name: string, op: string, inputs: string[], attr?: object) => {
    nodes.push({ name, op, input: [`${x}:0`, ...inputs], ...(attr ? { attr } : {}) });
    x = name;
  };
  layers.forEach((layer, i) => {
    const name = `node${i}`;
    const op = layer.isDepthwise ? 'DepthwiseConv2dNative' : 'Conv2D';
    if (batchNorm === 'folded') {
      const { weights, bias } = fold(layer);
      const fused = layer.isDepthwise ? 'FusedDepthwiseConv2dNative' : '_FusedConv2D';
      // Both ways to add a bias: within the fused node, and after the plain one.
      const inputs = [constant(`${name}/w`, weights)];
      if (i % 2 === 0) add(name, fused, [...inputs, constant(`${name}/b`, vector(bias))]);
      else {
        add(name, op, inputs);
        add(`${name}/bias`, 'BiasAdd', [constant(`${name}/b`, vector(bias))]);
      }
    } else {
      add(name, op, [constant(`${name}/w`, layer.weights)]);
      const norm = ['scale', 'offset', 'mean', 'variance'] as const;
      add(
        `${name}/bn`,
        'FusedBatchNormV3',
        norm.map((role) => constant(`${name}/${role}`, vector(layer[role]))),
        { epsilon: { f: 1e-3 } },
      );
    }
    add(`${name}/relu`, 'Relu6', []);
  });
  add('pool', 'Mean', []);
  const { weights, bias } = classifier;
  add('logits', '_FusedMatMul', [
    constant('logits/w', { shape: weights.shape.slice(2), data: weights.data }),
    constant('logits/b', vector(bias)),
  ]);
  const { shards, ...listed } = manifest(constants, 'float32');
  return { json: { format: 'graph-model', modelTopology: { node: nodes.reverse() }, ...listed }, shards };
}

function manifest(variables: ReadonlyMap<string, HostTensor>, type: Quantised) {
  const parts: Buffer[] = [];
  const weights = [...variables].map(([name, { shape, data }]) => {
    const { bytes, quantization } = quantise(data, type);
    parts.push(bytes);
    return { name, shape, dtype: 'float32', ...(quantization ? { quantization } : {}) };
  });
  const bytes = Buffer.concat(parts);
  const paths = ['group1-shard1of3.bin', 'group1-shard2of3.bin', 'group1-shard3of3.bin'];
  const cuts = [0, Math.floor(bytes.length / 3) + 1, Math.floor(bytes.length / 2) + 1, bytes.length];
  const shards = new Map(paths.map((path, i) => [path, bytes.subarray(cuts[i], cuts[i + 1])]));
  return { weightsManifest: [{ paths, weights }], shards };
}

function quantise(data: Float32Array, type: Quantised): { bytes: Buffer; quantization?: object } {
  if (type === 'float32') return { bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
  if (type === 'float16') {
    const halves = Uint16Array.from(data, toHalf);
    return { bytes: Buffer.from(halves.buffer), quantization: { dtype: 'float16' } };
  }
  const min = Math.min(...data);
  const steps = type === 'uint8' ? 255 : 65535;
  const scale = (Math.max(...data) - min) / steps || 1;
  const codes = Array.from(data, (v) => Math.round((v - min) / scale));
  const stored = type === 'uint8' ? Uint8Array.from(codes) : Uint16Array.from(codes);
  return { bytes: Buffer.from(stored.buffer), quantization: { dtype: type, scale, min } };
}

/** The nearest binary16 of a number of ordinary size, by its definition. */
export function toHalf(value: number): number {
  const size = Math.abs(value);
  if (size < 2 ** -14) return (value < 0 ? 0x8000 : 0) + Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  const mantissa = Math.round((size / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) + ((exponent + 15) << 10) + mantissa;
}

export type { TestLayer };
