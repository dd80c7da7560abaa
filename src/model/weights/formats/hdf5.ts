import { ByteView } from './byte-view.js';
import { Malformed } from './malformed.js';
import { decodeNumbers, elementCount, type NumberType, type StoredTensor } from './stored-tensor.js';

/** The first eight bytes of every HDF5 file. */
export const HDF5_SIGNATURE = '\x89HDF\r\n\x1a\n';

const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  layout: 0x08,
  filters: 0x0b,
  continuation: 0x10,
  symbolTable: 0x11,
} as const;
/** Flag of a message whose content is kept elsewhere. */
const SHARED = 0x02;
const UNDEFINED_ADDRESS = 0xffffffff * 2 ** 32 + 0xffffffff;
/** Bound on objects, blocks and nodes visited; files of Keras have some 600. */
const MOST_VISITS = 100_000;
/** Characters from the root on; paths of Keras have some 60. */
const LONGEST_PATH = 1024;
const DEEPEST_GROUP = 32;

interface Message {
  readonly type: number;
  readonly flags: number;
  /** Byte where its content starts. */
  readonly at: number;
  readonly length: number;
}

interface Block {
  readonly start: number;
  /** In bytes. */
  readonly length: number;
}

/**
 * The numeric data sets of an HDF5 file by path, such as `Conv1/Conv1/kernel:0`. Reads what Keras and h5py write
 * (HDF5 file format specification 3.0): groups as symbol tables or as lists of links, data sets stored whole.
 * Compressed or chunked data sets are refused when read, other kinds of object are passed over.
 */
export function readHdf5(bytes: Uint8Array): Map<string, StoredTensor> {
  return new Hdf5Reader(new ByteView(bytes)).tensors();
}

class Hdf5Reader {
  /** Addresses of the groups on the way to the current one, so that a link back to one is no endless loop. */
  private readonly path = new Set<number>();
  private readonly found = new Map<string, StoredTensor>();
  private visits = 0;

  constructor(private readonly view: ByteView) {}

  tensors(): Map<string, StoredTensor> {
    this.object(this.rootAddress(), '');
    return this.found;
  }

  private rootAddress(): number {
    const { view } = this;
    const version = view.u8(8);
    const isOld = version < 2;
    const [offsetSize, lengthSize] = isOld ? [view.u8(13), view.u8(14)] : [view.u8(9), view.u8(10)];
    if (version > 3 || offsetSize !== 8 || lengthSize !== 8) {
      throw new Malformed(`it is HDF5 of a kind not known here (superblock ${version})`);
    }
    if (!isOld) return view.u64(36);
    // Addresses of base, free space, end and driver, then the root's entry: name, then object header.
    const addresses = version === 0 ? 24 : 28;
    return view.u64(addresses + 4 * 8 + 8);
  }

  private object(address: number, path: string): void {
    if (this.path.has(address)) return;
    if (this.path.size === DEEPEST_GROUP) throw new Malformed('its groups are nested too deep');
    this.path.add(address);
    const messages = this.messages(address);
    const of = (type: number) => messages.find((message) => message.type === type);
    const table = of(MESSAGE.symbolTable);
    const layout = of(MESSAGE.layout);
    if (layout !== undefined) this.dataSet(path, of, layout);
    else if (table !== undefined) {
      this.treeNode(this.view.u64(table.at), this.heapData(this.view.u64(table.at + 8)), path);
    } else {
      const info = of(MESSAGE.linkInfo);
      if (info !== undefined) this.refuseDenseLinks(info, path);
      for (const message of messages) if (message.type === MESSAGE.link) this.link(message.at, path);
    }
    this.path.delete(address);
  }

  private child(address: number, name: string, parent: string): void {
    // Counts even a link back to a group on the way, at which `object` turns round.
    this.visit();
    const path = parent === '' ? name : `${parent}/${name}`;
    if (path.length > LONGEST_PATH) throw new Malformed(`a name in its group ${parent || '/'} is too long`);
    this.object(address, path);
  }

