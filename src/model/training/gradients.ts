import * as tf from '@tensorflow/tfjs-core';
// tfjs-core registers no gradient at all when Node loads it; tfjs-layers registers every one as a side effect.
import '@tensorflow/tfjs-layers';
import { type BackendName, tfjsName } from '../backend.js';
import { replaceKernel } from '../kernels/replace-kernel.js';
import { isTensorflow } from '../tensorflow/tensorflow.js';
import { channelMean } from './channel-mean.js';

/**
 * Registers what training needs and a backend lacks, composed from kernels that it has:
 *
 * - wasm: the gradients of convolutions, of which it has none but a slow one;
 * - cpu: the gradient of bilinear resizing, whose result it gives height and width swapped;
 * - all: the gradients of depthwise convolutions, which the cpu and WebGPU backends get wrong for dilation > 1;
 *   of TensorFlow, which does too, only those;
 * - the gradient of the depthwise convolution itself, which core refuses for dilation > 1.
 *
 * A faster engine registers its own kernels under the same names. Idempotent.
 */
export function registerGradients(backend: BackendName): void {
  if (registered.has(backend)) return;
  registered.add(backend);
  if (backend === 'wasm') {
    compose(backend, tf.Conv2DBackpropFilter, conv2dFilterGradient);
    compose(backend, tf.Conv2DBackpropInput, conv2dInputGradient);
  }
  if (backend === 'cpu') correctResizeGradient();
  const composeDepthwise = isTensorflow(backend) ? composeDilated : compose;
  composeDepthwise(tfjsName(backend), tf.DepthwiseConv2dNativeBackpropFilter, depthwiseFilterGradient);
  composeDepthwise(tfjsName(backend), tf.DepthwiseConv2dNativeBackpropInput, depthwiseInputGradient);
  tf.unregisterGradient(tf.DepthwiseConv2dNative);
  tf.registerGradient({
    kernelName: tf.DepthwiseConv2dNative,
    inputsToSave: ['x', 'filter'],
    gradFunc: (dy, saved, attrs) => {
      const [x, filter] = saved as [tf.Tensor4D, tf.Tensor4D];
      const gradient = dy as tf.Tensor4D;
      return {
        x: () =>
          run(
            tf.DepthwiseConv2dNativeBackpropInput,
            { dy: gradient, filter },
            { ...attrs, inputShape: x.shape },
          ),
        filter: () =>
          run(
            tf.DepthwiseConv2dNativeBackpropFilter,
            { x, dy: gradient },
            { ...attrs, filterShape: filter.shape },
          ),
      };
    },
  });
}

const registered = new Set<BackendName>();

export type Inputs = Record<string, tf.Tensor4D>;
type Shape4D = [number, number, number, number];

/** Attributes of the four gradient kernels: `filterShape` where the filter's is asked for, else `inputShape`. */
export interface GradientAttrs {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number;
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly filterShape: Shape4D;
  readonly inputShape: Shape4D;
}

type Composition = (inputs: Inputs, attrs: GradientAttrs) => tf.Tensor;

function run(kernel: string, inputs: Inputs, attrs: tf.NamedAttrMap): tf.Tensor {
  return tf.engine().runKernel(kernel, inputs, attrs) as tf.Tensor;
}

function compose(backendName: string, kernelName: string, composition: Composition): void {
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => composition(inputs as Inputs, attrs as unknown as GradientAttrs)),
  });
}

/** As `compose`, but where nothing is dilated the backend's own kernel stays, which is faster. */
function composeDilated(backendName: string, kernelName: string, composition: Composition): void {
  replaceKernel(
    kernelName,
    ({ inputs, attrs }) => {
      const { dilations = 1 } = attrs as unknown as GradientAttrs;
      if (Math.max(...[dilations].flat()) === 1) return undefined;
      return tf.tidy(() => composition(inputs as Inputs, attrs as unknown as GradientAttrs));
    },
    backendName,
  );
}

/** tfjs-backend-cpu 4.22 computes the right numbers and labels them [N, W, H, C]. */
function correctResizeGradient(): void {
  const stock = tf.getKernel(tf.ResizeBilinearGrad, 'cpu');
  tf.unregisterKernel(tf.ResizeBilinearGrad, 'cpu');
  tf.registerKernel({
    ...stock,
    kernelFunc: (args) => ({
      ...(stock.kernelFunc(args) as tf.TensorInfo),
      shape: args.inputs.images!.shape,
    }),
  });
}

