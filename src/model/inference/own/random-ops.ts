import { deregisterOp, type GraphNode, registerOp } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { gaussian, type Random } from '../../../random.js';
import type { Streams } from './own-network.js';

type Draw = (next: Random) => number;

/** The random ops of a GraphDef that we draw ourselves; the first input of each is the shape. */
const DRAWS: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  ['RandomUniform', (next) => next()],
  ['RandomStandardNormal', gaussian],
  ['TruncatedNormal', truncatedNormal],
]);

/** Those that tfjs knows and seeds from `Math.random`. */
export const UNSEEDED_OPS: ReadonlySet<string> = new Set(['Multinomial', 'RandomUniformInt']);

export function isRandomOp(op: string): boolean {
  return DRAWS.has(op);
}

/**
 * Runs a graph with its random ops drawing from `streams`. By itself tfjs seeds some of them from `Math.random`, and
 * others from the graph, where a fixed seed would make all draws alike.
 */
export function withSeededOps<T>(streams: Streams, run: () => T): T {
  for (const [op, draw] of DRAWS) registerOp(op, (node) => fill(node, draw, streams()));
  try {
    return run();
  } finally {
    for (const op of DRAWS.keys()) deregisterOp(op);
  }
}

function fill({ inputs }: GraphNode, draw: Draw, next: Random): tf.Tensor {
  const shape = [...inputs[0].dataSync()];
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw(next);
  return tf.tensor(values, shape);
}

/** A standard normal number, drawn again while it is two deviations off or more. */
function truncatedNormal(next: Random): number {
  for (;;) {
    const value = gaussian(next);
    if (Math.abs(value) < 2) return value;
  }
}
