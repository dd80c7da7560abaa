import { parameterSpecs } from '../deeplab.js';
import type { HostTensor, Network } from '../network.js';
import type { TrainingOptions } from './recipe.js';

/** The network that did best on the validation images so far. */
export interface BestNetwork {
  readonly network: Network;
  /** Steps it had been trained for. */
  readonly step: number;
  /** Passes through the training set it had seen. */
  readonly epoch: number;
  /** Its mean IoU on the validation images. */
  readonly miou: number;
}

/**
 * All that a later process needs to go on as if nothing had happened. There is no random state: everything random is
 * drawn from the seed and the number of the sample.
 */
export interface TrainingState {
  readonly network: Network;
  /** Momentum, by the name of the parameter. */
  readonly velocity: ReadonlyMap<string, HostTensor>;
  /** Steps done. */
  readonly step: number;
  readonly options: TrainingOptions;
  /** Size of the training set that the state was made on. */
  readonly images: number;
  /** Absent before the first validation, or where there is nothing to validate on. */
  readonly best?: BestNetwork;
}

/** The state before the first step. */
export function initialState(network: Network, options: TrainingOptions, images: number): TrainingState {
  const velocity = new Map<string, HostTensor>();
  for (const { name, shape, role } of parameterSpecs(network.config)) {
    if (role === 'mean' || role === 'variance') continue;
    velocity.set(name, { shape, data: new Float32Array(network.tensors.get(name)!.data.length) });
  }
  return { network, velocity, step: 0, options, images };
}