export function convInfo(
  inputShape: Shape4D,
  filterShape: Shape4D,
  { strides, pad, dilations, dimRoundingMode }: GradientAttrs,
  depthwise: boolean,
): tf.backend_util.Conv2DInfo {
  return tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    depthwise,
  );
}

/** dW = Xᵀ·dY, one product for each tap of the filter. */
function conv2dFilterGradient({ x, dy }: Inputs, attrs: GradientAttrs): tf.Tensor {
  const info = convInfo(x.shape, attrs.filterShape, attrs, false);
  const { filterHeight, filterWidth, inChannels, outChannels } = info;
  const pixels = info.batchSize * info.outHeight * info.outWidth;
  const gradient: tf.Tensor2D = tf.reshape(dy, [pixels, outChannels]);
  if (isPointwise(info)) {
    return tf.reshape(productOverPixels(tf.reshape(x, [pixels, inChannels]), gradient), attrs.filterShape);
  }
  const padded = padForTaps(x, info);
  const transposed = tf.transpose(gradient);
  const taps = mapTaps(info, (row, column) =>
    tf.matMul(transposed, tf.reshape(tap(padded, info, row, column), [pixels, inChannels])),
  );
  return tf.reshape(tf.transpose(tf.stack(taps), [0, 2, 1]), [
    filterHeight,
    filterWidth,
    inChannels,
    outChannels,
  ]);
}

