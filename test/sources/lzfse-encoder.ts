// An LZFSE encoder from the format's definition (the headers of https://github.com/lzfse/lzfse): the tables of its encoder, not
// those of a decoder turned round.

function block(magic: string, ...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * words.length);
  bytes.write(magic, 'latin1');
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 4 + 4 * i);
  return bytes;
}

export const END = Buffer.from('bvx$', 'latin1');

export function rawBlock(content: Uint8Array): Buffer {
  return Buffer.concat([block('bvx-', content.length), content]);
}

/** @param length of what the opcodes unpack to */
export function lzvnBlock(opcodes: Uint8Array, length: number): Buffer {
  return Buffer.concat([block('bvxn', length, opcodes.length), opcodes]);
}

/** Bits one after the other, each number's lowest first. */
class BitWriter {
  readonly #bytes: number[] = [];
  length = 0;

  push(count: number, value: number): void {
    for (let bit = 0; bit < count; bit++, this.length++) {
      if (this.length % 8 === 0) this.#bytes.push(0);
      this.#bytes[this.length >> 3]! |= ((value >> bit) & 1) << (this.length & 7);
    }
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }

  /** -7 to 0: what the last byte lacks. */
  get missing(): number {
    return this.length - 8 * this.#bytes.length;
  }
}

/** Frequencies of symbols that add up to `states`, none of a used symbol 0. */
function normalised(symbols: readonly number[], kinds: number, states: number): number[] {
  const counts = new Array<number>(kinds).fill(0);
  for (const symbol of symbols) counts[symbol]!++;
  const scaled = counts.map((count) =>
    count === 0 ? 0 : Math.max(1, Math.floor((count * states) / symbols.length)),
  );
  for (let left = states - scaled.reduce((sum, f) => sum + f, 0); left !== 0; ) {
    const most = scaled.indexOf(Math.max(...scaled));
    const change = left > 0 ? left : Math.max(left, -(scaled[most]! >> 1));
    scaled[most]! += change;
    left -= change;
  }
  return scaled;
}

/** fse_init_encoder_table and fse_encode. */
class FseEncoder {
  state = 0;
  readonly #table: { s0: number; k: number; high: number; low: number }[] = [];

  constructor(frequencies: readonly number[], states: number) {
    let offset = 0;
    for (const f of frequencies) {
      const k = Math.clz32(f) - Math.clz32(states);
      this.#table.push({
        s0: (f << k) - states,
        k,
        high: offset - f + (states >> k),
        low: offset - f + (states >> (k - 1)),
      });
      offset += f;
    }
  }

  encode(symbol: number, out: BitWriter): void {
    const { s0, k, high, low } = this.#table[symbol]!;
    const bits = this.state >= s0 ? k : k - 1;
    out.push(bits, this.state & ((1 << bits) - 1));
    this.state = (this.state >= s0 ? high : low) + (this.state >> bits);
  }
}

const LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 28, 60];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 5, 8];
const MATCHES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 56, 312];
const MATCH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 8, 11];
const DISTANCES = [
  ...[0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 36, 44, 52, 60, 76, 92, 108, 124, 156, 188, 220, 252, 316],
  ...[380, 444, 508, 636, 764, 892, 1020, 1276, 1532, 1788, 2044, 2556, 3068, 3580, 4092, 5116, 6140, 7164],
  ...[8188, 10236, 12284, 14332, 16380, 20476, 24572, 28668, 32764, 40956, 49148, 57340, 65532, 81916, 98300],
  ...[114684, 131068, 163836, 196604, 229372],
];
const DISTANCE_BITS = DISTANCES.map((_, i) => i >> 2);

/** Literals to copy, then a match to repeat; distance 0 is the one before. */
export type Triplet = readonly [literals: number, match: number, distance: number];

/** Greedy, over the last place that had the same four bytes. */
export function triplets(content: Uint8Array): { literals: Uint8Array; triplets: Triplet[] } {
  const places = new Map<string, number>();
  const literals: number[] = [];
  const found: Triplet[] = [];
  let before = 0;
  let pending = 0;
  const flush = (match: number, distance: number) => {
    found.push([pending, match, distance === before ? 0 : distance]);
    before = distance;
    pending = 0;
  };
  for (let at = 0; at < content.length; ) {
    const key = content.subarray(at, at + 4).join();
    const place = at + 4 <= content.length ? places.get(key) : undefined;
    places.set(key, at);
    let match = 0;
    if (place !== undefined)
      while (match < 2359 && at + match < content.length && content[place + match] === content[at + match])
        match++;
    if (match >= 4) {
      flush(match, at - place!);
      at += match;
    } else {
      literals.push(content[at++]!);
      if (++pending === 315) flush(0, before || 1);
    }
  }
  if (pending > 0) flush(0, before || 1);
  while (literals.length % 4 !== 0) literals.push(0);
  return { literals: Uint8Array.from(literals), triplets: found };
}

