import { BadFrameError } from '../errors.js';

/**
 * Reads one record batch out of an Arrow IPC stream that a stranger sent.
 *
 * The Arrow library trusts what it reads: a flipped bit in a length makes it build billions of objects, or read beyond its
 * bytes and find zeros. Here every offset is checked (a DataView throws beyond its end), every length is held against the
 * bytes there are before anything is made of it, and the work is bounded by a few columns. Layouts: Arrow columnar format,
 * "Encapsulated message format"; `Message.fbs` and `Schema.fbs`, metadata versions 4 and 5, little-endian, uncompressed.
 */

/** Types of the columns that can be read; `fixed_size_list<float64>[n]` is of n values without nulls. */
export type ColumnType = 'utf8' | 'binary' | 'float64' | 'int32' | `fixed_size_list<float64>[${number}]`;

export interface ArrowBatch {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, ArrowColumn>;
}

/** More than any message has, so that nothing loops for long. */
const MOST_COLUMNS = 64;
const MOST_ROWS = 65_536;

const SCHEMA = 1;
const RECORD_BATCH = 3;
const CONTINUATION = 0xffffffff;

/**
 * @param bytes an IPC stream of a schema and one record batch; or the first part of one, where what lies beyond it must
 * not be asked for
 * @param accept told of the columns' types by name before any is read; throws where it wants others
 * @param size of the whole, in bytes
 * @param name what faults call it
 * @returns columns that are views on `bytes`
 * @throws BadFrameError where it is no such stream
 */
export function readArrowBatch(
  bytes: Uint8Array,
  accept: (types: ReadonlyMap<string, string>) => void,
  size = bytes.length,
  name = 'message',
): ArrowBatch {
  try {
    return new Messages(bytes, size, name).batch(accept);
  } catch (error) {
    // A DataView's, for an offset beyond its end.
    if (error instanceof RangeError) throw new BadFrameError(name, 'a damaged Arrow IPC stream');
    throw error;
  }
}

/** Reads encapsulated messages one after another. */
class Messages {
  private readonly view: DataView;
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly size: number,
    private readonly name: string,
  ) {
    this.view = viewOf(bytes);
  }

  batch(accept: (types: ReadonlyMap<string, string>) => void): ArrowBatch {
    const schema = this.next();
    if (schema?.kind !== SCHEMA) throw this.fault('not an Arrow IPC stream that begins with a schema');
    const types = typesOf(schema.header, this.name);
    accept(types);
    const message = this.next();
    if (message === undefined) throw this.fault('no record batch, expected one');
    if (message.kind !== RECORD_BATCH) throw this.fault('a dictionary, expected a record batch alone');
    const start = this.at - message.bodyLength;
    const batch = batchOf(message.header, types, this.name, (offset, length) => {
      if (offset + length > message.bodyLength)
        throw this.fault('a buffer beyond the end of its record batch');
      return this.bytes.subarray(start + offset, start + offset + length);
    });
    // The mark of the end may be there or not.
    if (this.size === this.bytes.length) {
      if (this.next() !== undefined) throw this.fault('more than one record batch, expected one');
      if (this.at !== this.size) throw this.fault('bytes after the end of the stream');
    }
    return batch;
  }

  /** The next message, with its body passed over; undefined at the end of the stream. */
  private next(): { kind: number; header: FlatTable; bodyLength: number } | undefined {
    if (this.at === this.size) return undefined;
    if (this.size - this.at < 8) throw this.fault('truncated, or not an Arrow IPC stream');
    if (this.view.getUint32(this.at, true) !== CONTINUATION) throw this.fault('not an Arrow IPC stream');
    const length = this.view.getUint32(this.at + 4, true);
    const start = this.at + 8;
    if (length === 0) {
      this.at = start;
      return undefined;
    }
    if (length > this.size - start) throw this.fault('truncated');
    const metadata = this.bytes.subarray(start, start + length);
    const message = FlatTable.root(viewOf(metadata));
    const version = message.int16(0);
    if (version !== 3 && version !== 4)
      throw this.fault(`Arrow metadata version ${version + 1}, expected 4 or 5`);
    const header = message.table(2);
    if (header === undefined) throw this.fault('an Arrow message without a header');
    const bodyLength = message.int64(3);
    this.at = start + length + bodyLength;
    if (!(bodyLength >= 0 && this.at <= this.size)) throw this.fault('truncated');
    return { kind: message.uint8(1), header, bodyLength };
  }

  private fault(reason: string): BadFrameError {
    return new BadFrameError(this.name, reason);
  }
}

