import * as tf from '@tensorflow/tfjs-core';

/**
 * DeepLabv3+ (Chen et al. 2018) on MobileNetV2 (Sandler et al. 2018) at output stride 16, the network of the
 * paper's experiments, with separable convolutions in the ASPP and the decoder as the DeepLab authors advise.
 */
export interface DeepLabConfig {
  /** Multiplier of the backbone's channels. */
  readonly width: 0.35 | 1;
  /** Channels of ASPP, decoder and low-level features: full 256, 256, 48; slim 128, 64, 24. */
  readonly head: 'slim' | 'full';
  /** At least 2. */
  readonly classes: number;
}

/**
 * Chance that a channel is dropped, in training and in MC dropout: on the backbone's output and on the low-level
 * features, where the published code has its `Dropout2d`. Nothing before or after is random.
 */
export const DROPOUT_RATE = 0.25;

export const BATCH_NORM_EPSILON = 1e-3;

const ATROUS_RATES = [6, 12, 18] as const;

/** The layer that sees the image. */
export const STEM = 'backbone/stem';

export type Activation = 'linear' | 'relu' | 'relu6';

/**
 * The layers that the graph is made of. Training computes them with batch statistics and gradients, inference
 * with the batch norm folded into the weights; the graph below is the same.
 *
 * Where a layer takes several inputs it acts on their concatenation along the channels. Being linear, it is the
 * sum of its parts over slices of the weights, so nothing needs to be concatenated; an input of 1×1 pixels
 * counts as constant over the image.
 */
export interface Layers {
  /** Convolution, batch norm, activation. Padded by (k−1)/2 on every side; stride 2 samples even pixels. */
  conv(name: string, inputs: readonly tf.Tensor4D[], stride: 1 | 2, activation: Activation): tf.Tensor4D;
  /** 3×3 depthwise convolution, batch norm, activation. */
  depthwise(
    name: string,
    x: tf.Tensor4D,
    stride: 1 | 2,
    dilation: number,
    activation: Activation,
  ): tf.Tensor4D;
  /** 3×3 depthwise convolution alone, of each input with its share of the filters. */
  filter(name: string, inputs: readonly tf.Tensor4D[], dilation: number): tf.Tensor4D[];
  /** 1×1 convolution and bias. */
  linear(name: string, x: tf.Tensor4D): tf.Tensor4D;
}

/** What the deterministic part of the network hands to the stochastic part. */
export interface Features {
  /** Backbone output at stride 16 [N, h, w, C], its three atrous filterings, and its mean [N, 1, 1, C]. */
  readonly high: readonly tf.Tensor4D[];
  /** Low-level features at stride 4 [N, H/4, W/4, C']. */
  readonly low: tf.Tensor4D;
}

/** Factors for the channels, 0 or 1/(1 − rate): [N, 1, 1, C] each. */
export interface DropoutMasks {
  readonly high: tf.Tensor4D;
  readonly low: tf.Tensor4D;
}

/** What the backbone makes of images. */
export interface BackboneOutput {
  /** At stride 16 [N, h, w, C]. */
  readonly high: tf.Tensor4D;
  /** At stride 4 [N, H/4, W/4, C']. */
  readonly low: tf.Tensor4D;
}

/**
 * The deterministic part: backbone, and of the ASPP whatever acts on each channel by itself. Dropping whole
 * channels commutes with that, so `decode` may drop afterwards: one call here serves any number of draws.
 *
 * @param x [N, H, W, 3], colour / 127.5 − 1; any H and W
 */
export function features(layers: Layers, config: DeepLabConfig, x: tf.Tensor4D): Features {
  return context(layers, backbone(layers, config, x));
}

/** MobileNetV2, the part of the network whose weights may come pretrained. */
export function backbone(layers: Layers, config: DeepLabConfig, x: tf.Tensor4D): BackboneOutput {
  let y = layers.conv(STEM, [x], 2, 'relu6');
  let low = y;
  for (const block of backboneBlocks(config)) {
    y = invertedResidual(layers, block, y);
    if (block.isLowLevel) low = y;
  }
  return { high: y, low };
}

