import { UserError } from '../errors.js';
import type { Size } from '../frame.js';
import { relabel } from './connected.js';
import { LAB_SCALE, smoothLab } from './lab.js';
import { CAN_LEAVE, NEIGHBOURS, neighboursWith } from './neighbourhood.js';
import type { Superpixels } from './superpixels.js';

export interface SeedsOptions {
  /**
   * About how many superpixels to cut, 1 to 32768; the nearest grid of near-square cells decides (40 at 320×240
   * gives 7×6), less those squeezed out between others. An image with fewer pixels gets one superpixel a pixel.
   */
  readonly count?: number;
}

/** Bound on `count`: the grid may exceed it by half, and `OUTSIDE` must not be an id. */
const MOST = 32768;

/** What maps hold in the one-cell margin around the image, so that neighbours need no bounds check. */
const OUTSIDE = 0xffff;

/** Blocks halve this often before single pixels move: 46×40, 23×20, 11×10, 6×5 pixels for 42 in 320×240. */
const LEVELS = 3;

/** Sweeps over each level's blocks; over the pixels before small superpixels are absorbed, and after. */
const BLOCK_SWEEPS = 4;
const FREE_SWEEPS = 4;
const FINAL_SWEEPS = 6;

/** Histogram bins a channel, over the image's mean ± 2 standard deviations of that channel. */
const BINS_PER_CHANNEL = 6;
const BINS = BINS_PER_CHANNEL ** 3;

/** Least standard deviation the bins span, in Lab units: below it, variation is noise. */
const LEAST_DEVIATION = 1;

/** A superpixel below this share of the mean is too small to be worth an annotator's click. */
const LEAST_SIZE = 0.15;

/**
 * What a block loses in histogram intersection (0 to 1) where a superpixel's centre is one mean superpixel's side
 * away; grows with the square. It decides where colour does not, and keeps plain walls from curling up.
 */
const BLOCK_COMPACTNESS = 0.1;

/** The same for pixels, in log odds. */
const PIXEL_COMPACTNESS = 1;

/** Standard deviation of a surface's colour around its mean, in Lab units (L halved). */
const COLOUR_DEVIATION = 1.5;

/**
 * The most log odds that colour can weigh against a superpixel; the cost bends towards it, so that more unlike stays
 * more costly. A pixel like neither neighbour (a thin dark line, the black rim of an undistorted picture) thus goes
 * by shape, instead of stretching the less unlike one into a thread.
 */
const MOST_COLOUR_COST = 16;

/** Log odds in favour of a superpixel for each of the 3×3 neighbours it holds: the paper's smoothing prior. */
const SMOOTHING = 1;

/** Superpixel ids on a grid of blocks, row-major, in a margin of `OUTSIDE` one block wide. */
interface BlockMap {
  readonly columns: number;
  readonly rows: number;
  readonly ids: Uint16Array;
}

/**
 * Superpixels by energy-driven sampling, after Van den Bergh et al., "SEEDS: Superpixels Extracted via Energy-Driven
 * Sampling" (IJCV 2015). The image starts as a grid; then ever smaller blocks, and at last pixels, on the boundary
 * of one superpixel go over to a neighbour that suits them better, as long as the superpixel they leave stays in
 * one piece. Blocks go by intersection of colour histograms, pixels by the distance to the mean colour and a prior
 * for smooth boundaries; both also by a prior for compact shapes, which a person labels more easily.
 *
 * Same input, same output on every machine; no state is kept between calls.
 *
 * @param colour H×W×3, RGB, row-major; not written
 * @returns superpixels of at least 15 % of a grid cell's mean size, numbered in raster order of first appearance
 * @throws UserError if `count` is out of range or `colour` has another size than `size`
 */
