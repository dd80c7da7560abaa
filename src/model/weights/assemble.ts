import { BATCH_NORM_EPSILON, parameterSpecs } from '../deeplab.js';
import type { HostTensor } from '../network.js';
import { BACKBONE_WIDTHS, type Backbone, type BackboneWidth, type ImageClassifier } from './backbone.js';
import { Malformed } from './formats/malformed.js';
import type { SourceLayer } from './source-layer.js';

interface Assembled extends Pick<Backbone, 'width' | 'tensors' | 'batchNorm'> {
  readonly classifier: ImageClassifier | undefined;
}

/** Channels of the last block at width 1; no two widths in use share the number. */
const LAST_CHANNELS = 320;

/**
 * Makes a backbone of a file's layers, checking every shape and number.
 *
 * @param layers in the order in which they run: the backbone's, then, where the file has them, the last 1×1
 *   convolution and the classifier
 * @throws Malformed naming the tensor that does not fit
 */
export function assemble(layers: readonly SourceLayer[]): Assembled {
  const names = backboneSpecs(1)
    .filter(({ role }) => role === 'weights')
    .map(({ name }) => name.slice(0, -'/weights'.length));
  if (layers.length < names.length) {
    throw new Malformed(
      `it has ${layers.length} convolutions where MobileNetV2's backbone has ${names.length}`,
    );
  }
  const width = widthOf(layers[names.length - 1]);
  const shapes = new Map(backboneSpecs(width).map(({ name, shape }) => [name, shape]));
  const tensors = new Map<string, HostTensor>();
  names.forEach((name, i) => {
    const layer = layers[i];
    const expected = shapes.get(`${name}/weights`)!;
    if (`${layer.weights.shape}` !== `${expected}`) {
      throw new Malformed(
        `${layer.name} has shape [${layer.weights.shape}] where ${name} of width ${width} needs [${expected}]`,
      );
    }
    addLayer(tensors, name, layer);
  });
  const trunk = layers.slice(0, names.length);
  return {
    width,
    tensors,
    batchNorm: trunk.every(({ norm }) => norm.kind === 'batchNorm') ? 'kept' : 'folded',
    classifier: classifierOf(layers.slice(names.length), layers[names.length - 1].weights.shape[3]),
  };
}

/** The backbone's part of `parameterSpecs`. */
export function backboneSpecs(width: BackboneWidth) {
  return parameterSpecs({ width, head: 'slim', classes: 2 }).filter(({ name }) =>
    name.startsWith('backbone/'),
  );
}

function widthOf({ name, weights }: SourceLayer): BackboneWidth {
  const channels = weights.shape.at(-1)!;
  const width = BACKBONE_WIDTHS.find((w) => Math.round(LAST_CHANNELS * w) === channels);
  if (width === undefined) {
    throw new Malformed(
      `its last block (${name}) has ${channels} channels, where MobileNetV2 has 320 at width 1 and 112 at width 0.35, the widths that fit`,
    );
  }
  return width;
}

function addLayer(tensors: Map<string, HostTensor>, target: string, layer: SourceLayer): void {
  const { name, weights } = layer;
  const channels = target.endsWith('/depthwise') ? weights.shape[2] : weights.shape[3];
  requireLengths(layer, channels);
  requireFinite(name, 'filters', weights.data);
  tensors.set(`${target}/weights`, weights);
  for (const [role, data] of Object.entries(batchNormOf(layer, channels))) {
    requireFinite(name, role, data);
    tensors.set(`${target}/${role}`, { shape: [channels], data });
  }
}

function requireLengths({ name, norm }: SourceLayer, channels: number): void {
  for (const [role, vector] of Object.entries(norm)) {
    if (vector instanceof Float32Array && vector.length !== channels) {
      throw new Malformed(`${name} has ${channels} channels and a ${role} of ${vector.length}`);
    }
  }
}

/**
 * The batch norm with our ε. Files with another differ in the scale, not in the variance: scale/√(variance + ε)
 * is then the same number at inference, and in training too wherever a batch varies as the running variance says.
 */
function batchNormOf({ name, norm }: SourceLayer, channels: number) {
  if (norm.kind === 'bias') {
    return {
      scale: new Float32Array(channels).fill(1),
      offset: norm.bias,
      mean: new Float32Array(channels),
      variance: new Float32Array(channels).fill(1 - BATCH_NORM_EPSILON),
    };
  }
  const { offset, mean, variance, epsilon } = norm;
  if (variance.some((v) => v < 0)) throw new Malformed(`${name} is followed by a negative variance`);
  const scale = norm.scale.map(
    (s, c) => s * Math.sqrt((variance[c] + BATCH_NORM_EPSILON) / (variance[c] + epsilon)),
  );
  return { scale, offset, mean, variance };
}

function requireFinite(name: string, role: string, data: Float32Array): void {
  if (!data.every(Number.isFinite)) throw new Malformed(`the ${role} of ${name} are not all finite numbers`);
}

/** Undefined where the file ends with the backbone or goes on in another way. */
function classifierOf(rest: readonly SourceLayer[], channels: number): ImageClassifier | undefined {
  const [top, dense] = rest;
  if (top === undefined || dense === undefined || dense.norm.kind !== 'bias') return undefined;
  const [inputs, outputs] = [dense.weights.shape[2], dense.weights.shape[3]];
  const fits =
    top.weights.shape[2] === channels &&
    top.weights.shape[3] === inputs &&
    dense.norm.bias.length === outputs;
  if (!fits) return undefined;
  const tensors = new Map<string, HostTensor>();
  addLayer(tensors, 'top', top);
  tensors.set('classifier/weights', dense.weights);
  tensors.set('classifier/bias', { shape: [outputs], data: dense.norm.bias });
  return tensors;
}
