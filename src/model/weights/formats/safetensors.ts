import { ByteView } from './byte-view.js';
import { Malformed } from './malformed.js';
import {
  decodeNumbers,
  elementCount,
  type NumberType,
  type StoredTensor,
  type StoredTensors,
} from './stored-tensor.js';

const TYPES: Readonly<Record<string, NumberType>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
  I8: 'int8',
  U8: 'uint8',
  I32: 'int32',
  I64: 'int64',
};

interface HeaderEntry {
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly data_offsets?: unknown;
}

interface Safetensors {
  /** What the file's metadata give as its format; PyTorch writes `pt`. */
  readonly format: unknown;
  readonly tensors: StoredTensors;
}

/** Any safetensors file, with tensors of any number type; our own files have a stricter reader. */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const view = new ByteView(bytes);
  const headerLength = view.u64(0);
  const header = parseObject(Buffer.from(view.slice(8, headerLength, 'its header')).toString('utf8'));
  const data = new ByteView(bytes.subarray(8 + headerLength));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, storedTensor(name, entry as HeaderEntry | null, data));
  }
  const metadata = header.__metadata__ as { readonly format?: unknown } | null | undefined;
  return { format: metadata?.format, tensors };
}

function storedTensor(name: string, entry: HeaderEntry | null, data: ByteView): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  if (typeof dtype !== 'string' || !isNaturals(shape) || !isNaturals(offsets) || offsets.length !== 2) {
    throw new Malformed(`its header's entry for tensor ${name} is malformed`);
  }
  const [begin, end] = offsets;
  return {
    shape,
    read() {
      const type = TYPES[dtype];
      if (type === undefined)
        throw new Malformed(`tensor ${name} is of type ${dtype}, not one of real numbers`);
      const bytes = data.slice(begin, end - begin, `tensor ${name}`);
      return decodeNumbers(name, bytes, type, elementCount(name, shape));
    },
  };
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Malformed('its header is not JSON');
}