/** Of the ASPP, whatever acts on each channel by itself. */
export function context(layers: Layers, { high, low }: BackboneOutput): Features {
  const filtered = ATROUS_RATES.flatMap((rate) => layers.filter(`aspp/rate${rate}/depthwise`, [high], rate));
  return { high: [high, ...filtered, tf.mean<tf.Tensor4D>(high, [1, 2], true)], low };
}

/**
 * The stochastic part, all but the classifier: dropout, the rest of the ASPP, decoder.
 *
 * @param masks dropout off if not given
 * @returns the decoder's last feature maps [N, ⌈H/4⌉, ⌈W/4⌉, 64], of the full head 256
 */
export function decode(layers: Layers, { high, low }: Features, masks?: DropoutMasks): tf.Tensor4D {
  const drop = (x: tf.Tensor4D, mask: tf.Tensor4D | undefined) => (mask ? tf.mul<tf.Tensor4D>(x, mask) : x);
  const branches = ASPP_BRANCHES.map((name, i) => layers.conv(name, [drop(high[i], masks?.high)], 1, 'relu'));
  const pooled = layers.conv('aspp/project', branches, 1, 'relu');
  const detail = layers.conv('decoder/low', [drop(low, masks?.low)], 1, 'relu');
  const [, height, width] = detail.shape;
  const y = separable(layers, 'decoder/refine1', [upsample4(pooled, height, width), detail]);
  return separable(layers, 'decoder/refine2', [y]);
}

/** The whole stochastic part: logits [N, ⌈H/4⌉, ⌈W/4⌉, classes]. */
export function logits(layers: Layers, of: Features, masks?: DropoutMasks): tf.Tensor4D {
  return layers.linear('classifier', decode(layers, of, masks));
}

const ASPP_BRANCHES = [
  'aspp/point',
  ...ATROUS_RATES.map((rate) => `aspp/rate${rate}/point`),
  'aspp/pool',
] as const;

function separable(layers: Layers, name: string, inputs: readonly tf.Tensor4D[]): tf.Tensor4D {
  return layers.conv(`${name}/point`, layers.filter(`${name}/depthwise`, inputs, 1), 1, 'relu');
}

function invertedResidual(layers: Layers, block: Block, x: tf.Tensor4D): tf.Tensor4D {
  const { name, input, expanded, output, stride, dilation } = block;
  let y = x;
  if (expanded !== input) y = layers.conv(`${name}/expand`, [y], 1, 'relu6');
  y = layers.depthwise(`${name}/depthwise`, y, stride, dilation, 'relu6');
  y = layers.conv(`${name}/project`, [y], 1, 'linear');
  return stride === 1 && input === output ? tf.add(x, y) : y;
}

/**
 * Bilinear upsampling by 4, cropped to height × width. Pixel i of the small image lies at pixel 4i of the large
 * one, which is where the strided convolutions took it from; the published code stretches corner to corner
 * instead, which moves the right and lower edge by up to 3 pixels in 4.
 */
export function upsample4(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  const [batch, h, w, channels] = x.shape;
  const large = tf.image.resizeBilinear(x, [4 * h, 4 * w], false, false);
  if (4 * h === height && 4 * w === width) return large;
  return tf.slice(large, [0, 0, 0, 0], [batch, height, width, channels]);
}

/** One inverted residual of MobileNetV2, with its numbers of channels. */
interface Block {
  readonly name: string;
  readonly input: number;
  readonly expanded: number;
  readonly output: number;
  readonly stride: 1 | 2;
  readonly dilation: number;
  /** Whether its output is the decoder's low-level features. */
  readonly isLowLevel: boolean;
}

/** MobileNetV2, table 2: expansion, channels, blocks, stride of the first block. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;
const STEM_CHANNELS = 32;
const OUTPUT_STRIDE = 16;
const LOW_LEVEL_BLOCK = 2;

/** Channels by width, in multiples of 8 and never a tenth less than asked, as the MobileNetV2 authors round them. */
function scaled(channels: number, width: number): number {
  const rounded = Math.max(8, Math.floor((channels * width + 4) / 8) * 8);
  return rounded < 0.9 * channels * width ? rounded + 8 : rounded;
}

