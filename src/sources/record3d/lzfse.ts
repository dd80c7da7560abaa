/**
 * LZFSE, Apple's compression: a stream of blocks, each by itself raw, LZVN or LZFSE proper (Lempel-Ziv whose literals and
 * matches are coded by finite state entropy). The format is what the headers of https://github.com/lzfse/lzfse define.
 *
 * Decodes a whole stream to exactly `size` bytes, the only memory that depends on the stream: what it claims is checked
 * against that and its own length, so that a bomb costs no more than the data asked for.
 * @throws Error in a few words where it is damaged, cut short, or holds another number of bytes
 */
export function decodeLzfse(stream: Uint8Array, size: number): Uint8Array {
  const output: Output = { bytes: new Uint8Array(size), at: 0 };
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  let at = 0;
  const need = (bytes: number): void => {
    if (bytes > stream.length - at) throw new Error('LZFSE stream cut short');
  };
  for (;;) {
    need(4);
    const magic = view.getUint32(at, true);
    if (magic === END_OF_STREAM) break;
    need(8);
    if (magic === RAW_BLOCK) {
      const length = view.getUint32(at + 4, true);
      at += 8;
      need(length);
      copyLiterals(output, stream, at, length);
      at += length;
    } else if (magic === LZVN_BLOCK) {
      need(12);
      const length = view.getUint32(at + 8, true);
      at += 12;
      need(length);
      decodeLzvn(stream.subarray(at, at + length), output);
      at += length;
    } else if (magic === LZFSE_BLOCK_V1 || magic === LZFSE_BLOCK_V2) {
      need(magic === LZFSE_BLOCK_V1 ? V1_HEADER_BYTES : V2_FIXED_BYTES);
      const header = magic === LZFSE_BLOCK_V1 ? readV1Header(view, at) : readV2Header(view, at);
      need(header.bytes + header.literals.payload + header.triplets.payload);
      at += header.bytes;
      const middle = at + header.literals.payload;
      const end = middle + header.triplets.payload;
      const literals = decodeLiterals(stream.subarray(at, middle), header);
      decodeTriplets(stream.subarray(middle, end), header, literals, output);
      at = end;
    } else {
      throw new Error('no LZFSE stream, or a damaged one: unknown block');
    }
  }
  if (output.at !== size) throw new Error(`LZFSE stream of ${output.at} bytes, expected ${size}`);
  return output.bytes;
}

const END_OF_STREAM = 0x24787662; // bvx$
const RAW_BLOCK = 0x2d787662; // bvx-
const LZFSE_BLOCK_V1 = 0x31787662; // bvx1, tables as they are
const LZFSE_BLOCK_V2 = 0x32787662; // bvx2, tables compressed
const LZVN_BLOCK = 0x6e787662; // bvxn

interface Output {
  readonly bytes: Uint8Array;
  /** Bytes written so far. */
  at: number;
}

function copyLiterals(output: Output, from: Uint8Array, start: number, length: number): void {
  if (start + length > from.length) throw new Error('LZFSE literals beyond their block');
  if (length > output.bytes.length - output.at) throw tooLong(output);
  for (let i = 0; i < length; i++) output.bytes[output.at + i] = from[start + i];
  output.at += length;
}

/** Repeats what was written `distance` bytes ago; the two may overlap. */
function copyMatch(output: Output, distance: number, length: number): void {
  const { bytes, at } = output;
  if (!(distance > 0 && distance <= at)) throw new Error('LZFSE match before the start');
  if (length > bytes.length - at) throw tooLong(output);
  for (let i = at; i < at + length; i++) bytes[i] = bytes[i - distance];
  output.at += length;
}

function tooLong(output: Output): Error {
  return new Error(`LZFSE stream of more than the expected ${output.bytes.length} bytes`);
}

/**
 * LZVN: opcodes of a byte or more that say how many literals follow, then how much to repeat and from where. L literals,
 * a match of M bytes at distance D:
 *
 *     LLMMMDDD DDDDDDDD            small distance (DDD not 110 or 111)
 *     101LLMMM DDDDDDMM DDDDDDDD   medium
 *     LLMMM111 DDDDDDDD DDDDDDDD   large
 *     LLMMM110                     distance as before (LL not 00)
 *     1110LLLL, 11100000 LLLLLLLL  literals alone (the longer form: + 16)
 *     1111MMMM, 11110000 MMMMMMMM  match alone, distance as before
 *     00000110                     end, with 7 bytes to follow
 *     00001110, 00010110           nothing
 */