export function seeds(colour: Uint8Array, size: Size, options: SeedsOptions = {}): Superpixels {
  const { width, height } = size;
  const { count = 40 } = options;
  if (!Number.isInteger(count) || count < 1 || count > MOST) {
    throw new UserError(`Expected a number of superpixels from 1 to ${MOST}; found ${count}.`);
  }
  if (!(width >= 1 && height >= 1) || colour.length !== width * height * 3) {
    throw new UserError(`Expected ${width}×${height} RGB pixels; found ${colour.length} bytes.`);
  }
  const lab = smoothLab(colour, size);

  let map = startingGrid(count, size);
  const superpixels = map.columns * map.rows;
  const bins = quantise(lab);
  for (let level = 1; level <= LEVELS; level++) {
    if (map.columns * 2 > width || map.rows * 2 > height) break;
    map = refine(map, map.columns * 2, map.rows * 2);
    moveBlocks(map, bins, size, superpixels);
  }
  map = refine(map, width, height);

  // A superpixel squeezed out between others must be free to shrink, or it stays behind astride their edge. What
  // is left of it is absorbed, and from then on no other may become as small.
  const leastSize = ((width * height) / superpixels) * LEAST_SIZE;
  movePixels(map, lab, superpixels, 0, FREE_SWEEPS);
  absorbSmall(map, lab, superpixels, leastSize);
  movePixels(map, lab, superpixels, leastSize, FINAL_SWEEPS);
  return relabel(withoutMargin(map), size);
}

/** About `count` cells, as square as they come, each a superpixel of its own. */
function startingGrid(count: number, { width, height }: Size): BlockMap {
  const columns = clamp(Math.round(Math.sqrt((count * width) / height)), 1, Math.min(width, count));
  const rows = clamp(Math.round(count / columns), 1, height);
  const map = emptyMap(columns, rows);
  for (let y = 0, id = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) map.ids[cellAt(map, x, y)] = id++;
  }
  return map;
}

/** The same superpixels on a grid of at least as many columns and rows; with the image's own, on single pixels. */
function refine(coarse: BlockMap, columns: number, rows: number): BlockMap {
  const fine = emptyMap(columns, rows);
  for (let y = 0; y < coarse.rows; y++) {
    const bottom = blockStart(y + 1, coarse.rows, rows);
    for (let x = 0; x < coarse.columns; x++) {
      const right = blockStart(x + 1, coarse.columns, columns);
      const id = coarse.ids[cellAt(coarse, x, y)]!;
      for (let v = blockStart(y, coarse.rows, rows); v < bottom; v++) {
        fine.ids.fill(id, cellAt(fine, blockStart(x, coarse.columns, columns), v), cellAt(fine, right, v));
      }
    }
  }
  return fine;
}

/**
 * Gives each block on a boundary to the superpixel that suits it best: most histogram intersection (the paper's
 * block-level update), less what its centre's distance costs. Of equals, the block's own superpixel wins.
 *
 * @param bins H×W, histogram bin of each pixel
 */
