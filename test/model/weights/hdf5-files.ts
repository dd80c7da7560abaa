import type { HostTensor } from '../../../src/model/network.js';

interface Group {
  readonly children: Map<string, Group | HostTensor>;
}

const u8 = (...values: number[]) => Buffer.from(values);
const u16 = (n: number) => Buffer.from(Uint16Array.of(n).buffer);
const u32 = (n: number) => Buffer.from(Uint32Array.of(n).buffer);
const u64 = (n: number) => Buffer.from(BigUint64Array.of(BigInt(n)).buffer);
const NOWHERE = Buffer.alloc(8, 0xff);

/** An HDF5 file as h5py writes it for Keras: superblock 0, groups as symbol tables, data sets stored whole. */
export function hdf5File(tensors: ReadonlyMap<string, HostTensor>): Buffer {
  const root: Group = { children: new Map() };
  for (const [path, tensor] of tensors) {
    const parts = path.split('/');
    let group = root;
    for (const part of parts.slice(0, -1)) {
      if (!group.children.has(part)) group.children.set(part, { children: new Map() });
      group = group.children.get(part) as Group;
    }
    group.children.set(parts.at(-1)!, tensor);
  }
  const writer = new Hdf5Writer();
  return writer.file(root);
}

class Hdf5Writer {
  private readonly parts: Buffer[] = [];
  /** The superblock comes first, of 96 bytes. */
  private length = 96;

  file(root: Group): Buffer {
    const address = this.group(root);
    const superblock = Buffer.concat([
      Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'),
      u8(0, 0, 0, 0, 0, 8, 8, 0),
      u16(4),
      u16(16),
      u32(0),
      u64(0),
      NOWHERE,
      u64(this.length),
      NOWHERE,
      this.entry(0, address),
    ]);
    return Buffer.concat([superblock, ...this.parts]);
  }

  private append(...parts: Buffer[]): number {
    const at = this.length;
    for (const part of parts) {
      this.parts.push(part);
      this.length += part.length;
    }
    return at;
  }

  private entry(name: number, header: number): Buffer {
    return Buffer.concat([u64(name), u64(header), Buffer.alloc(24)]);
  }

  private header(...messages: [type: number, content: Buffer][]): number {
    const body = messages.map(([type, content]) => {
      const padded = Buffer.concat([content, Buffer.alloc((8 - (content.length % 8)) % 8)]);
      return Buffer.concat([u16(type), u16(padded.length), u8(0, 0, 0, 0), padded]);
    });
    const size = body.reduce((sum, { length }) => sum + length, 0);
    return this.append(u8(1, 0), u16(messages.length), u32(1), u32(size), u32(0), ...body);
  }

  private group({ children }: Group): number {
    let heap = Buffer.alloc(8);
    const entries = [...children]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, child]) => {
        const at = heap.length;
        heap = Buffer.concat([heap, Buffer.from(`${name}\0`)]);
        return this.entry(at, 'children' in child ? this.group(child) : this.dataSet(child));
      });
    const names = this.append(heap);
    const heapAt = this.append(Buffer.from('HEAP'), u8(0, 0, 0, 0), u64(heap.length), NOWHERE, u64(names));
    // Nodes of at most 8 names under one tree node, as with the default K of 4.
    const nodes: Buffer[] = [];
    for (let i = 0; i < entries.length; i += 8) {
      const some = entries.slice(i, i + 8);
      nodes.push(u64(0), u64(this.append(Buffer.from('SNOD'), u8(1, 0), u16(some.length), ...some)));
    }
    const tree = this.append(
      Buffer.from('TREE'),
      u8(0, 0),
      u16(nodes.length / 2),
      NOWHERE,
      NOWHERE,
      ...nodes,
      u64(0),
    );
    return this.header([0x11, Buffer.concat([u64(tree), u64(heapAt)])]);
  }

  private dataSet({ shape, data }: HostTensor): number {
    const content = this.append(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return this.header(
      [0x01, Buffer.concat([u8(1, shape.length, 0, 0, 0, 0, 0, 0), ...shape.map(u64)])],
      // IEEE 754 single precision, little-endian.
      [0x03, Buffer.concat([u8(0x11, 0x20, 0x1f, 0), u32(4), u16(0), u16(32), u8(23, 8, 0, 23), u32(127)])],
      [0x08, Buffer.concat([u8(3, 1), u64(content), u64(data.byteLength)])],
    );
  }
}