/** A block of LZFSE proper. @param version of its header */
export function lzfseBlock(content: Uint8Array, version: 1 | 2): Buffer {
  const { literals, triplets: all } = triplets(content);
  const symbolOf = (values: readonly number[], value: number) =>
    values.findLastIndex((least) => least <= value);
  const literalFrequencies = normalised([...literals], 256, 1024);
  const lFrequencies = normalised(
    all.map(([l]) => symbolOf(LENGTHS, l)),
    20,
    64,
  );
  const mFrequencies = normalised(
    all.map(([, m]) => symbolOf(MATCHES, m)),
    20,
    64,
  );
  const dFrequencies = normalised(
    all.map(([, , d]) => symbolOf(DISTANCES, d)),
    64,
    256,
  );

  const literalBits = new BitWriter();
  const four = [0, 1, 2, 3].map(() => new FseEncoder(literalFrequencies, 1024));
  for (let i = literals.length - 1; i >= 0; i--) four[i & 3]!.encode(literals[i]!, literalBits);

  const tripletBits = new BitWriter();
  tripletBits.push(64, 0); // the format asks for 8 bytes before
  const l = new FseEncoder(lFrequencies, 64);
  const m = new FseEncoder(mFrequencies, 64);
  const d = new FseEncoder(dFrequencies, 256);
  const put = (
    encoder: FseEncoder,
    values: readonly number[],
    bits: readonly number[],
    value: number,
  ): void => {
    const symbol = symbolOf(values, value);
    tripletBits.push(bits[symbol]!, value - values[symbol]!);
    encoder.encode(symbol, tripletBits);
  };
  for (const [length, match, distance] of all.toReversed()) {
    put(d, DISTANCES, DISTANCE_BITS, distance);
    put(m, MATCHES, MATCH_BITS, match);
    put(l, LENGTHS, LENGTH_BITS, length);
  }

  const [literalPayload, tripletPayload] = [literalBits.bytes(), tripletBits.bytes()];
  const frequencies = [...lFrequencies, ...mFrequencies, ...dFrequencies, ...literalFrequencies];
  const header = version === 1 ? headerV1() : headerV2();
  return Buffer.concat([header, literalPayload, tripletPayload]);

  function headerV1(): Buffer {
    const bytes = Buffer.alloc(772);
    const payload = literalPayload.length + tripletPayload.length;
    const parts = [literals.length, all.length, literalPayload.length, tripletPayload.length];
    block('bvx1', content.length, payload, ...parts).copy(bytes);
    bytes.writeInt32LE(literalBits.missing, 28);
    for (const [i, { state }] of four.entries()) bytes.writeUInt16LE(state, 32 + 2 * i);
    bytes.writeInt32LE(tripletBits.missing, 40);
    for (const [i, { state }] of [l, m, d].entries()) bytes.writeUInt16LE(state, 44 + 2 * i);
    for (const [i, frequency] of frequencies.entries()) bytes.writeUInt16LE(frequency, 50 + 2 * i);
    return bytes;
  }

  function headerV2(): Buffer {
    const tables = new BitWriter();
    for (const f of frequencies) {
      if (f < 2) tables.push(2, f << 1);
      else if (f < 4) tables.push(3, 1 | ((f - 2) << 2));
      else if (f < 8) tables.push(5, 3 | ((f - 4) << 3));
      else if (f < 24) tables.push(8, 7 | ((f - 8) << 4));
      else tables.push(14, 15 | ((f - 24) << 4));
    }
    const bytes = Buffer.concat([block('bvx2', content.length), Buffer.alloc(24), tables.bytes()]);
    const packed = (...fields: readonly (readonly [value: number, at: number])[]) =>
      fields.reduce((sum, [value, at]) => sum | (BigInt(value) << BigInt(at)), 0n);
    const words = [
      packed(
        [literals.length, 0],
        [literalPayload.length, 20],
        [all.length, 40],
        [literalBits.missing + 7, 60],
      ),
      packed(
        ...four.map(({ state }, i) => [state, 10 * i] as const),
        [tripletPayload.length, 40],
        [tripletBits.missing + 7, 60],
      ),
      packed([bytes.length, 0], [l.state, 32], [m.state, 42], [d.state, 52]),
    ];
    for (const [i, word] of words.entries()) bytes.writeBigUInt64LE(word, 8 + 8 * i);
    return bytes;
  }
}

/** A stream of one block. */
export function lzfse(content: Uint8Array): Buffer {
  return Buffer.concat([lzfseBlock(content, 2), END]);
}
