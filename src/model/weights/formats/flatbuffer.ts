import type { ByteView } from './byte-view.js';
import { Malformed } from './malformed.js';

/**
 * Bound on names and on lists of tables and numbers, since many fields may share one; MobileNetV2 has 1280 scales at
 * the most. Raw bytes have no bound but the file's end.
 */
const MOST_ENTRIES = 2 ** 12;

/** Where the elements of a vector lie. */
interface Vector {
  readonly start: number;
  readonly length: number;
}

/**
 * A table of a FlatBuffer (flatbuffers.dev, "internals"): a signed offset back to its vtable, which gives the
 * offset of every field or 0 where the field has its default.
 */
export class FlatTable {
  private constructor(
    private readonly view: ByteView,
    private readonly at: number,
  ) {}

  static root(view: ByteView): FlatTable {
    return new FlatTable(view, view.u32(0));
  }

  u8(field: number, absent = 0): number {
    const at = this.field(field);
    return at === undefined ? absent : this.view.u8(at);
  }

  u32(field: number, absent = 0): number {
    const at = this.field(field);
    return at === undefined ? absent : this.view.u32(at);
  }

  i32(field: number, absent = 0): number {
    const at = this.field(field);
    return at === undefined ? absent : this.view.i32(at);
  }

  text(field: number): string {
    const { start, length } = this.boundedVector(field, 1);
    return this.view.text(start, length);
  }

  table(field: number): FlatTable | undefined {
    const at = this.field(field);
    return at === undefined ? undefined : new FlatTable(this.view, at + this.view.u32(at));
  }

  tables(field: number): FlatTable[] {
    return this.map(field, 4, (at) => new FlatTable(this.view, at + this.view.u32(at)));
  }

  i32s(field: number): number[] {
    return this.map(field, 4, (at) => this.view.i32(at));
  }

  f32s(field: number): number[] {
    return this.map(field, 4, (at) => this.view.f32(at));
  }

  i64s(field: number): number[] {
    return this.map(field, 8, (at) => this.view.i64(at));
  }

  /** A view into the file, not a copy. */
  bytes(field: number): Uint8Array {
    const { start, length } = this.vector(field, 1);
    return this.view.slice(start, length);
  }

  private map<T>(field: number, size: number, element: (at: number) => T): T[] {
    const { start, length } = this.boundedVector(field, size);
    return Array.from({ length }, (_, i) => element(start + i * size));
  }

  private boundedVector(field: number, elementSize: number): Vector {
    const vector = this.vector(field, elementSize);
    if (vector.length > MOST_ENTRIES) throw new Malformed(`a list is said to have ${vector.length} entries`);
    return vector;
  }

  /** Empty where the field is absent. Its length is checked before anything is allocated by it. */
  private vector(field: number, elementSize: number): Vector {
    const at = this.field(field);
    if (at === undefined) return { start: 0, length: 0 };
    const start = at + this.view.u32(at) + 4;
    const length = this.view.u32(start - 4);
    if (start + length * elementSize > this.view.length) {
      throw new Malformed(`a list of ${length} entries runs past its end at byte ${this.view.length}`);
    }
    return { start, length };
  }

  private field(index: number): number | undefined {
    const vtable = this.at - this.view.i32(this.at);
    const slot = 4 + 2 * index;
    if (slot + 2 > this.view.u16(vtable)) return undefined;
    const offset = this.view.u16(vtable + slot);
    return offset === 0 ? undefined : this.at + offset;
  }
}
