import type * as tf from '@tensorflow/tfjs-core';

/** Where a replica's tensors are. */
export interface TensorHost {
  /** Runs work there. @param work synchronous, so that no other work comes between */
  run<T>(work: () => T): T;
  /**
   * Copies values of tensors, as they are once all that was submitted before is done. The tensors may be disposed as soon
   * as this has returned.
   */
  read<D extends 'float32' | 'int32' = 'float32'>(
    tensors: readonly tf.Tensor[],
  ): Promise<tf.DataTypeMap[D][]>;
  /** Gives back the memory of tensors that are disposed of, where it is kept for others to come. */
  trim(): void;
}

/** The backend of this thread, which computes in the thread itself. */
export const thisThread: TensorHost = {
  run: (work) => work(),
  read: async (tensors) => tensors.map((tensor) => tensor.dataSync()),
  trim: () => {},
};
