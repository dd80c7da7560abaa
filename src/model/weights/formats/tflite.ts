import { requireFewLayers, type SourceLayer } from '../source-layer.js';
import { ByteView } from './byte-view.js';
import { FlatTable } from './flatbuffer.js';
import { Malformed } from './malformed.js';
import { decodeNumbers, elementCount, type NumberType, readTransposed } from './stored-tensor.js';

/** `TFL3`, at byte 4. */
export const TFLITE_IDENTIFIER = 'TFL3';

// Numbers of fields, operators and types: tensorflow/compiler/mlir/lite/schema/schema.fbs.
const MODEL = { operatorCodes: 1, subgraphs: 2, buffers: 4 } as const;
const OPERATOR_CODE = { deprecatedCode: 0, code: 3 } as const;
const SUBGRAPH = { tensors: 0, operators: 3 } as const;
const OPERATOR = { codeIndex: 0, inputs: 1, outputs: 2 } as const;
const TENSOR = { shape: 0, type: 1, buffer: 2, name: 3, quantization: 4 } as const;
const QUANTIZATION = { scale: 2, zeroPoint: 3, dimension: 6 } as const;
const BUFFER = { data: 0 } as const;
const CODES = { conv: 3, depthwise: 4, dequantize: 6, fullyConnected: 9 } as const;
const LAYER_CODES: ReadonlySet<number> = new Set([CODES.conv, CODES.depthwise, CODES.fullyConnected]);
/** The number of an input that is left out. */
const ABSENT = -1;
const TYPES: Readonly<Record<number, NumberType>> = {
  0: 'float32',
  1: 'float16',
  2: 'int32',
  3: 'uint8',
  9: 'int8',
};

/** Real value = scale · (stored − zero point), for the whole tensor or along one of its axes. */
interface Quantization {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  readonly axis: number;
}

interface FlatTensor {
  /** Its number where the file has no names. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: NumberType;
  /** Empty where the tensor is computed, not stored. */
  readonly bytes: Uint8Array;
  readonly quantization: Quantization | undefined;
}

/**
 * The convolutions and dense layers of a TensorFlow Lite model, in the order in which they run. Filters are
 * stored [out, k, k, in], depthwise [1, k, k, C]; the batch norm is folded into filters and bias. Numbers are
 * float32, float16, or uint8 or int8 with a scale for the whole tensor or one for each channel.
 */
export function readTflite(bytes: Uint8Array): SourceLayer[] {
  const model = FlatTable.root(new ByteView(bytes));
  const buffers = model.tables(MODEL.buffers);
  const codes = model.tables(MODEL.operatorCodes).map(codeOf);
  const graph = model.tables(MODEL.subgraphs)[0];
  if (graph === undefined) throw new Malformed('it holds no graph');
  const tables = graph.tables(SUBGRAPH.tensors);
  const tensorAt = (index: number): FlatTensor => {
    const table = tables[index];
    if (table === undefined) throw new Malformed(`an operator names tensor ${index} of ${tables.length}`);
    return tensorOf(index, table, buffers);
  };

  const operators = graph
    .tables(SUBGRAPH.operators)
    .map((operator) => ({ operator, code: codes[operator.u32(OPERATOR.codeIndex)] }));
  const convolutions = operators.filter(({ code }) => LAYER_CODES.has(code));
  requireFewLayers(convolutions.length);
  // float16 models store halves and widen them by an operator of their own.
  const widened = new Map(
    operators
      .filter(({ code }) => code === CODES.dequantize)
      .map(({ operator }) => [operator.i32s(OPERATOR.outputs)[0], operator.i32s(OPERATOR.inputs)[0]]),
  );
  const stored = (index: number) => tensorAt(widened.get(index) ?? index);
  return convolutions.map(({ operator, code }) => {
    const [input, filters, bias = ABSENT] = operator.i32s(OPERATOR.inputs);
    const weights = stored(filters);
    if (bias === ABSENT) throw new Malformed(`the layer of tensor ${weights.name} has no bias`);
    return layerOf(code, weights, stored(bias), tensorAt(input));
  });
}

