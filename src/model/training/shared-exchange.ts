import type { Exchange } from './exchange.js';

/** Memory through which replicas in several threads share numbers; the same object goes to each of them. */
export interface SharedMemory {
  readonly replicas: number;
  readonly batch: number;
  /** Most values an image that `gather` takes. */
  readonly gatherLength: number;
  /** Most values that `total` takes. */
  readonly totalLength: number;
  readonly buffer: SharedArrayBuffer;
}

const INT32S = 16; // a cache line of control words before the values
const ARRIVED = 0;
const GENERATION = 1;

/** Looks at the barrier's generation before a replica goes to sleep: about 20 µs, less than waking costs. */
const SPINS = 4000;

export function allocateShared(
  replicas: number,
  batch: number,
  gatherLength: number,
  totalLength: number,
): SharedMemory {
  const floats = 2 * batch * gatherLength + replicas * totalLength;
  return {
    replicas,
    batch,
    gatherLength,
    totalLength,
    buffer: new SharedArrayBuffer(4 * (INT32S + floats)),
  };
}

/** The exchange of one of several replicas, each in its own thread. Blocks the thread while it waits. */
export class SharedExchange implements Exchange {
  readonly replicas: number;
  readonly batch: number;
  private readonly control: Int32Array;
  /** Two, used in turn: whoever writes into one again has seen that all are past reading it. */
  private readonly gathered: readonly [Float32Array, Float32Array];
  private readonly totals: readonly Float32Array[];
  private readonly sum: Float32Array;
  private turn: 0 | 1 = 0;

  /** @param index which of the replicas this is, from 0 */
  constructor(
    { replicas, batch, gatherLength, totalLength, buffer }: SharedMemory,
    private readonly index: number,
  ) {
    this.replicas = replicas;
    this.batch = batch;
    this.control = new Int32Array(buffer, 0, INT32S);
    let offset = 4 * INT32S;
    const take = (length: number) => {
      const values = new Float32Array(buffer, offset, length);
      offset += values.byteLength;
      return values;
    };
    this.gathered = [take(batch * gatherLength), take(batch * gatherLength)];
    this.totals = Array.from({ length: replicas }, () => take(totalLength));
    this.sum = new Float32Array(totalLength);
  }

  gather(mine: Float32Array): Float32Array {
    const all = this.gathered[this.turn];
    this.turn = this.turn === 0 ? 1 : 0;
    if (mine.length * this.replicas > all.length) throw new RangeError('more values than the exchange holds');
    all.set(mine, this.index * mine.length);
    this.meet();
    return all.subarray(0, mine.length * this.replicas);
  }

  total(mine: Float32Array): Float32Array {
    if (mine.length > this.sum.length) throw new RangeError('more values than the exchange holds');
    this.totals[this.index].set(mine);
    this.meet();
    const sum = this.sum.subarray(0, mine.length);
    sumTree(this.totals, sum);
    this.meet(); // or a faster replica would write its next values over those that a slower one still reads
    return sum;
  }

  /** A barrier: returns when every replica has come to it. */
  private meet(): void {
    const { control, replicas } = this;
    const generation = Atomics.load(control, GENERATION);
    if (Atomics.add(control, ARRIVED, 1) === replicas - 1) {
      Atomics.store(control, ARRIVED, 0);
      Atomics.add(control, GENERATION, 1);
      Atomics.notify(control, GENERATION);
      return;
    }
    for (let i = 0; i < SPINS; i++) if (Atomics.load(control, GENERATION) !== generation) return;
    while (Atomics.load(control, GENERATION) === generation) Atomics.wait(control, GENERATION, generation);
  }
}

/** sum ← parts[0] + … by a balanced binary tree; as many parts as a power of two. */
function sumTree(parts: readonly Float32Array[], sum: Float32Array): void {
  if (parts.length === 1) sum.set(parts[0].subarray(0, sum.length));
  else if (parts.length === 2) {
    const [a, b] = parts;
    for (let i = 0; i < sum.length; i++) sum[i] = a[i] + b[i];
  } else {
    const half = parts.length / 2;
    const right = new Float32Array(sum.length);
    sumTree(parts.slice(0, half), sum);
    sumTree(parts.slice(half), right);
    for (let i = 0; i < sum.length; i++) sum[i] += right[i];
  }
}