/** Xᵀ·Y of [P, a] and [P, b]. The wasm backend multiplies fast only what is not transposed: turn the narrower. */
function productOverPixels(x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor2D {
  if (x.shape[1] > y.shape[1]) return tf.transpose(productOverPixels(y, x));
  return tf.matMul<tf.Tensor2D>(tf.transpose(x), y);
}

/** dX = dY, spread by the stride, convolved with the filter turned by half a turn. */
function conv2dInputGradient({ dy, filter }: Inputs, attrs: GradientAttrs): tf.Tensor {
  const info = convInfo(attrs.inputShape, filter.shape, attrs, false);
  const { inChannels, outChannels } = info;
  if (isPointwise(info)) {
    const turned = tf.transpose(tf.reshape(filter, [inChannels, outChannels]));
    return tf.conv2d(dy, tf.reshape(turned, [1, 1, outChannels, inChannels]) as tf.Tensor4D, 1, 'valid');
  }
  const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(spreadForInput(dy, info), turned, 1, 'valid');
}

/** dW at a tap is the sum over pixels of x, shifted by the tap, times dy. */
function depthwiseFilterGradient({ x, dy }: Inputs, attrs: GradientAttrs): tf.Tensor {
  const info = convInfo(x.shape, attrs.filterShape, attrs, true);
  requireOneFilterPerChannel(attrs.filterShape);
  const padded = padForTaps(x, info);
  const pixels = info.batchSize * info.outHeight * info.outWidth;
  const taps = mapTaps(info, (row, column) => channelMean(tf.mul(tap(padded, info, row, column), dy)));
  return tf.mul(tf.reshape(tf.stack(taps), attrs.filterShape), pixels);
}

function depthwiseInputGradient({ dy, filter }: Inputs, attrs: GradientAttrs): tf.Tensor {
  const info = convInfo(attrs.inputShape, filter.shape, attrs, true);
  requireOneFilterPerChannel(filter.shape);
  const { top, bottom, left, right } = inputMargins(info);
  const turned = tf.reverse(filter, [0, 1]);
  const dilations: [number, number] = [info.dilationHeight, info.dilationWidth];
  const isSame = info.strideHeight === 1 && info.strideWidth === 1 && top === bottom && left === right;
  if (isSame && 2 * top === extentOf(info).height && 2 * left === extentOf(info).width) {
    // The kernel pads by itself: one pass less.
    return tf.depthwiseConv2d(dy, turned, 1, 'same', 'NHWC', dilations);
  }
  return tf.depthwiseConv2d(spreadForInput(dy, info), turned, 1, 'valid', 'NHWC', dilations);
}

function requireOneFilterPerChannel(filterShape: Shape4D): void {
  if (filterShape[3] !== 1) throw new RangeError('depthwise gradients take one filter per channel');
}

export function isPointwise(info: tf.backend_util.Conv2DInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  return (
    filterHeight === 1 &&
    filterWidth === 1 &&
    strideHeight === 1 &&
    strideWidth === 1 &&
    padInfo.top + padInfo.bottom + padInfo.left + padInfo.right === 0
  );
}

function mapTaps<T>(info: tf.backend_util.Conv2DInfo, f: (row: number, column: number) => T): T[] {
  const results: T[] = [];
  for (let row = 0; row < info.filterHeight; row++) {
    for (let column = 0; column < info.filterWidth; column++) results.push(f(row, column));
  }
  return results;
}

/** Pads x so that every tap's window, whole strides long, lies inside. */
function padForTaps(x: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const { height, width } = extentOf(info);
  const { top, left } = info.padInfo;
  const bottom = height + info.outHeight * info.strideHeight - top - info.inHeight;
  const right = width + info.outWidth * info.strideWidth - left - info.inWidth;
  return padOrCrop(x, top, Math.max(0, bottom), left, Math.max(0, right));
}

/** The pixels [N, outHeight, outWidth, C] of padded x that tap (row, column) of the filter meets. */
function tap(
  padded: tf.Tensor4D,
  info: tf.backend_util.Conv2DInfo,
  row: number,
  column: number,
): tf.Tensor4D {
  const { outHeight, outWidth, strideHeight, strideWidth } = info;
  const [batch, , , channels] = padded.shape;
  const window = tf.slice(
    padded,
    [0, row * info.dilationHeight, column * info.dilationWidth, 0],
    [batch, outHeight * strideHeight, outWidth * strideWidth, channels],
  );
  if (strideHeight === 1 && strideWidth === 1) return window;
  // Rows and columns of one stride side by side, of which the first is taken.
  const strides = tf.reshape(window, [batch * outHeight, strideHeight, outWidth, strideWidth * channels]);
  const first = tf.slice(strides, [0, 0, 0, 0], [batch * outHeight, 1, outWidth, channels]);
  return tf.reshape(first, [batch, outHeight, outWidth, channels]);
}

/** Distance between the filter's first and last tap. */
function extentOf(info: tf.backend_util.Conv2DInfo): { height: number; width: number } {
  return {
    height: (info.filterHeight - 1) * info.dilationHeight,
    width: (info.filterWidth - 1) * info.dilationWidth,
  };
}

/** Zeros around dy, spread by the stride, that make its full correlation as large as the input; may be negative. */
function inputMargins(info: tf.backend_util.Conv2DInfo): Record<'top' | 'bottom' | 'left' | 'right', number> {
  const { height, width } = extentOf(info);
  const top = height - info.padInfo.top;
  const left = width - info.padInfo.left;
  return {
    top,
    left,
    bottom: info.inHeight + height - info.outHeight * info.strideHeight - top,
    right: info.inWidth + width - info.outWidth * info.strideWidth - left,
  };
}

function spreadForInput(dy: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const { top, bottom, left, right } = inputMargins(info);
  return padOrCrop(spread(dy, info.strideHeight, info.strideWidth), top, bottom, left, right);
}

/** z[stride·i] = dy[i], zeros between. */
function spread(dy: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return dy;
  const [batch, height, width, channels] = dy.shape;
  const rows = tf.pad(tf.reshape(dy, [batch * height, 1, width, channels]), [
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
    [0, 0],
  ]);
  const pixels = tf.pad(tf.reshape(rows, [batch * height * strideHeight * width, 1, channels]), [
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  return tf.reshape(pixels, [batch, height * strideHeight, width * strideWidth, channels]);
}

/** Zero padding; a negative margin crops. */
function padOrCrop(x: tf.Tensor4D, top: number, bottom: number, left: number, right: number): tf.Tensor4D {
  let y = x;
  if (Math.min(top, bottom, left, right) < 0) {
    const [batch, height, width, channels] = x.shape;
    const [cutTop, cutBottom, cutLeft, cutRight] = [top, bottom, left, right].map((m) =>
      Math.max(0, -m),
    ) as Shape4D;
    y = tf.slice(
      x,
      [0, cutTop, cutLeft, 0],
      [batch, height - cutTop - cutBottom, width - cutLeft - cutRight, channels],
    );
  }
  if (Math.max(top, bottom, left, right) <= 0) return y;
  return tf.pad(y, [
    [0, 0],
    [Math.max(0, top), Math.max(0, bottom)],
    [Math.max(0, left), Math.max(0, right)],
    [0, 0],
  ]);
}