function moveBlocks(map: BlockMap, bins: Uint8Array, size: Size, superpixels: number): void {
  const { columns, rows, ids } = map;
  const { width, height } = size;
  const stride = columns + 2;
  const sides = [-1, 1, -stride, stride];
  const perPixel = (BLOCK_COMPACTNESS * superpixels) / (width * height);

  // Per superpixel: histogram, number of pixels, and sums of their x and y.
  const histograms = new Uint32Array(superpixels * BINS);
  const sizes = new Uint32Array(superpixels);
  const xs = new Float64Array(superpixels);
  const ys = new Float64Array(superpixels);

  // Of the block in hand: the same, and which bins are not empty.
  const block = new Uint32Array(BINS);
  const present = new Uint8Array(BINS);
  let kinds = 0;
  let pixels = 0;
  let blockX = 0;
  let blockY = 0;

  const take = (x: number, y: number) => {
    for (let i = 0; i < kinds; i++) block[present[i]!] = 0;
    kinds = 0;
    const left = blockStart(x, columns, width);
    const right = blockStart(x + 1, columns, width);
    const top = blockStart(y, rows, height);
    const bottom = blockStart(y + 1, rows, height);
    for (let v = top; v < bottom; v++) {
      for (let pixel = v * width + left; pixel < v * width + right; pixel++) {
        const bin = bins[pixel]!;
        if (block[bin]!++ === 0) present[kinds++] = bin;
      }
    }
    pixels = (right - left) * (bottom - top);
    blockX = (pixels * (left + right - 1)) / 2;
    blockY = (pixels * (top + bottom - 1)) / 2;
  };
  const transfer = (id: number, sign: 1 | -1) => {
    for (let i = 0; i < kinds; i++) histograms[id * BINS + present[i]!]! += sign * block[present[i]!]!;
    sizes[id]! += sign * pixels;
    xs[id]! += sign * blockX;
    ys[id]! += sign * blockY;
  };
  /** How well the block in hand matches superpixel `id`; `inside` is 1 where it is part of it, and left out, else 0. */
  const match = (id: number, inside: 0 | 1) => {
    const rest = sizes[id]! - inside * pixels;
    let intersection = 0;
    for (let i = 0; i < kinds; i++) {
      const bin = present[i]!;
      const inRest = histograms[id * BINS + bin]! - inside * block[bin]!;
      intersection += Math.min(block[bin]! / pixels, inRest / rest);
    }
    const dx = (xs[id]! - inside * blockX) / rest - blockX / pixels;
    const dy = (ys[id]! - inside * blockY) / rest - blockY / pixels;
    return intersection - perPixel * (dx * dx + dy * dy);
  };

  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      take(x, y);
      transfer(ids[cellAt(map, x, y)]!, 1);
    }
  }
  for (let sweep = 0; sweep < BLOCK_SWEEPS; sweep++) {
    let moved = false;
    for (let row = 0; row < rows; row++) {
      const y = inTurn(row, rows, sweep);
      const rowStart = cellAt(map, 0, y);
      for (let column = 0; column < columns; column++) {
        const x = inTurn(column, columns, sweep);
        const cell = rowStart + x;
        if (!onBoundary(ids, stride, cell)) continue;
        const own = ids[cell]!;
        if (CAN_LEAVE[neighboursWith(own, ids, stride, cell)] === 0) continue;
        take(x, y);
        let best = own;
        let bestMatch = match(own, 1);
        for (const side of sides) {
          const other = ids[cell + side]!;
          if (other === best || other === own || other === OUTSIDE) continue;
          const candidate = match(other, 0);
          if (candidate > bestMatch) {
            best = other;
            bestMatch = candidate;
          }
        }
        if (best === own) continue;
        transfer(own, -1);
        transfer(best, 1);
        ids[cell] = best;
        moved = true;
      }
    }
    if (!moved) break;
  }
}

/**
 * Gives each pixel on a boundary to the superpixel that is likeliest by mean colour, 3×3 neighbours and distance to
 * the centre (the paper's pixel-level update in its mean-based form, which finds edges better than histograms do).
 *
 * @param leastSize in pixels; no superpixel shrinks below it
 */
