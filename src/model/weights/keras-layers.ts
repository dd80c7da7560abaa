import { Malformed } from './formats/malformed.js';
import { readTransposed, type StoredTensor, type StoredTensors } from './formats/stored-tensor.js';
import type { SourceLayer, SourceNorm } from './source-layer.js';

/** What Keras Applications builds MobileNetV2 with. */
const KERAS_EPSILON = 1e-3;
const BLOCKS = 17;

/** Names of a convolution and of its batch norm, in the order in which they run (keras.applications.mobilenet_v2). */
const CONVOLUTIONS: readonly (readonly [conv: string, norm: string])[] = [
  ['Conv1', 'bn_Conv1'],
  ...Array.from({ length: BLOCKS }, (_, block) => {
    const name = block === 0 ? 'expanded_conv' : `block_${block}`;
    const parts = block === 0 ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project'];
    return parts.map((part) => [`${name}_${part}`, `${name}_${part}_BN`] as const);
  }).flat(),
];
const TOP = ['Conv_1', 'Conv_1_bn'] as const;
/** The dense layer's name has changed over the versions. */
const CLASSIFIERS = ['predictions', 'Logits'] as const;
const KNOWN: ReadonlySet<string> = new Set([...CONVOLUTIONS.flat(), ...TOP, ...CLASSIFIERS]);

/** Variables of each layer. */
type Variables = ReadonlyMap<string, ReadonlyMap<string, StoredTensor>>;

/**
 * Layers from the variables of a Keras model, by the names of Keras Applications: filters [k, k, in, out],
 * depthwise [k, k, C, 1]; batch norm gamma, beta, moving_mean, moving_variance, or a bias where it was folded in.
 *
 * @param tensors by path, such as `Conv1/kernel`, `Conv1/Conv1_1/kernel:0`, `model_weights/bn_Conv1/…/gamma:0`, or
 *   as Keras 3 numbers them, `layers/conv2d_4/vars/0`
 * @param epsilons of batch norms where the file says so, by layer
 */
export function layersOfKeras(
  tensors: StoredTensors,
  epsilons: ReadonlyMap<string, number> = new Map(),
): SourceLayer[] {
  const variables = tensors.has('layers/conv2d/vars/0') ? byNumber(tensors) : byName(tensors);
  const layers = CONVOLUTIONS.map(([conv, norm]) => convolution(variables, conv, norm, epsilons));
  if (variables.has(TOP[0])) {
    layers.push(convolution(variables, ...TOP, epsilons));
    const classifier = CLASSIFIERS.find((name) => variables.has(name));
    if (classifier !== undefined) layers.push(dense(variables, classifier));
  }
  return layers;
}

/** Groups in which files keep the state of the optimiser, by the names of the variables that it belongs to. */
const OPTIMISER_GROUPS: ReadonlySet<string> = new Set(['optimizer_weights', 'optimizer']);

/** The layer is the first part of the path that is a known name, the variable the last. */
function byName(tensors: StoredTensors): Variables {
  const variables = new Map<string, Map<string, StoredTensor>>();
  for (const [path, tensor] of tensors) {
    const parts = path.split('/');
    if (parts.some((part) => OPTIMISER_GROUPS.has(part))) continue;
    const layer = parts.find((part) => KNOWN.has(part));
    const variable = parts.at(-1)!.replace(/:\d+$/, '');
    if (layer === undefined) continue;
    const own = variables.get(layer) ?? new Map<string, StoredTensor>();
    if (own.has(variable)) throw new Malformed(`it has ${layer}/${variable} twice`);
    variables.set(layer, own.set(variable, tensor));
  }
  return variables;
}

/** Keras 3 calls layers by their kind and number within it, and variables by their number. */
function byNumber(tensors: StoredTensors): Variables {
  const variables = new Map<string, Map<string, StoredTensor>>();
  const counts = new Map<string, number>();
  const take = (layer: string, kind: string, names: readonly string[]) => {
    const count = counts.get(kind) ?? 0;
    const path = `layers/${count === 0 ? kind : `${kind}_${count}`}/vars`;
    const stored = names.flatMap((name, i) => {
      const tensor = tensors.get(`${path}/${i}`);
      return tensor === undefined ? [] : ([[name, tensor]] as const);
    });
    if (stored.length === 0) return;
    counts.set(kind, count + 1);
    variables.set(layer, new Map(stored));
  };
  for (const [conv, norm] of [...CONVOLUTIONS, TOP]) {
    take(conv, conv.endsWith('depthwise') ? 'depthwise_conv2d' : 'conv2d', ['kernel', 'bias']);
    take(norm, 'batch_normalization', ['gamma', 'beta', 'moving_mean', 'moving_variance']);
  }
  take(CLASSIFIERS[0], 'dense', ['kernel', 'bias']);
  return variables;
}

function convolution(
  variables: Variables,
  conv: string,
  norm: string,
  epsilons: ReadonlyMap<string, number>,
): SourceLayer {
  // Keras 3 calls the filters of both kinds the same.
  const isOwnName = variables.get(conv)?.has('depthwise_kernel') === true;
  const kernel = isOwnName ? 'depthwise_kernel' : 'kernel';
  const filters = required(variables, conv, kernel, 4);
  const bias = variables.get(conv)?.get('bias');
  return {
    name: `${conv}/${kernel}`,
    weights: { shape: filters.shape, data: filters.read() },
    norm: variables.has(norm) ? batchNorm(variables, norm, epsilons.get(norm), bias) : biasOf(conv, bias),
  };
}

function batchNorm(
  variables: Variables,
  layer: string,
  epsilon = KERAS_EPSILON,
  bias: StoredTensor | undefined,
): SourceNorm {
  const vector = (name: string) => required(variables, layer, name, 1).read();
  const mean = vector('moving_mean');
  // A bias before a batch norm only shifts what it takes as the mean.
  bias?.read().forEach((b, c) => {
    mean[c] -= b;
  });
  return {
    kind: 'batchNorm',
    scale: vector('gamma'),
    offset: vector('beta'),
    mean,
    variance: vector('moving_variance'),
    epsilon,
  };
}

function biasOf(conv: string, bias: StoredTensor | undefined): SourceNorm {
  if (bias === undefined) throw new Malformed(`layer ${conv} has neither a batch norm nor a bias`);
  return { kind: 'bias', bias: bias.read() };
}

function dense(variables: Variables, layer: string): SourceLayer {
  const { shape, read } = required(variables, layer, 'kernel', 2);
  return {
    name: `${layer}/kernel`,
    weights: readTransposed({ shape: [1, 1, ...shape], read }, [0, 1, 2, 3]),
    norm: { kind: 'bias', bias: required(variables, layer, 'bias', 1).read() },
  };
}

function required(variables: Variables, layer: string, variable: string, rank: number): StoredTensor {
  const tensor = variables.get(layer)?.get(variable);
  if (tensor === undefined) throw new Malformed(`it lacks ${layer}/${variable}`);
  if (tensor.shape.length !== rank) {
    throw new Malformed(`${layer}/${variable} has shape [${tensor.shape}] where ${rank} axes were expected`);
  }
  return tensor;
}
