import * as tf from '@tensorflow/tfjs-core';
import { registerGradients } from '../training/gradients.js';
import { type KernelExports, type LinkedKernels, linkKernels } from './link.js';
import { PANEL } from './pointwise.js';
import { replaceKernel } from './replace-kernel.js';
import { sumImages } from './sum-images.js';

/**
 * Registers SIMD kernels for convolutions and their gradients on the wasm backend, over its own and the composed ones,
 * which go on to compute what these do not cover. Sums over images are taken by `sumImages`; everything else is by
 * image, with the same bits whatever the others are. Calling it again changes nothing.
 *
 * @returns puts the others back
 */
export function registerFastConvolutions(): () => void {
  registerGradients('wasm');
  if (restorations.length === 0) {
    const kernels = linkKernels();
    for (const [kernelName, fast] of Object.entries(FAST))
      restorations.push(
        replaceKernel(kernelName, (args) => fast(kernels, args as unknown as ConvolutionArgs)),
      );
  }
  return () => {
    for (const restore of restorations.splice(0)) restore();
  };
}

/** What puts back the kernels that fast ones have taken the place of. */
const restorations: (() => void)[] = [];

/** What the kernels are called with: of the inputs two, of the shapes the one of the tensor that is asked for. */
interface ConvolutionArgs {
  readonly inputs: { readonly x: tf.Tensor4D; readonly dy: tf.Tensor4D; readonly filter: tf.Tensor4D };
  readonly attrs: {
    readonly strides: number | [number, number];
    readonly pad: 'valid' | 'same' | number;
    readonly dilations?: number | [number, number];
    readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
    readonly filterShape: Shape4D;
    readonly inputShape: Shape4D;
  };
}

type Shape4D = [number, number, number, number];

/** Gives undefined for what it does not cover. */
type FastKernel = (kernels: LinkedKernels, args: ConvolutionArgs) => tf.TensorInfo | undefined;

const FAST: Readonly<Record<string, FastKernel>> = {
  [tf.Conv2D]: conv2d,
  [tf.Conv2DBackpropInput]: conv2dInputGradient,
  [tf.Conv2DBackpropFilter]: conv2dFilterGradient,
  [tf.DepthwiseConv2dNativeBackpropFilter]: depthwiseFilterGradient,
  [tf.DepthwiseConv2dNativeBackpropInput]: depthwiseInputGradient,
};

/** Y = X·W, of 1×1 filters. */
function conv2d(kernels: LinkedKernels, { inputs: { x, filter }, attrs }: ConvolutionArgs) {
  const geometry = geometryOf(x.shape, filter.shape, attrs, false);
  if (!geometry || !isPointwise(geometry)) return undefined;
  return product(kernels, x, filter, filter.shape[3], kernels.call.packBy8);
}

/** dX = dY·Wᵀ, of 1×1 filters. */
function conv2dInputGradient(kernels: LinkedKernels, { inputs: { dy, filter }, attrs }: ConvolutionArgs) {
  const geometry = geometryOf(attrs.inputShape, filter.shape, attrs, false);
  if (!geometry || !isPointwise(geometry)) return undefined;
  return product(kernels, dy, filter, filter.shape[2], kernels.call.packTransposedBy8);
}

/** x [N, H, W, depth] times the matrix [depth, outputs] that `pack` makes of the filter. */
function product(
  kernels: LinkedKernels,
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  outputs: number,
  pack: KernelExports['packBy8'],
): tf.TensorInfo | undefined {
  if (outputs % PANEL !== 0) return undefined;
  const { call, addressOf } = kernels;
  const [images, height, width, depth] = x.shape;
  const y = kernels.allocate([images, height, width, outputs]);
  kernels.scratch(4 * (depth + 1) * outputs, (panels) => {
    const zeros = panels + 4 * depth * outputs;
    new Float32Array(kernels.heap(), zeros, outputs).fill(0);
    pack(addressOf(filter), depth, outputs, panels);
    const bounds = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
    const pixels = images * height * width;
    call.pointwise(addressOf(x), panels, zeros, 0, addressOf(y), pixels, depth, outputs, ...bounds);
  });
  return y;
}

/** Bytes of patches held at a time. */
const PATCH_BYTES = 1 << 20;