function backboneBlocks({ width }: DeepLabConfig): Block[] {
  const blocks: Block[] = [];
  let input = scaled(STEM_CHANNELS, width);
  let reached = 2;
  let rate = 1;
  for (const [expansion, channels, count, stageStride] of STAGES) {
    // Past the output stride, what would have been a stride becomes the dilation of the stages after it.
    const isDilated = reached === OUTPUT_STRIDE;
    const stride = isDilated ? 1 : stageStride;
    const dilation = isDilated ? rate : 1;
    if (isDilated) rate *= stageStride;
    else reached *= stageStride;
    const output = scaled(channels, width);
    for (let i = 0; i < count; i++) {
      const index = blocks.length;
      blocks.push({
        name: `backbone/b${index}`,
        input,
        expanded: input * expansion,
        output,
        stride: i === 0 ? stride : 1,
        dilation,
        isLowLevel: index === LOW_LEVEL_BLOCK,
      });
      input = output;
    }
  }
  return blocks;
}

/** Numbers of channels of the features that dropout acts on. */
export function featureChannels(config: DeepLabConfig): { readonly high: number; readonly low: number } {
  const blocks = backboneBlocks(config);
  return { high: blocks.at(-1)!.output, low: blocks[LOW_LEVEL_BLOCK].output };
}

/** One tensor of a network. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** `mean` and `variance` are the batch norm's running statistics; all others are learnt. */
  readonly role: 'weights' | 'scale' | 'offset' | 'bias' | 'mean' | 'variance';
  /** Inputs that one output sums over. */
  readonly fanIn: number;
  /** 2 before a rectifier, which halves the variance, else 1. */
  readonly gain: number;
}

/** Whether a tensor, or a layer, is the backbone's. */
export function isBackbone(name: string): boolean {
  return name.startsWith('backbone/');
}

/** Every tensor of the network, in the order of the graph. Filters are [k, k, in, out], depthwise [3, 3, C, 1]. */
export function parameterSpecs(config: DeepLabConfig): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  const { aspp, decoder, low } = HEADS[config.head];
  const add = (name: string, role: ParameterSpec['role'], shape: number[], fanIn = 1, gain = 2) =>
    specs.push({ name: `${name}/${role}`, shape, role, fanIn, gain });
  const batchNorm = (name: string, channels: number) => {
    for (const role of ['scale', 'offset', 'mean', 'variance'] as const) add(name, role, [channels]);
  };
  const conv = (name: string, size: number, input: number, output: number) => {
    add(name, 'weights', [size, size, input, output], size * size * input);
    batchNorm(name, output);
  };
  const filter = (name: string, channels: number) => add(name, 'weights', [3, 3, channels, 1], 9);
  const separableConv = (name: string, input: number, output: number) => {
    filter(`${name}/depthwise`, input);
    conv(`${name}/point`, 1, input, output);
  };

  conv(STEM, 3, 3, scaled(STEM_CHANNELS, config.width));
  for (const { name, input, expanded, output } of backboneBlocks(config)) {
    if (expanded !== input) conv(`${name}/expand`, 1, input, expanded);
    filter(`${name}/depthwise`, expanded);
    batchNorm(`${name}/depthwise`, expanded);
    conv(`${name}/project`, 1, expanded, output);
  }
  const channels = featureChannels(config);
  conv('aspp/point', 1, channels.high, aspp);
  for (const rate of ATROUS_RATES) separableConv(`aspp/rate${rate}`, channels.high, aspp);
  conv('aspp/pool', 1, channels.high, aspp);
  conv('aspp/project', 1, ASPP_BRANCHES.length * aspp, aspp);
  conv('decoder/low', 1, channels.low, low);
  separableConv('decoder/refine1', aspp + low, decoder);
  separableConv('decoder/refine2', decoder, decoder);
  add('classifier', 'weights', [1, 1, decoder, config.classes], decoder, 1);
  add('classifier', 'bias', [config.classes]);
  return specs;
}

const HEADS = {
  slim: { aspp: 128, decoder: 64, low: 24 },
  full: { aspp: 256, decoder: 256, low: 48 },
} as const;