function decodeLzvn(block: Uint8Array, output: Output): void {
  let at = 0;
  let distance = 0;
  // An undefined byte past the end reads as 0; `take` finds out.
  const byte = (offset: number): number => block[at + offset] ?? 0;
  const take = (bytes: number): void => {
    at += bytes;
    if (at > block.length) throw new Error('LZVN block cut short');
  };
  const literals = (length: number): void => {
    copyLiterals(output, block, at, length);
    at += length;
  };
  while (at < block.length) {
    const op = byte(0);
    if (op >= 0xf0) {
      const length = op === 0xf0 ? byte(1) + 16 : op & 15;
      take(op === 0xf0 ? 2 : 1);
      copyMatch(output, distance, length);
      continue;
    }
    if (op >= 0xe0) {
      const length = op === 0xe0 ? byte(1) + 16 : op & 15;
      take(op === 0xe0 ? 2 : 1);
      literals(length);
      continue;
    }
    if (op === 0x06) {
      take(8);
      return;
    }
    if (op === 0x0e || op === 0x16) {
      take(1);
      continue;
    }
    let length = op >> 6;
    let match = ((op >> 3) & 7) + 3;
    const kind = op & 7;
    if (op >= 0xa0 && op < 0xc0) {
      const word = byte(1) | (byte(2) << 8);
      length = (op >> 3) & 3;
      match = ((kind << 2) | (word & 3)) + 3;
      distance = word >> 2;
      take(3);
    } else if (op >= 0xd0 || (op >= 0x70 && op < 0x80) || (kind === 6 && op < 0x40)) {
      throw new Error('LZVN opcode that is none');
    } else if (kind === 6) {
      take(1);
    } else if (kind === 7) {
      distance = byte(1) | (byte(2) << 8);
      take(3);
    } else {
      distance = (kind << 8) | byte(1);
      take(2);
    }
    literals(length);
    copyMatch(output, distance, match);
  }
}

/** One of a block's two coded parts. */
interface Part {
  /** Bytes. */
  readonly payload: number;
  /** How many bits of the payload's last byte are not in use, negated: -7 to 0. */
  readonly bits: number;
  /** Where the decoders start; the encoder went through the data backwards. */
  readonly states: readonly number[];
}

interface BlockHeader {
  readonly bytes: number;
  readonly literals: Part & { readonly count: number };
  /** Literal length, match length, distance. */
  readonly triplets: Part & { readonly count: number };
  /** Frequencies of the symbols: literal length, match length, distance, literals one after the other. */
  readonly frequencies: Uint16Array;
}

const LENGTH_SYMBOLS = 20;
const DISTANCE_SYMBOLS = 64;
const LITERAL_SYMBOLS = 256;
const ALL_SYMBOLS = 2 * LENGTH_SYMBOLS + DISTANCE_SYMBOLS + LITERAL_SYMBOLS;
const LENGTH_STATES = 64;
const DISTANCE_STATES = 256;
const LITERAL_STATES = 1024;
/** Bounds of a block that the format sets. */
const MOST_TRIPLETS = 10_000;
const MOST_LITERALS = 4 * MOST_TRIPLETS;

const V1_HEADER_BYTES = 772;
const V2_FIXED_BYTES = 32;

function readV1Header(view: DataView, at: number): BlockHeader {
  const u32 = (offset: number) => view.getUint32(at + offset, true);
  const u16 = (offset: number) => view.getUint16(at + offset, true);
  const frequencies = Uint16Array.from({ length: ALL_SYMBOLS }, (_, i) => u16(50 + 2 * i));
  return checked({
    bytes: V1_HEADER_BYTES,
    literals: {
      count: u32(12),
      payload: u32(20),
      bits: view.getInt32(at + 28, true),
      states: [u16(32), u16(34), u16(36), u16(38)],
    },
    triplets: {
      count: u32(16),
      payload: u32(24),
      bits: view.getInt32(at + 40, true),
      states: [u16(44), u16(46), u16(48)],
    },
    frequencies,
  });
}