  private visit(): void {
    if (++this.visits > MOST_VISITS) throw new Malformed('its tree of groups has no end');
  }

  // Object headers ---------------------------------------------------------------------------------------------

  /** The messages of an object's header, those of its continuation blocks last. */
  private messages(address: number): Message[] {
    const { view } = this;
    const isOld = view.u8(address) === 1;
    const isOrdered = !isOld && (view.u8(address + 5) & 4) !== 0;
    // Grows as continuations are met; the bound on visits ends one that leads back to itself.
    const blocks = [
      isOld ? { start: address + 16, length: view.u32(address + 8) } : this.firstBlock(address),
    ];
    const messages: Message[] = [];
    for (const { start, length } of blocks) {
      this.visit();
      for (const message of isOld ? this.block1(start, length) : this.block2(start, length, isOrdered)) {
        this.visit();
        messages.push(message);
        if (message.type === MESSAGE.continuation) blocks.push(this.continuation(message, isOld));
      }
    }
    return messages;
  }

  private firstBlock(address: number): Block {
    this.expect(address, 'OHDR');
    const flags = this.view.u8(address + 5);
    const sizeBytes = 1 << (flags & 3);
    const at = address + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
    return { start: at + sizeBytes, length: this.unsigned(at, sizeBytes) };
  }

  private continuation({ at }: Message, isOld: boolean): Block {
    const block = { start: this.view.u64(at), length: this.view.u64(at + 8) };
    if (isOld) return block;
    this.expect(block.start, 'OCHK');
    // Signature before and checksum after the messages.
    return { start: block.start + 4, length: block.length - 8 };
  }

  /** Messages of version 1: type u16, length u16, flags u8, 3 bytes unused. */
  private *block1(start: number, length: number): Generator<Message> {
    const { view } = this;
    for (let at = start; at + 8 <= start + length; at += 8 + view.u16(at + 2)) {
      yield { type: view.u16(at), length: view.u16(at + 2), flags: view.u8(at + 4), at: at + 8 };
    }
  }

  /** Messages of version 2: type u8, length u16, flags u8, and the order of creation where it is tracked. */
  private *block2(start: number, length: number, isOrdered: boolean): Generator<Message> {
    const { view } = this;
    const header = isOrdered ? 6 : 4;
    for (let at = start; at + header <= start + length; at += header + view.u16(at + 1)) {
      yield { type: view.u8(at), length: view.u16(at + 1), flags: view.u8(at + 3), at: at + header };
    }
  }

  // Groups -----------------------------------------------------------------------------------------------------

  /** A node of the B-tree (version 1) over a group's names; `names` is where the group's heap keeps them. */
  private treeNode(address: number, names: number, path: string): void {
    this.visit();
    const { view } = this;
    this.expect(address, 'TREE');
    const level = view.u8(address + 5);
    const count = view.u16(address + 6);
    // Two siblings, then keys and children in turn, eight bytes each.
    for (let i = 0; i < count; i++) {
      const child = view.u64(address + 24 + 8 + 16 * i);
      if (level === 0) this.symbols(child, names, path);
      else if (view.u8(child + 5) < level) this.treeNode(child, names, path);
      else throw new Malformed('its tree of groups is broken: a node lies above itself');
    }
  }

  private symbols(address: number, names: number, path: string): void {
    this.visit();
    const { view } = this;
    this.expect(address, 'SNOD');
    const count = view.u16(address + 6);
    for (let i = 0; i < count; i++) {
      const entry = address + 8 + 40 * i;
      this.child(view.u64(entry + 8), this.nameAt(names + view.u64(entry)), path);
    }
  }

  private heapData(address: number): number {
    this.expect(address, 'HEAP');
    return this.view.u64(address + 24);
  }

  private nameAt(at: number): string {
    let end = at;
    while (end - at <= LONGEST_PATH && this.view.u8(end) !== 0) end++;
    return this.view.text(at, end - at);
  }

