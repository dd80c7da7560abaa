import { staysInside } from '../../../files.js';
import { Malformed } from './malformed.js';
import { decodeNumbers, elementCount, type NumberType, type StoredTensor } from './stored-tensor.js';

/** A group of weights: files, joined end to end, and what lies in them one after the other. */
interface WeightsGroup {
  readonly paths: readonly string[];
  readonly weights: readonly ManifestWeight[];
}

interface ManifestWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** `optimizer` for the state of the training that the model was saved from. */
  readonly group?: string;
  readonly quantization?: { readonly dtype: string; readonly scale?: number; readonly min?: number };
}

const TYPES: Readonly<Record<string, NumberType>> = {
  float32: 'float32',
  float16: 'float16',
  int32: 'int32',
  uint8: 'uint8',
  uint16: 'uint16',
  bool: 'uint8',
};

/** The `weightsManifest` of a TensorFlow.js model.json. @throws Malformed if it is none */
export function parseManifest(model: Readonly<Record<string, unknown>>): WeightsGroup[] {
  const manifest = model.weightsManifest;
  if (!Array.isArray(manifest) || !manifest.every(isGroup)) {
    throw new Malformed('it is JSON without the weightsManifest of a TensorFlow.js model.json');
  }
  for (const path of manifest.flatMap(({ paths }) => paths)) {
    if (!staysInside(path)) throw new Malformed(`it names a file outside its own folder (${path})`);
  }
  return manifest;
}

function isGroup(value: unknown): value is WeightsGroup {
  const group = value as Partial<WeightsGroup> | null;
  return (
    Array.isArray(group?.paths) &&
    group.paths.every((path) => typeof path === 'string') &&
    Array.isArray(group.weights) &&
    group.weights.every(
      (weight: Partial<ManifestWeight> | null) =>
        typeof weight?.name === 'string' && typeof weight.dtype === 'string' && Array.isArray(weight.shape),
    )
  );
}

/** The model's tensors of one group, without the optimiser's. @param bytes of its files, joined */
export function groupTensors({ weights }: WeightsGroup, bytes: Uint8Array): [string, StoredTensor][] {
  let start = 0;
  const tensors = weights.flatMap(({ name, shape, dtype, group, quantization }): [string, StoredTensor][] => {
    const type = TYPES[quantization?.dtype ?? dtype];
    if (type === undefined)
      throw new Malformed(`weight ${name} is of type ${dtype}, not one of real numbers`);
    // A scalar has the empty shape, and one number.
    const count = elementCount(name, shape);
    const begin = start;
    start += count * (type === 'float32' || type === 'int32' ? 4 : type === 'uint8' ? 1 : 2);
    if (start > bytes.length) throw new Malformed(`its shards end within weight ${name}`);
    const own = bytes.subarray(begin, start);
    const read = () => {
      const data = decodeNumbers(name, own, type, count);
      if (type !== 'uint8' && type !== 'uint16') return data;
      // Real value = min + scale · stored.
      const { scale, min } = quantization ?? {};
      if (typeof scale !== 'number' || typeof min !== 'number') {
        throw new Malformed(`weight ${name} is ${type} and has no scale`);
      }
      return data.map((q) => min + scale * q);
    };
    return group === 'optimizer' ? [] : [[name, { shape, read }]];
  });
  if (start !== bytes.length) {
    throw new Malformed(`its shards have ${bytes.length} bytes where its weights need ${start}`);
  }
  return tensors;
}
