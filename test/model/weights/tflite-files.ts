import type { HostTensor } from '../../../src/model/network.js';
import { toHalf } from './keras-files.js';
import { fold, type TestNetwork } from './source-network.js';

export type TfliteNumbers = 'float32' | 'float16' | 'int8 per channel' | 'uint8 per tensor';

/** A field of a FlatBuffers table; undefined where it keeps its default. */
type Field =
  | undefined
  | { u8: number }
  | { i32: number }
  | { table: Field[] }
  | { tables: Field[][] }
  | { bytes: Buffer; count: number };

/** Writes tables front to back: a table's vtable, the table, then what it points to. */
class FlatWriter {
  private bytes = Buffer.alloc(1 << 16);
  private length = 0;

  static file(identifier: string, root: Field[]): Buffer {
    const writer = new FlatWriter();
    writer.append(Buffer.alloc(8));
    writer.bytes.write(identifier, 4, 'latin1');
    // The buffer may move while the table is written.
    const at = writer.table(root);
    writer.bytes.writeUInt32LE(at, 0);
    return Buffer.from(writer.bytes.subarray(0, writer.length));
  }

  private append(content: Buffer): number {
    while (this.length + content.length > this.bytes.length) {
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length)]);
    }
    const at = this.length;
    content.copy(this.bytes, at);
    this.length += content.length;
    return at;
  }

  private u32(value: number): number {
    return this.append(Buffer.from(Uint32Array.of(value).buffer));
  }

  private table(fields: Field[]): number {
    const offsets = fields.map((field, i) => (field === undefined ? 0 : 4 + 4 * i));
    const vtable = this.append(
      Buffer.from(Uint16Array.of(4 + 2 * fields.length, 4 + 4 * fields.length, ...offsets).buffer),
    );
    const at = this.u32(this.length - vtable);
    for (const field of fields) {
      if (field !== undefined && 'u8' in field) this.u32(field.u8);
      else if (field !== undefined && 'i32' in field) this.u32(field.i32 >>> 0);
      else this.u32(0);
    }
    fields.forEach((field, i) => {
      if (field === undefined || 'u8' in field || 'i32' in field) return;
      const slot = at + 4 + 4 * i;
      const target =
        'table' in field
          ? this.table(field.table)
          : 'tables' in field
            ? this.tables(field.tables)
            : this.vector(field);
      this.bytes.writeUInt32LE(target - slot, slot);
    });
    return at;
  }

  private tables(tables: Field[][]): number {
    const at = this.u32(tables.length);
    for (const _ of tables) this.u32(0);
    tables.forEach((fields, i) => {
      const slot = at + 4 + 4 * i;
      const target = this.table(fields);
      this.bytes.writeUInt32LE(target - slot, slot);
    });
    return at;
  }

  private vector({ bytes, count }: { bytes: Buffer; count: number }): number {
    const at = this.u32(count);
    this.append(bytes);
    return at;
  }
}

const i32s = (values: readonly number[]): Field => ({
  bytes: Buffer.from(Int32Array.from(values).buffer),
  count: values.length,
});
const f32s = (values: readonly number[]): Field => ({
  bytes: Buffer.from(Float32Array.from(values).buffer),
  count: values.length,
});
const i64s = (values: readonly number[]): Field => ({
  bytes: Buffer.from(BigInt64Array.from(values, BigInt).buffer),
  count: values.length,
});
const text = (value: string): Field => ({ bytes: Buffer.from(`${value}\0`), count: value.length });

const TYPE = { float32: 0, float16: 1, int32: 2, uint8: 3, int8: 9 } as const;
const CODE = { conv: 3, depthwise: 4, dequantize: 6, fullyConnected: 9 } as const;
const INPUT_SCALE = 0.05;

