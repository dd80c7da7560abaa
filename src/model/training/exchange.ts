/**
 * How the replicas of a network share numbers within a training step. The global batch of images is dealt out in
 * order, the same number to each replica. Whatever is summed over the batch is summed in one fixed order, so that it
 * comes to the same bits however many replicas there are.
 *
 * All replicas make the same calls in the same order with the same lengths, and wait for each other in them.
 */
export interface Exchange {
  /** A power of two, so that dividing by it is exact. */
  readonly replicas: number;
  /** Images of the whole batch; a multiple of `replicas`. */
  readonly batch: number;
  /**
   * Gives every replica the values of all images, for it to sum in their order.
   *
   * @param mine [batch / replicas, length], this replica's images
   * @returns [batch, length], in the order of the images; valid until the next call
   */
  gather(mine: Float32Array): Float32Array;
  /**
   * Sums over the replicas by a balanced binary tree: sums over images that each replica took by such a tree go on
   * in it.
   *
   * @returns the sum, of the same length; valid until the next call
   */
  total(mine: Float32Array): Float32Array;
}

/** The exchange of a replica that has the whole batch. */
export function alone(batch: number): Exchange {
  return { replicas: 1, batch, gather: (mine) => mine, total: (mine) => mine };
}
