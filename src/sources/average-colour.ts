import { readFileSync } from 'node:fs';
import type { Size } from '../frame.js';
import { workerUrl } from '../worker-url.js';

/** The functions of `assembly/average.ts`, documented there; addresses are bytes in `memory`. */
interface Averaging {
  readonly memory: WebAssembly.Memory;
  sumRows(image: number, rowBytes: number, rows: number, weights: number, sums: number): void;
  meanAlong(sums: number, columns: number, weights: number, width: number, area: number, out: number): void;
}

/** Bytes that `sumRows` and `meanAlong` may touch beyond an array. */
const MARGIN = 64;
const PAGE = 65_536;

/**
 * Averages colour over the source area that each working pixel covers, edges weighted by coverage.
 * @param rgb H×W×3 at size `from`
 * @param to less than 65 536 high
 * @returns H×W×3 at size `to`, rounded to nearest, halves up
 */
export function averageColour(rgb: Uint8Array, from: Size, to: Size): Uint8Array {
  if (from.width === to.width && from.height === to.height) return rgb;
  const { across, down, rows, columns, weightsAcross, weightsDown, sums, out, bytes } = layoutOf(from, to);
  const { memory, sumRows, meanAlong } = averaging();
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  const at = <T>(
    Type: new (buffer: ArrayBuffer, start: number, length: number) => T,
    start: number,
    n: number,
  ) => new Type(memory.buffer, start, n);
  at(Uint32Array, columns, across.runs.length).set(across.runs);
  at(Uint32Array, weightsAcross, across.weights.length).set(across.weights);
  at(Uint16Array, weightsDown, down.weights.length).set(down.weights);

  const rowBytes = 3 * from.width;
  const area = from.width * from.height;
  const strip = at(Uint8Array, rows, rowBytes * down.most);
  for (let v = 0, weight = weightsDown; v < to.height; v++) {
    const [first, taps] = [down.runs[2 * v], down.runs[2 * v + 1]];
    // A few rows at a time stay in the processor's cache, where the whole image would go through memory once more.
    strip.set(rgb.subarray(first * rowBytes, (first + taps) * rowBytes));
    sumRows(rows, rowBytes, taps, weight, sums);
    meanAlong(sums, columns, weightsAcross, to.width, area, out + 3 * v * to.width);
    weight += 2 * taps;
  }
  return at(Uint8Array, out, 3 * to.width * to.height).slice();
}

/** Where everything lies in the module's memory. */
interface Layout {
  readonly from: Size;
  readonly to: Size;
  readonly across: Coverage;
  readonly down: Coverage;
  /** The source rows that a working row covers. */
  readonly rows: number;
  readonly columns: number;
  readonly weightsAcross: number;
  readonly weightsDown: number;
  readonly sums: number;
  readonly out: number;
  /** Of all. */
  readonly bytes: number;
}

let layout: Layout | undefined;

/** Kept for frames of the same sizes. */
function layoutOf(from: Size, to: Size): Layout {
  if (
    layout?.from.width === from.width &&
    layout.from.height === from.height &&
    layout.to.width === to.width &&
    layout.to.height === to.height
  )
    return layout;
  const across = coverage(from.width, to.width);
  const down = coverage(from.height, to.height);
  // Below 1 KiB lies what the compiler may have put there.
  let bytes = 1024;
  const place = (length: number) => {
    const start = bytes;
    bytes = 16 * Math.ceil((bytes + length + MARGIN) / 16);
    return start;
  };
  layout = {
    ...{ from: { ...from }, to: { ...to }, across, down },
    rows: place(3 * from.width * down.most),
    columns: place(4 * across.runs.length),
    weightsAcross: place(4 * across.weights.length),
    weightsDown: place(2 * down.weights.length),
    sums: place(12 * from.width),
    out: place(3 * to.width * to.height),
    bytes,
  };
  return layout;
}

/** Which source pixels each working pixel covers along one axis, and how much of each. */
interface Coverage {
  /** The first source pixel and the number of them, of each working pixel. */
  readonly runs: Uint32Array;
  /** Of all working pixels in a row, in 1/working of a source pixel: whole numbers, `source` a working pixel together. */
  readonly weights: readonly number[];
  /** Source pixels that the working pixel that covers most of them covers. */
  readonly most: number;
}

function coverage(source: number, working: number): Coverage {
  const runs = new Uint32Array(2 * working);
  const weights: number[] = [];
  let most = 0;
  for (let u = 0; u < working; u++) {
    const begin = u * source;
    const end = begin + source;
    const first = Math.floor(begin / working);
    let k = first;
    for (; k * working < end; k++)
      weights.push(Math.min(end, (k + 1) * working) - Math.max(begin, k * working));
    runs[2 * u] = first;
    runs[2 * u + 1] = k - first;
    most = Math.max(most, k - first);
  }
  return { runs, weights, most };
}

let instance: Averaging | undefined;

/** @throws Error if the compiled module is absent; `npm run build` makes it */
function averaging(): Averaging {
  instance ??= new WebAssembly.Instance(
    new WebAssembly.Module(readFileSync(workerUrl(import.meta.url, './average.wasm'))),
  ).exports as unknown as Averaging;
  return instance;
}
