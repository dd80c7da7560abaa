const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK - 1;

/** Mixes three 32-bit coordinates; the low bits are the ones to use. */
export function hashVoxel(x: number, y: number, z: number): number {
  let h = Math.imul(x, 0x8da6b343) ^ Math.imul(y, 0xd8163841) ^ Math.imul(z, 0xcb1ab31f);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

/**
 * Gives each voxel a dense id, 0, 1, 2, … in order of first appearance.
 *
 * Open addressing with linear probing, at most half full; when it fills it is rehashed into a table twice as
 * large. Ids never change, so what is kept by id grows in chunks and is never copied.
 */
export class VoxelTable {
  /** Number of ids given. */
  count = 0;
  #slots = new Int32Array(2 * CHUNK);
  readonly #keys: Int32Array[] = [];

  /** Of memory that it holds. */
  get bytes(): number {
    return this.#slots.byteLength + this.#keys.length * 3 * CHUNK * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Id of the voxel, or −1 where it has none. */
  find(x: number, y: number, z: number): number {
    return this.#slots[this.#probe(x, y, z)] - 1;
  }

  /** Id of the voxel, a new one where it has none. */
  add(x: number, y: number, z: number): number {
    let slot = this.#probe(x, y, z);
    const known = this.#slots[slot] - 1;
    if (known >= 0) return known;
    if (2 * (this.count + 1) > this.#slots.length) {
      this.#grow();
      slot = this.#probe(x, y, z);
    }
    const id = this.count++;
    this.#slots[slot] = this.count;
    if ((id & CHUNK_MASK) === 0) this.#keys.push(new Int32Array(3 * CHUNK));
    const keys = this.#keys[id >>> CHUNK_BITS];
    const at = 3 * (id & CHUNK_MASK);
    keys[at] = x;
    keys[at + 1] = y;
    keys[at + 2] = z;
    return id;
  }

  /** Ids of coordinate triples, each given one where it has none. */
  addAll(voxels: Int32Array): Uint32Array {
    const ids = new Uint32Array(voxels.length / 3);
    for (let i = 0, at = 0; i < ids.length; i++, at += 3)
      ids[i] = this.add(voxels[at], voxels[at + 1], voxels[at + 2]);
    return ids;
  }

  /** One coordinate of a voxel: axis 0, 1, 2 for x, y, z. */
  coordinate(id: number, axis: 0 | 1 | 2): number {
    return this.#keys[id >>> CHUNK_BITS][3 * (id & CHUNK_MASK) + axis];
  }

  /** The slot that holds the voxel, or the empty one where it would go. */
  #probe(x: number, y: number, z: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashVoxel(x, y, z) & mask;
    for (;;) {
      const id = slots[slot] - 1;
      if (id < 0) return slot;
      const keys = this.#keys[id >>> CHUNK_BITS];
      const at = 3 * (id & CHUNK_MASK);
      if (keys[at] === x && keys[at + 1] === y && keys[at + 2] === z) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let id = 0; id < this.count; id++) {
      const slot = this.#probe(this.coordinate(id, 0), this.coordinate(id, 1), this.coordinate(id, 2));
      this.#slots[slot] = id + 1;
    }
  }
}