/** A TensorFlow Lite model of the test network, its batch norm folded. */
export function tfliteFile({ layers, classifier }: TestNetwork, numbers: TfliteNumbers): Buffer {
  const buffers: Field[][] = [[]];
  const tensors: Field[][] = [];
  const operators: Field[][] = [];
  const codes = Object.values(CODE);
  const tensor = (
    name: string,
    shape: readonly number[],
    type: keyof typeof TYPE,
    bytes?: Buffer,
    quantization?: Field,
  ) => {
    if (bytes) buffers.push([{ bytes, count: bytes.length }]);
    const buffer = bytes ? buffers.length - 1 : 0;
    tensors.push([i32s(shape), { u8: TYPE[type] }, { i32: buffer }, text(name), quantization]);
    return tensors.length - 1;
  };
  const operator = (code: keyof typeof CODE, inputs: number[], outputs: number[]) =>
    operators.push([{ i32: codes.indexOf(CODE[code]) }, i32s(inputs), i32s(outputs)]);
  const isQuantised = numbers === 'int8 per channel' || numbers === 'uint8 per tensor';
  const activation = (name: string) =>
    tensor(
      name,
      [1, 8, 8, 8],
      isQuantised ? 'int8' : 'float32',
      undefined,
      isQuantised
        ? { table: [undefined, undefined, f32s([INPUT_SCALE]), i64s([3]), undefined, undefined, { i32: 0 }] }
        : undefined,
    );

  let x = activation('input');
  const add = (
    name: string,
    code: 'conv' | 'depthwise' | 'fullyConnected',
    weights: HostTensor,
    bias: Float32Array,
  ) => {
    const axis = code === 'depthwise' ? 3 : 0;
    const stored = quantise(weights, axis, numbers);
    let filters = tensor(`${name};fused`, weights.shape, stored.type, stored.bytes, stored.quantization);
    if (numbers === 'float16') {
      const wide = tensor(`${name}/wide`, weights.shape, 'float32');
      operator('dequantize', [filters], [wide]);
      filters = wide;
    }
    const units = stored.scales.map((scale) => scale * INPUT_SCALE);
    const biases = isQuantised
      ? tensor(
          `${name}/bias`,
          [bias.length],
          'int32',
          Buffer.from(Int32Array.from(bias, (b, c) => Math.round(b / units[c % units.length]!)).buffer),
        )
      : tensor(`${name}/bias`, [bias.length], 'float32', Buffer.from(Float32Array.from(bias).buffer));
    const y = activation(`${name}/out`);
    operator(code, [x, filters, biases], [y]);
    x = y;
  };
  for (const layer of layers) {
    const { weights, bias } = fold(layer);
    if (layer.isDepthwise) {
      add(layer.target, 'depthwise', { shape: [1, ...weights.shape.slice(0, 3)], data: weights.data }, bias);
    } else add(layer.target, 'conv', outputFirst(weights), bias);
  }
  const dense = outputFirst(classifier.weights);
  add(
    'logits',
    'fullyConnected',
    { shape: [dense.shape[0]!, dense.shape[3]!], data: dense.data },
    classifier.bias,
  );
  return FlatWriter.file('TFL3', [
    { i32: 3 },
    { tables: codes.map((code) => [{ u8: code }, undefined, { i32: 1 }, { i32: code }]) },
    { tables: [[{ tables: tensors }, undefined, undefined, { tables: operators }]] },
    undefined,
    { tables: buffers },
  ]);
}

/** [k, k, in, out] to [out, k, k, in]. */
function outputFirst({ shape, data }: HostTensor): HostTensor {
  const [height, width, inputs, outputs] = shape as [number, number, number, number];
  const size = height * width * inputs;
  const moved = Float32Array.from(
    { length: data.length },
    (_, i) => data[(i % size) * outputs + Math.floor(i / size)]!,
  );
  return { shape: [outputs, height, width, inputs], data: moved };
}

function quantise({ shape, data }: HostTensor, axis: number, numbers: TfliteNumbers) {
  if (numbers === 'float32')
    return { type: 'float32' as const, bytes: Buffer.from(Float32Array.from(data).buffer), scales: [1] };
  if (numbers === 'float16')
    return {
      type: 'float16' as const,
      bytes: Buffer.from(Uint16Array.from(data, toHalf).buffer),
      scales: [1],
    };
  const isPerTensor = numbers === 'uint8 per tensor';
  const channels = isPerTensor ? 1 : shape[axis]!;
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const channelOf = (i: number) => (isPerTensor ? 0 : Math.floor(i / inner) % channels);
  const largest = new Float32Array(channels);
  data.forEach((v, i) => {
    largest[channelOf(i)] = Math.max(largest[channelOf(i)]!, Math.abs(v));
  });
  const scales = Array.from(largest, (size) => size / 127);
  const zero = isPerTensor ? 128 : 0;
  const codes = Array.from(data, (v, i) => Math.round(v / scales[channelOf(i)]!) + zero);
  const quantization: Field = {
    table: [
      undefined,
      undefined,
      f32s(scales),
      i64s(scales.map(() => zero)),
      undefined,
      undefined,
      { i32: isPerTensor ? 0 : axis },
    ],
  };
  return isPerTensor
    ? { type: 'uint8' as const, bytes: Buffer.from(Uint8Array.from(codes)), scales, quantization }
    : { type: 'int8' as const, bytes: Buffer.from(Int8Array.from(codes).buffer), scales, quantization };
}
