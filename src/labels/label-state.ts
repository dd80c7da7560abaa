import { frameName, type Size } from '../frame.js';
import type { FrameId } from '../tables/frame-tables.js';
import type { LabelRow } from '../tables/schemas.js';
import { regionOf } from './label-row.js';
import { paint } from './paint.js';
import type { Region } from './region.js';

interface FrameLabels {
  pixels: number;
  isWhole: boolean;
  readonly superpixels: Set<number>;
  readonly windows: Extract<Region, { unit: 'window' }>[];
}

/**
 * Which regions of which frames people have labelled so far; everything else is ignored in training (paper, Fig. 6).
 * What is in it stays: labels are only ever added, and nothing is labelled twice.
 */
export class LabelState {
  readonly #rows: LabelRow[] = [];
  readonly #frames = new Map<string, FrameLabels>();
  #pixels = 0;
  #minutes = 0;
  #clicks = 0;

  /** @param rows of the labels table, in order of labelling */
  constructor(rows: Iterable<LabelRow> = []) {
    for (const row of rows) this.add(row);
  }

  /**
   * Notes that a region has been labelled.
   * @param row its `pixels` are those that were not labelled before, at least 1
   * @throws Error, and changes nothing, where the region was labelled already
   */
  add(row: LabelRow): void {
    const region = regionOf(row);
    const name = frameName({ scene: row.scene, id: row.frame });
    const frame = this.#frames.get(name) ?? {
      pixels: 0,
      isWhole: false,
      superpixels: new Set(),
      windows: [],
    };
    if (row.pixels < 1 || isLabelled(region, frame))
      throw new Error(`${describe(region)} of ${name} is labelled already`);
    if (region.unit === 'image') frame.isWhole = true;
    else if (region.unit === 'superpixel') frame.superpixels.add(region.superpixel);
    else frame.windows.push(region);
    frame.pixels += row.pixels;
    this.#frames.set(name, frame);
    this.#rows.push(row);
    this.#pixels += row.pixels;
    this.#minutes += row.minutes;
    this.#clicks += row.clicks;
  }

  /** In order of labelling. */
  get rows(): readonly LabelRow[] {
    return this.#rows;
  }

  /** Regions labelled, images included. */
  get regions(): number {
    return this.#rows.length;
  }

  /** Pixels labelled, each counted once. */
  get pixels(): number {
    return this.#pixels;
  }

  /** Time that people took. */
  get minutes(): number {
    return this.#minutes;
  }

  /** The same in superpixels labelled by one click each. */
  get clicks(): number {
    return this.#clicks;
  }

  /** Names (`frameName`) of the frames that have any label. */
  frames(): ReadonlySet<string> {
    return new Set(this.#frames.keys());
  }

  /** Pixels labelled of a frame. */
  pixelsOf(frame: FrameId): number {
    return this.#frames.get(frameName(frame))?.pixels ?? 0;
  }

  /** Whether the frame was labelled as an image. One labelled part by part has all its pixels in `pixelsOf`. */
  isWhole(frame: FrameId): boolean {
    return this.#frames.get(frameName(frame))?.isWhole ?? false;
  }

  /** Whether the superpixel was labelled, by itself or with its whole image. */
  hasSuperpixel(frame: FrameId, superpixel: number): boolean {
    const labels = this.#frames.get(frameName(frame));
    return labels !== undefined && (labels.isWhole || labels.superpixels.has(superpixel));
  }

  /**
   * @param ids H×W superpixel ids; needed only where superpixels of the frame were labelled
   * @returns H×W: 1 where labelled, else 0
   * @throws Error where ids are needed and missing or of another size; RangeError for a window out of the frame
   */
  mask(frame: FrameId, size: Size, ids?: Uint16Array): Uint8Array {
    const mask = new Uint8Array(size.width * size.height);
    const labels = this.#frames.get(frameName(frame));
    if (labels === undefined) return mask;
    if (labels.isWhole) return mask.fill(1);
    for (const window of labels.windows) paint(window, mask, size, ids);
    if (labels.superpixels.size === 0) return mask;
    if (ids?.length !== mask.length)
      throw new Error(
        `the superpixel ids of ${frameName(frame)} are needed, at ${size.width}x${size.height}`,
      );
    // All superpixels in one pass over the pixels.
    const isLabelled = new Uint8Array(2 ** 16);
    for (const superpixel of labels.superpixels) isLabelled[superpixel] = 1;
    for (let i = 0; i < mask.length; i++) mask[i] |= isLabelled[ids[i]];
    return mask;
  }
}

/** Whether one earlier region holds all of this one; what several hold together, a row's pixels tell. */
function isLabelled(region: Region, frame: FrameLabels): boolean {
  if (frame.isWhole) return true;
  if (region.unit === 'superpixel') return frame.superpixels.has(region.superpixel);
  if (region.unit === 'image') return false;
  return frame.windows.some(
    ({ left, top, width, height }) =>
      left <= region.left &&
      top <= region.top &&
      left + width >= region.left + region.width &&
      top + height >= region.top + region.height,
  );
}

function describe(region: Region): string {
  if (region.unit === 'image') return 'the image';
  if (region.unit === 'superpixel') return `superpixel ${region.superpixel}`;
  return `the window ${region.width}x${region.height} at ${region.left},${region.top}`;
}
