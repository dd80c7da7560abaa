import type { Activation } from '../deeplab.js';

/** What an activation lets through unchanged; its slope is 1 between these and 0 elsewhere. */
export const ACTIVATION_BOUNDS: Readonly<Record<Activation, readonly [low: number, high: number]>> = {
  linear: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  relu: [0, Number.POSITIVE_INFINITY],
  relu6: [0, 6],
};
