import type * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../frame.js';
import type { LinkedKernels } from './link.js';

const FLOAT = Float32Array.BYTES_PER_ELEMENT;
const HALF = Uint16Array.BYTES_PER_ELEMENT;

/**
 * The mean over `draws` of softmax(upsample4(logits)), as halves [H, W, classes]. Each draw is added to one buffer of
 * sums as it comes; nothing else has full resolution.
 *
 * @param logitsOf gives a draw's logits [1, ⌈H/4⌉, ⌈W/4⌉, classes], which are disposed here
 */
export function meanSoftmax(
  { call, scratch, heap, addressOf }: LinkedKernels,
  { width, height }: Size,
  classes: number,
  draws: number,
  logitsOf: (draw: number) => tf.Tensor4D,
): Uint16Array<ArrayBuffer> {
  const columns = Math.ceil(width / 4);
  const sums = height * columns * classes * 4;
  const row = columns * classes + 4 * classes;
  return scratch((sums + row) * FLOAT, (sum) => {
    new Float32Array(heap(), sum, sums).fill(0);
    for (let draw = 0; draw < draws; draw++) {
      const logits = logitsOf(draw);
      call.addSoftmax(addressOf(logits), sum, sum + sums * FLOAT, height, width, classes);
      logits.dispose();
    }
    const length = height * width * classes;
    return scratch(length * HALF, (halves) => {
      call.meanHalves(sum, halves, height, width, classes, 1 / draws);
      return new Uint16Array(heap(), halves, length).slice();
    });
  });
}