/** A FlatBuffers table; a field that is absent reads as 0 or undefined. */
class FlatTable {
  private readonly vtable: number;

  private constructor(
    private readonly view: DataView,
    private readonly at: number,
  ) {
    this.vtable = at - view.getInt32(at, true);
  }

  static root(view: DataView): FlatTable {
    return new FlatTable(view, view.getUint32(0, true));
  }

  /** Where a field lies; 0 where it is absent. */
  private place(field: number): number {
    const slot = 4 + 2 * field;
    if (slot + 2 > this.view.getUint16(this.vtable, true)) return 0;
    const offset = this.view.getUint16(this.vtable + slot, true);
    return offset === 0 ? 0 : this.at + offset;
  }

  uint8(field: number): number {
    const place = this.place(field);
    return place === 0 ? 0 : this.view.getUint8(place);
  }

  int16(field: number): number {
    const place = this.place(field);
    return place === 0 ? 0 : this.view.getInt16(place, true);
  }

  int32(field: number): number {
    const place = this.place(field);
    return place === 0 ? 0 : this.view.getInt32(place, true);
  }

  int64(field: number): number {
    const place = this.place(field);
    return place === 0 ? 0 : Number(this.view.getBigInt64(place, true));
  }

  table(field: number): FlatTable | undefined {
    const place = this.place(field);
    return place === 0 ? undefined : new FlatTable(this.view, place + this.view.getUint32(place, true));
  }

  string(field: number): string {
    const { start, length } = this.vector(field, 1);
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + start, length));
  }

  tables(field: number, most: number): FlatTable[] {
    const { start, length } = this.vector(field, 4);
    if (length > most) throw new RangeError('more than there can be');
    return Array.from({ length }, (_, i) => {
      const place = start + 4 * i;
      return new FlatTable(this.view, place + this.view.getUint32(place, true));
    });
  }

  /** A vector of pairs of 64-bit integers. */
  pairs(field: number, most: number): [number, number][] {
    const { start, length } = this.vector(field, 16);
    if (length > most) throw new RangeError('more than there can be');
    const at = (place: number) => Number(this.view.getBigInt64(place, true));
    return Array.from({ length }, (_, i) => [at(start + 16 * i), at(start + 16 * i + 8)]);
  }

  private vector(field: number, width: number): { start: number; length: number } {
    const place = this.place(field);
    if (place === 0) return { start: 0, length: 0 };
    const vector = place + this.view.getUint32(place, true);
    const length = this.view.getUint32(vector, true);
    if (vector + 4 + length * width > this.view.byteLength) throw new RangeError('a vector beyond the end');
    return { start: vector + 4, length };
  }
}

/** Types of the columns by name, in order. */
function typesOf(schema: FlatTable, name: string): ReadonlyMap<string, string> {
  if (schema.int16(0) !== 0) throw new BadFrameError(name, 'big-endian, expected little-endian');
  const types = new Map<string, string>();
  for (const field of schema.tables(1, MOST_COLUMNS)) {
    const column = field.string(0);
    if (types.has(column)) throw new BadFrameError(columnNamed(column), 'there twice');
    types.set(column, typeOf(field));
  }
  return types;
}

/** Names of `Schema.fbs`'s types, for messages, by number. */
const TYPE_NAMES =
  'none null int float binary utf8 bool decimal date time timestamp interval list struct union fixed_size_binary fixed_size_list map duration large_binary large_utf8 large_list run_end_encoded binary_view utf8_view list_view large_list_view'.split(
    ' ',
  );

function typeOf(field: FlatTable): string {
  if (field.table(4) !== undefined) return 'dictionary';
  const number = field.uint8(2);
  const type = field.table(3);
  switch (TYPE_NAMES[number]) {
    case 'int':
      return `${type?.uint8(1) ? 'int' : 'uint'}${type?.int32(0) ?? 0}`;
    case 'float':
      return `float${[16, 32, 64][type?.int16(0) ?? 0] ?? '?'}`;
    case 'fixed_size_list': {
      const [child] = field.tables(5, 1);
      const isPlain = child !== undefined && child.uint8(2) !== 16;
      return `fixed_size_list<${isPlain ? typeOf(child) : '?'}>[${type?.int32(0) ?? 0}]`;
    }
    default:
      return TYPE_NAMES[number] ?? `type ${number}`;
  }
}