/** Codes past 127 did not fit the first field; models before that have only the first. */
function codeOf(table: FlatTable): number {
  return Math.max(table.u8(OPERATOR_CODE.deprecatedCode), table.i32(OPERATOR_CODE.code));
}

function tensorOf(index: number, table: FlatTable, buffers: readonly FlatTable[]): FlatTensor {
  const name = table.text(TENSOR.name).split(';')[0] || `${index}`;
  const code = table.u8(TENSOR.type);
  const type = TYPES[code];
  if (type === undefined) throw new Malformed(`tensor ${name} is of a type (${code}) without real numbers`);
  const buffer = buffers[table.u32(TENSOR.buffer)];
  if (buffer === undefined) throw new Malformed(`tensor ${name} has no buffer`);
  const quantization = table.table(TENSOR.quantization);
  const scales = quantization?.f32s(QUANTIZATION.scale) ?? [];
  return {
    name,
    shape: table.i32s(TENSOR.shape),
    type,
    bytes: buffer.bytes(BUFFER.data),
    quantization:
      quantization === undefined || scales.length === 0
        ? undefined
        : {
            scales,
            zeroPoints: quantization.i64s(QUANTIZATION.zeroPoint),
            axis: quantization.i32(QUANTIZATION.dimension),
          },
  };
}

function layerOf(code: number, filters: FlatTensor, bias: FlatTensor, input: FlatTensor): SourceLayer {
  const { name, shape } = filters;
  const rank = code === CODES.fullyConnected ? 2 : 4;
  if (shape.length !== rank) {
    throw new Malformed(`tensor ${name} has shape [${shape}] where ${rank} axes were expected`);
  }
  const stored =
    code === CODES.fullyConnected
      ? { shape: [shape[0], 1, 1, shape[1]], read: () => values(filters) }
      : { shape, read: () => values(filters) };
  // A depthwise filter [1, k, k, C] becomes [k, k, C, 1], the others [k, k, in, out].
  const weights = readTransposed(stored, [1, 2, 3, 0]);
  return { name: `tensor ${name}`, weights, norm: { kind: 'bias', bias: biasValues(bias, filters, input) } };
}

function values(tensor: FlatTensor): Float32Array {
  const { name, shape, type, bytes, quantization } = tensor;
  const data = decodeNumbers(name, bytes, type, elementCount(name, shape));
  if (type === 'float32' || type === 'float16') return data;
  if (quantization === undefined) throw new Malformed(`tensor ${name} is ${type} and has no scale`);
  const { scales, zeroPoints, axis } = quantization;
  const channels = scales.length === 1 ? 1 : shape[axis];
  if (scales.length !== channels || (zeroPoints.length !== 0 && zeroPoints.length !== channels)) {
    throw new Malformed(`tensor ${name} has ${scales.length} scales for shape [${shape}]`);
  }
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  for (let i = 0; i < data.length; i++) {
    const channel = channels === 1 ? 0 : Math.floor(i / inner) % channels;
    data[i] = scales[channel] * (data[i] - (zeroPoints[channel] ?? 0));
  }
  return data;
}

/** An int32 bias is in units of input scale × filter scale, whether or not the file repeats that beside it. */
function biasValues(bias: FlatTensor, filters: FlatTensor, input: FlatTensor): Float32Array {
  if (bias.type !== 'int32' || bias.quantization !== undefined) return values(bias);
  const inputScale = input.quantization?.scales[0];
  if (inputScale === undefined || filters.quantization === undefined) {
    throw new Malformed(`tensor ${bias.name} is int32 and nothing gives its scale`);
  }
  const scales = filters.quantization.scales.map((scale) => scale * inputScale);
  return values({ ...bias, quantization: { scales, zeroPoints: [], axis: 0 } });
}
