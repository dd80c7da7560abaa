import { GpuError } from '../gpu/errors.js';
import { giveUpGpu, gpuGivenUp } from '../model/backend.js';
import type { Run } from './run.js';

/**
 * Does something on the GPU. Should that fail, it is done anew on the CPU and the user told, once; where WebGPU was asked
 * for by name, the run ends instead.
 *
 * @param what of the run is on the CPU then: the subject of a sentence, with its verb
 * @param onGpu undefined where the run has nothing on the GPU
 */
export async function gpuOrCpu<T>(
  { options, monitor }: Pick<Run, 'options' | 'monitor'>,
  what: string,
  onGpu: (() => Promise<T>) | undefined,
  onCpu: () => Promise<T>,
): Promise<T> {
  const isByName = options.backend === 'webgpu';
  if (onGpu === undefined || (!isByName && gpuGivenUp() !== undefined)) return onCpu();
  try {
    return await onGpu();
  } catch (error) {
    if (!(error instanceof GpuError) || isByName) throw error;
    if (gpuGivenUp() === undefined) monitor.warn(`${error.message} ${what} on the CPU.`);
    // What has no room says nothing of other scenes.
    if (error.kind !== 'memory') giveUpGpu(error);
    return onCpu();
  }
}