function readV2Header(view: DataView, at: number): BlockHeader {
  const words = [8, 16, 24].map((offset) => view.getBigUint64(at + offset, true));
  const field = (word: number, from: number, bits: number) =>
    Number((words[word]! >> BigInt(from)) & ((1n << BigInt(bits)) - 1n));
  const bytes = field(2, 0, 32);
  if (bytes < V2_FIXED_BYTES || bytes > view.byteLength - at) throw new Error('LZFSE stream cut short');
  return checked({
    bytes,
    literals: {
      count: field(0, 0, 20),
      payload: field(0, 20, 20),
      bits: field(0, 60, 3) - 7,
      states: [0, 10, 20, 30].map((from) => field(1, from, 10)),
    },
    triplets: {
      count: field(0, 40, 20),
      payload: field(1, 40, 20),
      bits: field(1, 60, 3) - 7,
      states: [32, 42, 52].map((from) => field(2, from, 10)),
    },
    frequencies: readFrequencies(view, at + V2_FIXED_BYTES, at + bytes),
  });
}

/** A prefix code, least significant bit first: x0 → 0, 1; x01 → 2, 3; xx011 → 4 to 7; 4 bits and 0111 → 8 to 23; 10 and 1111 → 24 on. */
function readFrequencies(view: DataView, start: number, end: number): Uint16Array {
  const frequencies = new Uint16Array(ALL_SYMBOLS);
  if (start === end) return frequencies;
  let at = start;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < ALL_SYMBOLS; i++) {
    while (held < 14 && at < end) {
      bits |= view.getUint8(at++) << held;
      held += 8;
    }
    let used: number;
    if ((bits & 1) === 0) [used, frequencies[i]] = [2, (bits >> 1) & 1];
    else if ((bits & 2) === 0) [used, frequencies[i]] = [3, 2 + ((bits >> 2) & 1)];
    else if ((bits & 4) === 0) [used, frequencies[i]] = [5, 4 + ((bits >> 3) & 3)];
    else if ((bits & 8) === 0) [used, frequencies[i]] = [8, 8 + ((bits >> 4) & 15)];
    else [used, frequencies[i]] = [14, 24 + ((bits >> 4) & 1023)];
    if (used > held) throw new Error('LZFSE tables cut short');
    bits >>= used;
    held -= used;
  }
  return frequencies;
}

function checked(header: BlockHeader): BlockHeader {
  const { literals, triplets } = header;
  const ok =
    literals.count <= MOST_LITERALS &&
    literals.count % 4 === 0 &&
    triplets.count <= MOST_TRIPLETS &&
    [literals.bits, triplets.bits].every((bits) => bits >= -7 && bits <= 0);
  if (!ok) throw new Error('LZFSE block with a damaged header');
  return header;
}

/** Bits of a payload, taken from its end. */
class BitStack {
  #at: number;

  constructor(
    private readonly payload: Uint8Array,
    bits: number,
  ) {
    this.#at = 8 * payload.length + bits;
  }

  /** @param count at most 25 */
  pop(count: number): number {
    const at = this.#at - count;
    if (at < 0) throw new Error('LZFSE block cut short');
    this.#at = at;
    const { payload } = this;
    const i = at >> 3;
    // Past the end is undefined, which counts as 0.
    const word = payload[i] | (payload[i + 1] << 8) | (payload[i + 2] << 16) | (payload[i + 3] << 24);
    return (word >>> (at & 7)) & ((1 << count) - 1);
  }
}

/**
 * What each state of a decoder stands for. A symbol of frequency f has f states, next to each other, in the symbols'
 * order; from each the next state is `next` plus so many bits of the stream, so that together they lead to all states.
 */
interface StateTable {
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly next: Int16Array;
  /** States from here on stand for nothing. */
  readonly used: number;
}

function stateTable(frequencies: Uint16Array, states: number): StateTable {
  const symbols = new Uint8Array(states);
  const bits = new Uint8Array(states);
  const next = new Int16Array(states);
  let at = 0;
  frequencies.forEach((frequency, symbol) => {
    if (frequency === 0) return;
    if (frequency > states - at) throw new Error('LZFSE block with damaged tables');
    // states ≤ frequency · 2^wide < 2 · states: the first states take `wide` bits, the others one less.
    const wide = Math.clz32(frequency) - Math.clz32(states);
    const others = ((2 * states) >> wide) - frequency;
    for (let j = 0; j < frequency; j++, at++) {
      symbols[at] = symbol;
      bits[at] = j < others ? wide : wide - 1;
      next[at] = j < others ? ((frequency + j) << wide) - states : (j - others) << (wide - 1);
    }
  });
  return { symbols, bits, next, used: at };
}