  /** A link message: version, flags, then type, order of creation and character set where the flags say so. */
  private link(start: number, path: string): void {
    const { view } = this;
    const flags = view.u8(start + 1);
    let at = start + 2;
    const isHard = (flags & 8) === 0 || view.u8(at) === 0;
    if (flags & 8) at += 1;
    if (flags & 4) at += 8;
    if (flags & 16) at += 1;
    const lengthBytes = 1 << (flags & 3);
    const length = this.unsigned(at, lengthBytes);
    at += lengthBytes;
    if (length > LONGEST_PATH) throw new Malformed(`a name in its group ${path || '/'} is too long`);
    if (isHard) this.child(view.u64(at + length), view.text(at, length), path);
  }

  /** Groups of many links may keep them in a heap of their own, which files of Keras do not. */
  private refuseDenseLinks({ at }: Message, path: string): void {
    const flags = this.view.u8(at + 1);
    if (this.view.u64(at + 2 + (flags & 1 ? 8 : 0)) < UNDEFINED_ADDRESS) {
      throw new Malformed(
        `its group ${path || '/'} is stored in a way not known here; save it again with h5py`,
      );
    }
  }

  // Data sets --------------------------------------------------------------------------------------------------

  private dataSet(path: string, of: (type: number) => Message | undefined, layout: Message): void {
    const space = of(MESSAGE.dataspace);
    const type = of(MESSAGE.datatype);
    if (space === undefined || type === undefined)
      throw new Malformed(`data set ${path} has no shape or no type`);
    const shape = this.shape(space, path);
    const read = () => {
      const numbers = this.numberType(type, path);
      if (of(MESSAGE.filters) !== undefined) {
        throw new Malformed(`data set ${path} is compressed; save it again without compression`);
      }
      return decodeNumbers(path, this.content(layout, path), numbers, elementCount(path, shape));
    };
    this.found.set(path, { shape, read });
  }

  private shape({ at }: Message, path: string): number[] {
    const { view } = this;
    const version = view.u8(at);
    if (version !== 1 && version !== 2)
      throw new Malformed(`data set ${path} has a shape of a kind not known here`);
    const rank = view.u8(at + 1);
    const sizes = at + (version === 1 ? 8 : 4);
    return Array.from({ length: rank }, (_, axis) => view.u64(sizes + 8 * axis));
  }

  private numberType({ at, flags }: Message, path: string): NumberType {
    const { view } = this;
    const kind = view.u8(at) & 0x0f;
    const isBigEndian = (view.u8(at + 1) & 1) !== 0;
    const size = view.u32(at + 4);
    const floats: Readonly<Record<number, NumberType>> = { 2: 'float16', 4: 'float32', 8: 'float64' };
    const type = kind === 1 && !isBigEndian && (flags & SHARED) === 0 ? floats[size] : undefined;
    if (type === undefined)
      throw new Malformed(`data set ${path} holds no little-endian floating-point numbers`);
    return type;
  }

  private content({ at }: Message, path: string): Uint8Array {
    const { view } = this;
    const version = view.u8(at);
    const kind = view.u8(at + 1);
    if (version === 3 || version === 4) {
      if (kind === 0) return view.slice(at + 4, view.u16(at + 2), `data set ${path}`);
      if (kind === 1) return view.slice(view.u64(at + 2), view.u64(at + 10), `data set ${path}`);
    }
    throw new Malformed(`data set ${path} is stored in pieces; save it again whole`);
  }

  private unsigned(at: number, size: number): number {
    if (size === 8) return this.view.u64(at);
    if (size === 4) return this.view.u32(at);
    return size === 2 ? this.view.u16(at) : this.view.u8(at);
  }

  private expect(at: number, signature: string): void {
    if (this.view.text(at, 4) !== signature) {
      throw new Malformed(`its tree of groups is broken: ${signature} was expected at byte ${at}`);
    }
  }
}
