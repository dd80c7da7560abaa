/**
 * An indexed binary heap over integer items whose keys can change: highest key first, and among equal keys the
 * smallest item, so that the order of removal does not depend on the order of insertion.
 *
 * Insert, update and remove are O(log n); memory is 20 bytes an item, grown by doubling.
 */
export class PriorityQueue {
  #heap = new Uint32Array(64);
  /** Position in the heap plus one, by item; 0 = not queued. */
  #position = new Uint32Array(64);
  #keys = new Float64Array(64);
  #size = 0;

  /** Another queue of the same items and keys. */
  clone(): PriorityQueue {
    const copy = new PriorityQueue();
    copy.#heap = this.#heap.slice();
    copy.#position = this.#position.slice();
    copy.#keys = this.#keys.slice();
    copy.#size = this.#size;
    return copy;
  }

  get size(): number {
    return this.#size;
  }

  has(item: number): boolean {
    return item < this.#position.length && this.#position[item] > 0;
  }

  /** The key of a queued item. */
  key(item: number): number {
    return this.#keys[item];
  }

  /**
   * Queues an item, or changes its key.
   * @param item an integer ≥ 0; memory grows with the largest
   * @param key any number but NaN
   */
  set(item: number, key: number): void {
    if (Number.isNaN(key)) throw new RangeError('a key must be a number');
    if (item >= this.#position.length) this.#grow(item + 1);
    this.#keys[item] = key;
    if (this.#position[item] === 0) {
      this.#heap[this.#size] = item;
      this.#position[item] = ++this.#size;
      this.#rise(this.#size - 1);
    } else {
      this.#rise(this.#position[item] - 1);
      this.#sink(this.#position[item] - 1);
    }
  }

  /** The first item, which stays; undefined where the queue is empty. */
  peek(): number | undefined {
    return this.#size === 0 ? undefined : this.#heap[0];
  }

  /** Takes the first item off; undefined where the queue is empty. */
  pop(): number | undefined {
    const first = this.peek();
    if (first !== undefined) this.delete(first);
    return first;
  }

  /** Takes an item off. Returns whether it was queued. */
  delete(item: number): boolean {
    if (!this.has(item)) return false;
    const at = this.#position[item] - 1;
    this.#position[item] = 0;
    const last = this.#heap[--this.#size];
    if (last !== item) {
      this.#heap[at] = last;
      this.#position[last] = at + 1;
      this.#rise(at);
      this.#sink(this.#position[last] - 1);
    }
    return true;
  }

  #before(a: number, b: number): boolean {
    return this.#keys[a] > this.#keys[b] || (this.#keys[a] === this.#keys[b] && a < b);
  }

  #swap(i: number, j: number): void {
    const a = this.#heap[i];
    const b = this.#heap[j];
    this.#heap[i] = b;
    this.#heap[j] = a;
    this.#position[a] = j + 1;
    this.#position[b] = i + 1;
  }

  #rise(at: number): void {
    let i = at;
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if (!this.#before(this.#heap[i], this.#heap[parent])) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #sink(at: number): void {
    let i = at;
    for (;;) {
      const left = 2 * i + 1;
      const right = left + 1;
      let best = i;
      if (left < this.#size && this.#before(this.#heap[left], this.#heap[best])) best = left;
      if (right < this.#size && this.#before(this.#heap[right], this.#heap[best])) best = right;
      if (best === i) return;
      this.#swap(i, best);
      i = best;
    }
  }

  #grow(length: number): void {
    const capacity = Math.max(length, 2 * this.#position.length);
    const grown = <T extends Uint32Array | Float64Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#heap = grown(new Uint32Array(capacity), this.#heap);
    this.#position = grown(new Uint32Array(capacity), this.#position);
    this.#keys = grown(new Float64Array(capacity), this.#keys);
  }
}