/** dW = Xᵀ·dY; X holds the patches that output pixels meet, and is the image itself where these are single pixels. */
function conv2dFilterGradient(
  kernels: LinkedKernels,
  { inputs: { x, dy }, attrs }: ConvolutionArgs,
): tf.TensorInfo | undefined {
  const geometry = geometryOf(x.shape, attrs.filterShape, attrs, false);
  if (!geometry) return undefined;
  const { call } = kernels;
  const { height, width, channels, outHeight, outWidth, size, stride, dilation, top, left } = geometry;
  const outputs = attrs.filterShape[3];
  const patch = size * size * channels;
  const dw = kernels.allocate(attrs.filterShape);
  const isSinglePixel = isPointwise(geometry);
  const rows = isSinglePixel ? outHeight : Math.max(1, Math.floor(PATCH_BYTES / (4 * patch * outWidth)));
  const patchBytes = isSinglePixel ? 0 : 4 * rows * outWidth * patch;
  kernels.scratch(call.productScratch(patch, outputs) + patchBytes, (scratch) => {
    const lines = scratch + call.productScratch(patch, outputs);
    sumImages(kernels, geometry.images, patch * outputs, kernels.addressOf(dw), (n, target) => {
      const image = kernels.addressOf(x) + 4 * n * height * width * channels;
      new Float32Array(kernels.heap(), target, patch * outputs).fill(0);
      for (let from = 0; from < outHeight; from += rows) {
        const to = Math.min(from + rows, outHeight);
        const slopes = kernels.addressOf(dy) + 4 * (n * outHeight + from) * outWidth * outputs;
        if (!isSinglePixel) {
          call.patches(
            image,
            lines,
            from,
            to,
            height,
            width,
            channels,
            outWidth,
            size,
            stride,
            dilation,
            top,
            left,
          );
        }
        const pixels = (to - from) * outWidth;
        call.addProduct(isSinglePixel ? image : lines, slopes, target, pixels, patch, outputs, scratch);
      }
    });
  });
  return dw;
}

function depthwiseFilterGradient(
  kernels: LinkedKernels,
  { inputs: { x, dy }, attrs }: ConvolutionArgs,
): tf.TensorInfo | undefined {
  const geometry = geometryOf(x.shape, attrs.filterShape, attrs, true);
  if (!geometry) return undefined;
  const { images, height, width, channels, outHeight, outWidth, size } = geometry;
  const dw = kernels.allocate(attrs.filterShape);
  sumImages(kernels, images, size * size * channels, kernels.addressOf(dw), (n, target) =>
    kernels.call.depthwiseFilterGradient(
      kernels.addressOf(x) + 4 * n * height * width * channels,
      kernels.addressOf(dy) + 4 * n * outHeight * outWidth * channels,
      target,
      ...numbersOf(geometry),
    ),
  );
  return dw;
}

/** Of strided convolutions; without a stride the composed one, a convolution by the turned filter, is faster. */
function depthwiseInputGradient(
  kernels: LinkedKernels,
  { inputs: { dy, filter }, attrs }: ConvolutionArgs,
): tf.TensorInfo | undefined {
  const geometry = geometryOf(attrs.inputShape, filter.shape, attrs, true);
  if (!geometry || geometry.stride === 1) return undefined;
  const { images, height, width, channels, outHeight, outWidth } = geometry;
  const dx = kernels.allocate(attrs.inputShape);
  for (let n = 0; n < images; n++) {
    kernels.call.depthwiseInputGradient(
      kernels.addressOf(dy) + 4 * n * outHeight * outWidth * channels,
      kernels.addressOf(filter),
      kernels.addressOf(dx) + 4 * n * height * width * channels,
      ...numbersOf(geometry),
    );
  }
  return dx;
}

/** A convolution with the same size, stride and dilation along rows and columns. */
interface Geometry {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Rows and columns of zeros before the image. */
  readonly top: number;
  readonly left: number;
}

function isPointwise({ size, stride, height, width, outHeight, outWidth }: Geometry): boolean {
  return size === 1 && stride === 1 && outHeight === height && outWidth === width;
}

/** Undefined where rows and columns differ, or a channel has more than one depthwise filter. */
function geometryOf(
  inputShape: Shape4D,
  filterShape: Shape4D,
  { strides, pad, dilations, dimRoundingMode }: ConvolutionArgs['attrs'],
  isDepthwise: boolean,
): Geometry | undefined {
  const info = tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    isDepthwise,
  );
  const isSquare =
    info.filterHeight === info.filterWidth &&
    info.strideHeight === info.strideWidth &&
    info.dilationHeight === info.dilationWidth;
  if (!isSquare || (isDepthwise && filterShape[3] !== 1)) return undefined;
  return {
    images: info.batchSize,
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    size: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    top: info.padInfo.top,
    left: info.padInfo.left,
  };
}

/** In the order in which the depthwise kernels take them. */
function numbersOf(g: Geometry) {
  return [
    g.height,
    g.width,
    g.channels,
    g.outHeight,
    g.outWidth,
    g.size,
    g.stride,
    g.dilation,
    g.top,
    g.left,
  ] as const;
}
