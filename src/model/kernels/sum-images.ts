import type { Address, LinkedKernels } from './link.js';

/**
 * Writes the sum over images of `length` numbers each to `sum`. It is taken as a balanced tree, the first ⌊n/2⌋
 * images plus the others, all the way down: replicas that hold a power-of-two part of the batch each sum a subtree,
 * and come to the same bits together as one replica alone.
 *
 * @param one writes what an image gives to an address
 */
export function sumImages(
  kernels: LinkedKernels,
  images: number,
  length: number,
  sum: Address,
  one: (image: number, target: Address) => void,
): void {
  const bytes = 4 * length;
  const add = (first: number, count: number, target: Address, spare: Address): void => {
    if (count === 1) {
      one(first, target);
      return;
    }
    const half = count >> 1;
    add(first, half, target, spare);
    add(first + half, count - half, spare, spare + bytes);
    kernels.call.add(target, spare, target, length);
  };
  if (images === 1) one(0, sum);
  else kernels.scratch(Math.ceil(Math.log2(images)) * bytes, (spare) => add(0, images, sum, spare));
}
