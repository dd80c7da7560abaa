import { UserError } from '../../errors.js';
import type { Network } from '../network.js';
import type { Backbone } from './backbone.js';

/**
 * The network with its backbone's tensors taken from `backbone`; the rest stays. Shares memory with both.
 * @throws UserError if the widths differ
 */
export function initialiseFrom(network: Network, backbone: Backbone): Network {
  const { width } = network.config;
  if (backbone.width !== width) {
    throw new UserError(
      `${backbone.source} is MobileNetV2 of width ${backbone.width}; expected width ${width}, that of the network.`,
    );
  }
  return { ...network, tensors: new Map([...network.tensors, ...backbone.tensors]) };
}