/** A column, as faults call it: its name comes from a stranger. */
export function columnNamed(name: string): string {
  return `column ${/^\w{1,40}$/.test(name) ? name : JSON.stringify(name.slice(0, 40))}`;
}

function batchOf(
  header: FlatTable,
  types: ReadonlyMap<string, string>,
  name: string,
  buffer: (offset: number, length: number) => Uint8Array,
): ArrowBatch {
  const rows = header.int64(0);
  if (!(rows >= 0 && rows <= MOST_ROWS))
    throw new BadFrameError(name, `${rows} rows, expected at most ${MOST_ROWS}`);
  if (header.table(3) !== undefined) throw new BadFrameError(name, 'compressed, expected no compression');
  const nodes = header.pairs(1, 2 * MOST_COLUMNS);
  const buffers = header.pairs(2, 4 * MOST_COLUMNS);
  const nextNode = (rows: number, column: string): void => {
    const [length] = nodes.shift() ?? [];
    if (length !== rows) throw new BadFrameError(column, `${length ?? 0} values, expected ${rows}`);
  };
  const nextBuffer = (least: number, column: string): Uint8Array => {
    const [offset = 0, length = 0] = buffers.shift() ?? [];
    if (!(offset >= 0 && length >= 0)) throw new BadFrameError(column, 'a buffer of negative length');
    if (length < least) throw new BadFrameError(column, `a buffer of ${length} bytes, expected ${least}`);
    return buffer(offset, length);
  };
  const columns = new Map<string, ArrowColumn>();
  for (const [key, type] of types) {
    const column = columnNamed(key);
    nextNode(rows, column);
    const validity = nextBuffer(0, column);
    const bitmap = (rows + 7) >> 3;
    if (validity.length > 0 && validity.length < bitmap)
      throw new BadFrameError(column, `a buffer of ${validity.length} bytes, expected ${bitmap}`);
    const listSize = Number(/^fixed_size_list<float64>\[(\d{1,3})\]$/.exec(type)?.[1]);
    if (type === 'utf8' || type === 'binary') {
      const offsets = nextBuffer(4 * (rows + 1), column);
      columns.set(key, new ArrowColumn(type, column, validity, nextBuffer(0, column), 0, offsets));
    } else if (type === 'float64' || type === 'int32') {
      const width = type === 'float64' ? 8 : 4;
      columns.set(key, new ArrowColumn(type, column, validity, nextBuffer(width * rows, column), width));
    } else if (listSize > 0) {
      nextNode(rows * listSize, column);
      nextBuffer(0, column); // a null inside leaves a number, and numbers are checked
      const values = nextBuffer(8 * rows * listSize, column);
      columns.set(key, new ArrowColumn(type, column, validity, values, 8 * listSize));
    } else {
      throw new BadFrameError(column, `is ${type}, which cannot be read`);
    }
  }
  return { rows, columns };
}

/** A column of a batch; rows are whole numbers from 0, below the batch's `rows`. */
export class ArrowColumn {
  constructor(
    readonly type: string,
    /** What faults call it. */
    private readonly name: string,
    private readonly validity: Uint8Array,
    private readonly values: Uint8Array,
    /** Bytes a row, where all rows have the same. */
    private readonly width: number,
    private readonly offsets?: Uint8Array,
  ) {}

  isNull(row: number): boolean {
    return this.validity.length > 0 && ((this.validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
  }

  /**
   * The bytes of a row's value, a view.
   * @throws BadFrameError where the offsets lead out of the column
   */
  bytes(row: number): Uint8Array {
    if (this.offsets === undefined) return this.values.subarray(this.width * row, this.width * (row + 1));
    const view = viewOf(this.offsets);
    const start = view.getInt32(4 * row, true);
    const end = view.getInt32(4 * row + 4, true);
    if (!(start >= 0 && start <= end && end <= this.values.length))
      throw new BadFrameError(
        `row ${row}, ${this.name}`,
        `offsets ${start} to ${end} lead out of its values`,
      );
    return this.values.subarray(start, end);
  }

  /** The number, or the first of the list, of a row. */
  number(row: number): number {
    const view = viewOf(this.values);
    return this.type === 'int32' ? view.getInt32(4 * row, true) : view.getFloat64(this.width * row, true);
  }

  /** A copy of the list of a row. */
  numbers(row: number): Float64Array {
    const view = viewOf(this.values);
    const start = this.width * row;
    return Float64Array.from({ length: this.width / 8 }, (_, i) => view.getFloat64(start + 8 * i, true));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
