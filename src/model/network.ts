import { gaussian, random, seedOf } from '../random.js';
import { type DeepLabConfig, type ParameterSpec, parameterSpecs } from './deeplab.js';

/** A tensor outside any backend: row-major, float32. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A network at rest: what a checkpoint stores and what inference and training start from. */
export interface Network {
  readonly config: DeepLabConfig;
  /** One name per class, in the order of the class indices. */
  readonly classNames: readonly string[];
  /** By name, exactly those that `parameterSpecs(config)` lists. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** An untrained network. Each tensor has its own stream of random numbers, drawn from the seed and its name. */
export function initialNetwork(config: DeepLabConfig, classNames: readonly string[], seed: number): Network {
  const tensors = new Map<string, HostTensor>();
  for (const spec of parameterSpecs(config)) {
    tensors.set(spec.name, { shape: spec.shape, data: initialValues(spec, seed) });
  }
  return { config, classNames, tensors };
}

function initialValues({ name, shape, role, gain, fanIn }: ParameterSpec, seed: number): Float32Array {
  const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
  if (role === 'scale' || role === 'variance') return data.fill(1);
  if (role !== 'weights') return data;
  // Normal with variance gain / fan-in: He et al., "Delving deep into rectifiers", Eq. 10.
  const deviation = Math.sqrt(gain / fanIn);
  const next = random(seedOf(seed, name));
  for (let i = 0; i < data.length; i++) data[i] = gaussian(next) * deviation;
  return data;
}
