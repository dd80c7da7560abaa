import { ByteView } from './byte-view.js';
import { Malformed } from './malformed.js';
import { PickledCall, PickledGlobal, PickledReference, readPickle } from './pickle.js';
import {
  BYTES_PER_NUMBER,
  decodeNumbers,
  elementCount,
  type NumberType,
  type StoredTensor,
} from './stored-tensor.js';
import { readZip } from './zip.js';

const STORAGE_TYPES: Readonly<Record<string, NumberType>> = {
  'torch FloatStorage': 'float32',
  'torch DoubleStorage': 'float64',
  'torch HalfStorage': 'float16',
  'torch BFloat16Storage': 'bfloat16',
  'torch LongStorage': 'int64',
  'torch IntStorage': 'int32',
};

/** Bound on a shape's axes, since many tensors may share one. */
const MOST_AXES = 8;

/** A storage's numbers by its key; undefined where the file has none of that key. */
type Storages = (key: string, type: NumberType) => Uint8Array | undefined;

/** The state dictionary that torch.save wrote, since PyTorch 1.6: a zip archive of a pickle and raw numbers. */
export function readTorchArchive(bytes: Uint8Array): Map<string, StoredTensor> {
  const entries = readZip(bytes);
  const pickle = [...entries.keys()].find((name) => name.endsWith('/data.pkl'));
  if (pickle === undefined) throw new Malformed('it is an archive without the data.pkl of a PyTorch file');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const { value } = readPickle(new ByteView(entries.get(pickle)!()), 0);
  return stateDictionary(value, (key) => entries.get(`${folder}data/${key}`)?.());
}

/**
 * The same before PyTorch 1.6: five pickles (a magic number, the protocol, facts about the machine, the
 * dictionary, the storages' keys), then for each key the storage's length (u64) and numbers.
 */
export function readLegacyTorch(bytes: Uint8Array): Map<string, StoredTensor> {
  const view = new ByteView(bytes);
  let at = 0;
  const next = () => {
    const { value, end } = readPickle(view, at);
    at = end;
    return value;
  };
  for (let i = 0; i < 3; i++) next();
  const dictionary = next();
  const keys = next();
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string')) {
    throw new Malformed('it is a pickle, but not one of PyTorch');
  }
  const types = storageTypes(dictionary);
  const storages = new Map<string, Uint8Array>();
  for (const key of keys) {
    const type = types.get(key);
    if (type === undefined) throw new Malformed(`storage ${key} belongs to no tensor`);
    const length = view.u64(at) * BYTES_PER_NUMBER[type];
    storages.set(key, view.slice(at + 8, length, `storage ${key}`));
    at += 8 + length;
  }
  return stateDictionary(dictionary, (key) => storages.get(key));
}

interface TorchTensor {
  readonly storage: string;
  readonly type: NumberType;
  /** Numbers before the first, in its storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

function* torchTensors(dictionary: unknown): Generator<[string, TorchTensor]> {
  if (!(dictionary instanceof Map)) throw new Malformed('it holds no state dictionary');
  for (const [name, value] of dictionary) {
    const tensor = torchTensor(value);
    if (typeof name === 'string' && tensor !== undefined) yield [name, tensor];
  }
}

function torchTensor(value: unknown): TorchTensor | undefined {
  const call =
    value instanceof PickledCall && value.name.endsWith('_rebuild_parameter') ? value.args[0] : value;
  if (!(call instanceof PickledCall)) return undefined;
  const [reference, offset, shape, strides] = call.args;
  const id = reference instanceof PickledReference ? reference.id : undefined;
  if (!Array.isArray(id) || typeof offset !== 'number' || !isNumbers(shape) || !isNumbers(strides))
    return undefined;
  const [, kind, storage] = id;
  const type = kind instanceof PickledGlobal ? STORAGE_TYPES[kind.name] : undefined;
  if (type === undefined || typeof storage !== 'string') return undefined;
  return { storage, type, offset, shape, strides };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_AXES && value.every((n) => typeof n === 'number');
}

function storageTypes(dictionary: unknown): Map<string, NumberType> {
  return new Map([...torchTensors(dictionary)].map(([, { storage, type }]) => [storage, type]));
}

function stateDictionary(dictionary: unknown, storages: Storages): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { storage, type, offset, shape, strides }] of torchTensors(dictionary)) {
    tensors.set(name, {
      shape,
      read() {
        const count = elementCount(name, shape);
        if (!isContiguous(shape, strides))
          throw new Malformed(`the numbers of tensor ${name} are not in order`);
        const bytes = storages(storage, type);
        if (bytes === undefined) throw new Malformed(`it lacks the numbers of tensor ${name}`);
        const size = BYTES_PER_NUMBER[type];
        const own = new ByteView(bytes).slice(offset * size, count * size, `tensor ${name}`);
        return decodeNumbers(name, own, type, count);
      },
    });
  }
  return tensors;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return strides.length === shape.length;
}