/** Four decoders take turns. */
function decodeLiterals(payload: Uint8Array, { literals, frequencies }: BlockHeader): Uint8Array {
  const { symbols, bits, next, used } = stateTable(
    frequencies.subarray(ALL_SYMBOLS - LITERAL_SYMBOLS),
    LITERAL_STATES,
  );
  const stack = new BitStack(payload, literals.bits);
  const states = Uint16Array.from(literals.states);
  const out = new Uint8Array(literals.count);
  for (let i = 0; i < out.length; i++) {
    const state = states[i & 3];
    if (state >= used) throw new Error('LZFSE block with a damaged state');
    out[i] = symbols[state];
    states[i & 3] = next[state] + stack.pop(bits[state]);
  }
  return out;
}

// A length or distance is its symbol's least value plus so many bits of the stream, as they are.
const LITERAL_LENGTH_BITS = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 5, 8);
const MATCH_LENGTH_BITS = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 8, 11);
const DISTANCE_BITS = Uint8Array.from({ length: DISTANCE_SYMBOLS }, (_, symbol) => symbol >> 2);

/** Symbols' least values: each starts where the one before ends. */
function leastValues(extra: Uint8Array): Int32Array {
  const least = new Int32Array(extra.length);
  for (let symbol = 1; symbol < extra.length; symbol++)
    least[symbol] = least[symbol - 1] + (1 << extra[symbol - 1]);
  return least;
}

const LITERAL_LENGTHS = leastValues(LITERAL_LENGTH_BITS);
const MATCH_LENGTHS = leastValues(MATCH_LENGTH_BITS);
const DISTANCES = leastValues(DISTANCE_BITS);

/** Decodes values of one kind from a stack that it shares with others. */
class ValueDecoder {
  readonly #table: StateTable;
  #state: number;

  constructor(
    frequencies: Uint16Array,
    states: number,
    start: number,
    private readonly extra: Uint8Array,
    private readonly least: Int32Array,
  ) {
    this.#table = stateTable(frequencies, states);
    this.#state = start;
  }

  next(stack: BitStack): number {
    const { symbols, bits, next, used } = this.#table;
    const state = this.#state;
    if (state >= used) throw new Error('LZFSE block with a damaged state');
    const symbol = symbols[state];
    this.#state = next[state] + stack.pop(bits[state]);
    return this.least[symbol] + stack.pop(this.extra[symbol]);
  }
}

function decodeTriplets(
  payload: Uint8Array,
  { triplets, frequencies }: BlockHeader,
  literals: Uint8Array,
  output: Output,
): void {
  const stack = new BitStack(payload, triplets.bits);
  const [l = 0, m = 0, d = 0] = triplets.states;
  const of = (from: number, count: number) => frequencies.subarray(from, from + count);
  const literalLengths = new ValueDecoder(
    of(0, LENGTH_SYMBOLS),
    LENGTH_STATES,
    l,
    LITERAL_LENGTH_BITS,
    LITERAL_LENGTHS,
  );
  const matchLengths = new ValueDecoder(
    of(LENGTH_SYMBOLS, LENGTH_SYMBOLS),
    LENGTH_STATES,
    m,
    MATCH_LENGTH_BITS,
    MATCH_LENGTHS,
  );
  const distances = new ValueDecoder(
    of(2 * LENGTH_SYMBOLS, DISTANCE_SYMBOLS),
    DISTANCE_STATES,
    d,
    DISTANCE_BITS,
    DISTANCES,
  );
  let used = 0;
  let distance = 0;
  for (let i = 0; i < triplets.count; i++) {
    const length = literalLengths.next(stack);
    const match = matchLengths.next(stack);
    // 0 is the distance before.
    distance = distances.next(stack) || distance;
    copyLiterals(output, literals, used, length);
    used += length;
    if (match > 0) copyMatch(output, distance, match);
  }
}
