import type { HostTensor, Network } from '../network.js';
import type { LabelledImage } from './crop.js';
import type { Sample } from './samples.js';

/** Copies of a network's tensors, by name. */
export type HostTensors = ReadonlyMap<string, HostTensor>;

/** What a trainer asks of a replica, in this thread or in another; one thing at a time. */
export interface TrainingReplica {
  /**
   * One step on a batch.
   *
   * @param samples this replica's share of it
   * @param next its share of the next batch, if there is to be one: for a replica that can begin with it meanwhile
   * @returns mean loss over the labelled pixels of the whole batch, before the step
   */
  step(samples: readonly Sample[], learningRate: number, next?: Promise<readonly Sample[]>): Promise<number>;
  /** Pixels by true and predicted class over some images, dropout off: the counts of a `ConfusionMatrix`. */
  evaluate(images: readonly LabelledImage[]): Promise<Float64Array>;
  /** A copy of the network, after the last finished step. */
  network(): Promise<Network>;
  /** A copy of the momentum, by the name of the parameter. */
  momentum(): Promise<HostTensors>;
  close(): Promise<void>;
}
