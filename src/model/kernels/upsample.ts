import * as tf from '@tensorflow/tfjs-core';
import { type LinkedKernels, linkKernels } from './link.js';
import { replaceKernel } from './replace-kernel.js';

/**
 * Registers SIMD kernels for the bilinear resizing of `upsample4` and for its gradient on the wasm backend: by 4, pixel
 * i at pixel 4i, channels in fours. Any other resizing goes on to the stock kernels. Idempotent.
 */
export function registerUpsampling(): void {
  if (isRegistered) return;
  isRegistered = true;
  const kernels = linkKernels();
  replaceKernel(tf.ResizeBilinear, ({ inputs: { images }, attrs }) => {
    const { size, alignCorners, halfPixelCenters } = attrs as unknown as tf.ResizeBilinearAttrs;
    if (alignCorners || halfPixelCenters || !isBy4(images!, size)) return undefined;
    const [n, h, w, channels] = images!.shape as [number, number, number, number];
    return upsample(kernels, 'upsample', images!, [n, 4 * h, 4 * w, channels], images!.shape);
  });
  replaceKernel(tf.ResizeBilinearGrad, ({ inputs: { images, dy }, attrs }) => {
    const { alignCorners, halfPixelCenters } = attrs as unknown as tf.ResizeBilinearAttrs;
    const [, height, width] = dy!.shape;
    if (alignCorners || halfPixelCenters || !isBy4(images!, [height!, width!])) return undefined;
    return upsample(kernels, 'upsampleGradient', dy!, images!.shape, images!.shape);
  });
}

let isRegistered = false;

function isBy4({ shape, dtype }: tf.TensorInfo, [height, width]: [number, number]): boolean {
  const [, h, w, channels] = shape;
  return dtype === 'float32' && height === 4 * h && width === 4 * w && channels % 4 === 0;
}

function upsample(
  { call, addressOf, allocate }: LinkedKernels,
  kernel: 'upsample' | 'upsampleGradient',
  from: tf.TensorInfo,
  shape: readonly number[],
  [n, h, w, channels]: readonly number[],
): tf.TensorInfo {
  const to = allocate(shape);
  call[kernel](addressOf(from), addressOf(to), n, h, w, channels);
  return to;
}