function movePixels(
  map: BlockMap,
  lab: Int16Array,
  superpixels: number,
  leastSize: number,
  sweeps: number,
): void {
  const { columns: width, rows: height, ids } = map;
  const stride = width + 2;
  const sides = [-1, 1, -stride, stride];
  // Unlikeliness of an offset from the mean, per squared step of colour and per squared pixel.
  const perColour = 1 / (2 * (COLOUR_DEVIATION * LAB_SCALE) ** 2);
  const perPixel = (PIXEL_COMPACTNESS * superpixels) / (width * height);

  // Per superpixel: number of pixels, and sums of L, a, b, x, y. The sums are integers, so removal is exact.
  const sizes = new Float64Array(superpixels);
  const sums = new Float64Array(superpixels * 5);
  const transfer = (id: number, x: number, y: number, sign: 1 | -1) => {
    const pixel = (y * width + x) * 3;
    sizes[id]! += sign;
    sums[id * 5]! += sign * lab[pixel]!;
    sums[id * 5 + 1]! += sign * lab[pixel + 1]!;
    sums[id * 5 + 2]! += sign * lab[pixel + 2]!;
    sums[id * 5 + 3]! += sign * x;
    sums[id * 5 + 4]! += sign * y;
  };
  /** Log likelihood, up to a constant, that the pixel belongs to superpixel `id`. */
  const likelihood = (id: number, x: number, y: number, cell: number) => {
    const pixel = (y * width + x) * 3;
    const scale = 1 / sizes[id]!;
    const dl = sums[id * 5]! * scale - lab[pixel]!;
    const da = sums[id * 5 + 1]! * scale - lab[pixel + 1]!;
    const db = sums[id * 5 + 2]! * scale - lab[pixel + 2]!;
    const dx = sums[id * 5 + 3]! * scale - x;
    const dy = sums[id * 5 + 4]! * scale - y;
    const held = NEIGHBOURS[neighboursWith(id, ids, stride, cell)]!;
    const square = perColour * (dl * dl + da * da + db * db);
    const colourCost = square / (1 + square / MOST_COLOUR_COST); // Geman and McClure's bend
    return SMOOTHING * held - colourCost - perPixel * (dx * dx + dy * dy);
  };

  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) transfer(ids[cellAt(map, x, y)]!, x, y, 1);
  }
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let moved = false;
    for (let row = 0; row < height; row++) {
      const y = inTurn(row, height, sweep);
      const rowStart = cellAt(map, 0, y);
      for (let column = 0; column < width; column++) {
        const x = inTurn(column, width, sweep);
        const cell = rowStart + x;
        if (!onBoundary(ids, stride, cell)) continue;
        const own = ids[cell]!;
        if (sizes[own]! - 1 < leastSize || CAN_LEAVE[neighboursWith(own, ids, stride, cell)] === 0) continue;
        let best = own;
        let bestLikelihood = likelihood(own, x, y, cell);
        for (const side of sides) {
          const other = ids[cell + side]!;
          if (other === best || other === own || other === OUTSIDE) continue;
          const candidate = likelihood(other, x, y, cell);
          if (candidate > bestLikelihood) {
            best = other;
            bestLikelihood = candidate;
          }
        }
        if (best === own) continue;
        transfer(own, x, y, -1);
        transfer(best, x, y, 1);
        ids[cell] = best;
        moved = true;
      }
    }
    if (!moved) break;
  }
}

/**
 * Merges each superpixel smaller than `leastSize` pixels into the neighbour nearest in mean colour, smallest first,
 * until none is left. Ids of those absorbed fall out of use.
 */
function absorbSmall(map: BlockMap, lab: Int16Array, superpixels: number, leastSize: number): void {
  const { columns: width, rows: height, ids } = map;
  const stride = width + 2;
  const sizes = new Uint32Array(superpixels);
  const sums = new Float64Array(superpixels * 3);
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const id = ids[cellAt(map, x, y)]!;
      sizes[id]!++;
      for (let c = 0; c < 3; c++) sums[id * 3 + c]! += lab[pixel * 3 + c]!;
    }
  }
  const distance = (a: number, b: number) => {
    let square = 0;
    for (let c = 0; c < 3; c++) square += (sums[a * 3 + c]! / sizes[a]! - sums[b * 3 + c]! / sizes[b]!) ** 2;
    return square;
  };
  const isSmall = (id: number) => sizes[id]! > 0 && sizes[id]! < leastSize;

  // A round reads the picture once for every small superpixel's neighbour, and so needs as many rounds as there are
  // small ones in a chain, which is seldom more than one.
  for (;;) {
    const nearest = new Map<number, number>();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const cell = cellAt(map, x, y);
        const own = ids[cell]!;
        if (!isSmall(own)) continue;
        for (const side of [cell - 1, cell + 1, cell - stride, cell + stride]) {
          const other = ids[side]!;
          if (other === own || other === OUTSIDE) continue;
          const known = nearest.get(own);
          if (known === undefined || distance(own, other) < distance(own, known)) nearest.set(own, other);
        }
      }
    }
    if (nearest.size === 0) return;

    const into = new Map<number, number>();
    const merged = new Set<number>();
    const smallestFirst = [...nearest].sort(([a], [b]) => sizes[a]! - sizes[b]! || a - b);
    for (const [small, other] of smallestFirst) {
      // Either may have changed in this round; what it is like now, the next round tells.
      if (merged.has(small) || merged.has(other)) continue;
      into.set(small, other);
      merged.add(small).add(other);
      sizes[other]! += sizes[small]!;
      sizes[small] = 0;
      for (let c = 0; c < 3; c++) sums[other * 3 + c]! += sums[small * 3 + c]!;
    }
    for (let cell = 0; cell < ids.length; cell++) ids[cell] = into.get(ids[cell]!) ?? ids[cell]!;
  }
}

