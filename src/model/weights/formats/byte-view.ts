import { Malformed } from './malformed.js';

/** Little-endian numbers of a file, every read checked against its end. Positions are in bytes. */
export class ByteView {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    this.require(at, 1);
    return this.view.getUint8(at);
  }

  u16(at: number): number {
    this.require(at, 2);
    return this.view.getUint16(at, true);
  }

  u32(at: number): number {
    this.require(at, 4);
    return this.view.getUint32(at, true);
  }

  i32(at: number): number {
    this.require(at, 4);
    return this.view.getInt32(at, true);
  }

  f32(at: number): number {
    this.require(at, 4);
    return this.view.getFloat32(at, true);
  }

  /** A u64, as sizes and positions are written. One past 2⁵³ comes out too large for any file, and is refused. */
  u64(at: number): number {
    this.require(at, 8);
    return this.view.getUint32(at + 4, true) * 2 ** 32 + this.view.getUint32(at, true);
  }

  i64(at: number): number {
    this.require(at, 8);
    return this.view.getInt32(at + 4, true) * 2 ** 32 + this.view.getUint32(at, true);
  }

  /** A view into the file, not a copy. @param what for the message, such as "tensor Conv1/kernel" */
  slice(at: number, length: number, what = 'more'): Uint8Array {
    this.require(at, length, what);
    return this.bytes.subarray(at, at + length);
  }

  text(at: number, length: number): string {
    return Buffer.from(this.slice(at, length)).toString('utf8');
  }

  private require(at: number, length: number, what = 'more'): void {
    if (!(at >= 0 && length >= 0 && at + length <= this.bytes.length)) {
      throw new Malformed(`it has ${this.bytes.length} bytes and ${what} was expected at byte ${at}`);
    }
  }
}
