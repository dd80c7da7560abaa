import * as tf from '@tensorflow/tfjs-core';
import type { Gpu } from '../../../gpu/device.js';
import { WebGpuTensors } from '../../webgpu-tensors.js';
import { alone } from '../exchange.js';
import { Replica } from '../replica.js';
import type { TrainingState } from '../state.js';
import type { TrainingReplica } from '../training-replica.js';
import { gpuOps } from './gpu-ops.js';
import { TrainingKernels } from './training-kernels.js';

// Loads an optional package: import this module only where WebGPU is asked for.

/**
 * A replica that has the whole batch, on the GPU that this process has open. A device belongs to the thread that opened
 * it, so it is no worker's: its commands are recorded in this thread, between whatever else that does.
 *
 * @param classWeights of the loss; all 1 if not given
 * @throws GpuError where the GPU cannot be used
 */
export async function openGpuReplica(
  gpu: Gpu,
  state: TrainingState,
  classWeights: Float32Array | undefined,
): Promise<TrainingReplica> {
  tf.enableProdMode();
  const tensors = WebGpuTensors.start(gpu);
  const ops = gpuOps(await TrainingKernels.load(tensors));
  const exchange = alone(state.options.batch);
  return tensors.run(() => new Replica(state, ops, exchange, classWeights, tensors));
}