/** Histogram bin of each pixel, over the colours that this image has: indoor scenes use a small part of Lab. */
function quantise(lab: Int16Array): Uint8Array {
  const pixels = lab.length / 3;
  const bins = new Uint8Array(pixels);
  for (let c = 0; c < 3; c++) {
    let sum = 0;
    let squares = 0;
    for (let i = c; i < lab.length; i += 3) {
      sum += lab[i]!;
      squares += lab[i]! * lab[i]!;
    }
    const mean = sum / pixels;
    const variance = squares / pixels - mean * mean;
    const deviation = Math.sqrt(Math.max(variance, (LEAST_DEVIATION * LAB_SCALE) ** 2));
    const lowest = mean - 2 * deviation;
    const binsPerStep = BINS_PER_CHANNEL / (4 * deviation);
    for (let pixel = 0, i = c; pixel < pixels; pixel++, i += 3) {
      const bin = clamp(Math.floor((lab[i]! - lowest) * binsPerStep), 0, BINS_PER_CHANNEL - 1);
      bins[pixel] = bins[pixel]! * BINS_PER_CHANNEL + bin;
    }
  }
  return bins;
}

function emptyMap(columns: number, rows: number): BlockMap {
  return { columns, rows, ids: new Uint16Array((columns + 2) * (rows + 2)).fill(OUTSIDE) };
}

/** Where column x, row y is in `map.ids`; both count from 0 inside the margin. */
function cellAt(map: BlockMap, x: number, y: number): number {
  return (y + 1) * (map.columns + 2) + x + 1;
}

/** First pixel of block `block` when `length` pixels are cut in `blocks`; halving the blocks keeps these starts. */
function blockStart(block: number, blocks: number, length: number): number {
  return Math.floor((block * length) / blocks);
}

/** Sweeps go forwards and backwards in turn, lest superpixels drift one way. */
function inTurn(step: number, steps: number, sweep: number): number {
  return sweep % 2 === 0 ? step : steps - 1 - step;
}

function onBoundary(ids: Uint16Array, stride: number, cell: number): boolean {
  const own = ids[cell]!;
  const left = ids[cell - 1]!;
  const right = ids[cell + 1]!;
  const up = ids[cell - stride]!;
  const down = ids[cell + stride]!;
  return (
    (left !== own && left !== OUTSIDE) ||
    (right !== own && right !== OUTSIDE) ||
    (up !== own && up !== OUTSIDE) ||
    (down !== own && down !== OUTSIDE)
  );
}

function withoutMargin(map: BlockMap): Uint16Array {
  const ids = new Uint16Array(map.columns * map.rows);
  for (let y = 0; y < map.rows; y++) {
    ids.set(map.ids.subarray(cellAt(map, 0, y), cellAt(map, map.columns, y)), y * map.columns);
  }
  return ids;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
