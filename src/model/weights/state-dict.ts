import { Malformed } from './formats/malformed.js';
import { readTransposed, type StoredTensor, type StoredTensors } from './formats/stored-tensor.js';
import type { SourceLayer } from './source-layer.js';

/** How a PyTorch project names MobileNetV2's tensors, and what it feeds the network. */
interface Naming {
  readonly project: string;
  /** Names of the convolution and of its batch norm, in the order in which they run. */
  readonly layers: readonly (readonly [conv: string, norm: string])[];
  readonly classifier: string;
  readonly epsilon: number;
  /** Mean and deviation, by channel, that colours in [0, 1] are normalised with. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;
/** Colour / 127.5 − 1, as here. */
const SYMMETRIC = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const;
/** Inverted residuals a stage (MobileNetV2, table 2). */
const STAGES = [1, 2, 3, 4, 3, 3, 1] as const;
const BLOCKS = 17;

const TORCHVISION: Naming = {
  project: 'torchvision',
  layers: [
    ['features.0.0', 'features.0.1'],
    ...Array.from({ length: BLOCKS }, (_, block) =>
      torchvisionBlock(`features.${block + 1}.conv`, block),
    ).flat(),
    ['features.18.0', 'features.18.1'],
  ],
  classifier: 'classifier.1',
  epsilon: 1e-5,
  ...IMAGENET,
};

const TIMM: Naming = {
  project: 'timm',
  layers: [
    ['conv_stem', 'bn1'],
    ...STAGES.flatMap((count, stage) =>
      Array.from({ length: count }, (_, i) => timmBlock(`blocks.${stage}.${i}`, stage)).flat(),
    ),
    ['conv_head', 'bn2'],
  ],
  classifier: 'classifier',
  epsilon: 1e-5,
  ...IMAGENET,
};

const TRANSFORMERS: Naming = {
  project: 'transformers',
  layers: [
    ...['first_conv', 'conv_3x3', 'reduce_1x1'].map((name) => `mobilenet_v2.conv_stem.${name}`),
    ...Array.from({ length: BLOCKS - 1 }, (_, i) =>
      ['expand_1x1', 'conv_3x3', 'reduce_1x1'].map((name) => `mobilenet_v2.layer.${i}.${name}`),
    ).flat(),
    'mobilenet_v2.conv_1x1',
  ].map((name) => [`${name}.convolution`, `${name}.normalization`] as const),
  classifier: 'classifier',
  epsilon: 1e-3,
  ...SYMMETRIC,
};

const NAMINGS = [TORCHVISION, TIMM, TRANSFORMERS];

function torchvisionBlock(name: string, block: number): (readonly [string, string])[] {
  if (block === 0) return [[`${name}.0.0`, `${name}.0.1`] as const, [`${name}.1`, `${name}.2`] as const];
  return [
    [`${name}.0.0`, `${name}.0.1`],
    [`${name}.1.0`, `${name}.1.1`],
    [`${name}.2`, `${name}.3`],
  ];
}

function timmBlock(name: string, stage: number): (readonly [string, string])[] {
  const names = stage === 0 ? ['conv_dw', 'conv_pw'] : ['conv_pw', 'conv_dw', 'conv_pwl'];
  return names.map((conv, i) => [`${name}.${conv}`, `${name}.bn${i + 1}`] as const);
}

/** Layers from a PyTorch state dictionary: filters [out, in, k, k], depthwise [C, 1, k, k]. */
export function layersOfStateDict(tensors: StoredTensors): { layers: SourceLayer[]; project: string } {
  const naming = NAMINGS.find(({ layers }) => tensors.has(`${layers[0][0]}.weight`));
  if (naming === undefined) {
    throw new Malformed(
      `it has none of ${NAMINGS.map(({ layers }) => `${layers[0][0]}.weight`).join(', ')}, by which MobileNetV2 of torchvision, timm or transformers is known`,
    );
  }
  const layers = naming.layers.flatMap(([conv, norm], i) =>
    // The last one belongs to the classifier, which files of the backbone alone lack.
    i === naming.layers.length - 1 && !tensors.has(`${conv}.weight`)
      ? []
      : [convolution(tensors, conv, norm, naming.epsilon)],
  );
  layers[0] = forSymmetricColours(layers[0], naming);
  if (layers.length === naming.layers.length && tensors.has(`${naming.classifier}.weight`)) {
    layers.push(denseLayer(tensors, naming.classifier));
  }
  return { layers, project: naming.project };
}

function convolution(tensors: StoredTensors, conv: string, norm: string, epsilon: number): SourceLayer {
  const name = `${conv}.weight`;
  const filters = required(tensors, name, 4);
  const isDepthwise = filters.shape[1] === 1;
  return {
    name,
    weights: readTransposed(filters, isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]),
    norm: {
      kind: 'batchNorm',
      scale: required(tensors, `${norm}.weight`, 1).read(),
      offset: required(tensors, `${norm}.bias`, 1).read(),
      mean: required(tensors, `${norm}.running_mean`, 1).read(),
      variance: required(tensors, `${norm}.running_var`, 1).read(),
      epsilon,
    },
  };
}

function denseLayer(tensors: StoredTensors, layer: string): SourceLayer {
  const name = `${layer}.weight`;
  const { shape, read } = required(tensors, name, 2);
  const weights = readTransposed({ shape: [shape[0], shape[1], 1, 1], read }, [2, 3, 1, 0]);
  return { name, weights, norm: { kind: 'bias', bias: required(tensors, `${layer}.bias`, 1).read() } };
}

function required(tensors: StoredTensors, name: string, rank: number): StoredTensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Malformed(`it lacks tensor ${name}`);
  if (tensor.shape.length !== rank) {
    throw new Malformed(`tensor ${name} has shape [${tensor.shape}] where ${rank} axes were expected`);
  }
  return tensor;
}

/**
 * The first layer for colours in [−1, 1]. A colour u that we feed is ((u + 1)/2 − mean)/deviation to the
 * project: the factor 1/(2·deviation) goes into the filters, and what the constant (½ − mean)/deviation adds to
 * every sum comes off the running mean. Exact but for the outermost pixel, where padding is grey to us and the mean
 * colour to them.
 */
function forSymmetricColours(layer: SourceLayer, { mean, deviation }: Naming): SourceLayer {
  const { weights, norm } = layer;
  const [, , inputs, outputs] = weights.shape;
  if (inputs !== 3 || norm.kind !== 'batchNorm') return layer;
  const data = new Float32Array(weights.data.length);
  const shifted = Float64Array.from(norm.mean);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / outputs) % inputs;
    data[i] = weights.data[i] / (2 * deviation[channel]);
    shifted[i % outputs] -= (weights.data[i] * (0.5 - mean[channel])) / deviation[channel];
  }
  return {
    ...layer,
    weights: { shape: weights.shape, data },
    norm: { ...norm, mean: Float32Array.from(shifted) },
  };
}
