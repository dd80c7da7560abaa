import * as tf from '@tensorflow/tfjs-core';

/** A kernel, which gives undefined for what it does not cover. */
export type PartialKernel = (args: Parameters<tf.KernelFunc>[0]) => tf.TensorInfo | undefined;

/**
 * Registers a kernel of a backend over the one there, which goes on to compute what it does not cover.
 * @returns puts that one back
 */
export function replaceKernel(kernelName: string, kernel: PartialKernel, backendName = 'wasm'): () => void {
  const before = tf.getKernel(kernelName, backendName);
  register({ ...before, kernelFunc: (args) => kernel(args) ?? before.kernelFunc(args) });
  return () => register(before);
}

function register(config: tf.KernelConfig): void {
  tf.unregisterKernel(config.kernelName, config.backendName);
  tf.registerKernel(config);
}
