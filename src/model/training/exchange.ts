/**
 * How the replicas of a network share numbers within a training step. The global batch of images is dealt out in
 * order, the same number to each replica. Sums over the batch are taken image by image, in the order of the images,
 * so that they come to the same bits however many replicas there are.
 */
export interface Exchange {
  /** A power of two, so that dividing by it is exact. */
  readonly replicas: number;
  /** Images of the whole batch; a multiple of `replicas`. */
  readonly batch: number;
  /**
   * Gives every replica the values of all images. All replicas call it in the same order with the same length, and
   * wait for each other in it.
   *
   * @param mine [batch / replicas, length], this replica's images
   * @returns [batch, length], in the order of the images; valid until the next call
   */
  gather(mine: Float32Array): Float32Array;
}

/** The exchange of a replica that has the whole batch. */
export function alone(batch: number): Exchange {
  return { replicas: 1, batch, gather: (mine) => mine };
}
