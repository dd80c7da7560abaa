import { BadFrameError } from '../errors.js';
import { type Frame, IGNORE, type Intrinsics, type Size } from '../frame.js';
import { averageColour } from './average-colour.js';
import type { GreyImage } from './grey-image.js';
import { zOfRayLength } from './ray-length.js';
import { intrinsicsAtWorkingSize, requireSameShape, sampleNearest } from './working-size.js';

/** What a message calls an image. */
interface Named {
  readonly file: string;
}

/** Depth as a device stores it. */
export interface StoredDepth extends Size {
  readonly bits: 8 | 16 | 32;
  /** H×W; 0 is no measurement, and neither is what is not a finite number above 0. */
  readonly data: Uint8Array | Uint16Array | Float32Array;
  /** Stored values a metre. */
  readonly scale: number;
  /** The greatest stored value that is a measurement, inclusive. */
  readonly greatest: number;
  /** Whether values are lengths of the rays to the surface instead of its z. */
  readonly alongRay?: boolean;
}

/** A frame's images, decoded, each at its own size. */
export interface SourceFrame {
  readonly scene: string;
  readonly id: string;
  readonly timestamp: number;
  /** data: H×W×3, RGB. */
  readonly colour: Size & Named & { readonly data: Uint8Array };
  readonly depth: StoredDepth & Named;
  readonly intrinsics: Intrinsics;
  /** The size that the intrinsics are for. */
  readonly calibratedAt: Size & Named;
  readonly cameraToWorld: Float64Array;
  readonly label: (GreyImage & Named) | undefined;
}

/**
 * Brings a frame to the working size: colour averaged, depth and labels by nearest neighbour, intrinsics scaled.
 * @throws BadFrameError where the images do not belong to one view, there is no depth, or a label is no class
 */
export function atWorkingSize(source: SourceFrame, labelTable: LabelTable, size: Size): Frame {
  const { scene, id, timestamp, colour, depth, calibratedAt, cameraToWorld, label } = source;
  requireSameShape(colour.file, colour, depth, depth.file);
  requireSameShape(depth.file, depth, calibratedAt, calibratedAt.file);
  let labels: Uint8Array | undefined;
  if (label !== undefined) {
    requireSameShape(label.file, label, depth, depth.file);
    labels = sampleNearest(labelTable.classesOf(label, label.file), label, size);
  }
  const intrinsics = intrinsicsAtWorkingSize(source.intrinsics, calibratedAt, depth, size);
  const metric = metres(depth, depth.file, size);
  return {
    scene,
    id,
    timestamp,
    width: size.width,
    height: size.height,
    colour: averageColour(colour.data, colour, size),
    depth: depth.alongRay ? zOfRayLength(metric, size, intrinsics) : metric,
    intrinsics,
    cameraToWorld,
    labels,
    source: { colour: sizeOf(colour), depth: sizeOf(depth) },
  };
}

const sizeOf = ({ width, height }: Size): Size => ({ width, height });

function metres(image: StoredDepth, file: string, size: Size): Float32Array {
  // Depth as a picture has 8 bits; read as depth it would put the whole room within 25 cm.
  if (image.bits === 8) throw new BadFrameError(file, '8-bit values, expected 16-bit depth');
  const stored = sampleNearest(image.data, image, size);
  const { scale, greatest } = image;
  const depth = new Float32Array(stored.length);
  let measured = 0;
  for (let i = 0; i < stored.length; i++) {
    const value = stored[i];
    // Written so that NaN, which some sensors send for no measurement, is none.
    if (!(value > 0 && value <= greatest)) continue;
    depth[i] = value / scale;
    measured++;
  }
  if (measured === 0) throw new BadFrameError(file, 'no depth: every pixel is without a measurement');
  return depth;
}

/** Marks a stored label that stands for no class; above any class and `IGNORE`. */
const NO_CLASS = 256;

/** Which class each stored label is. */
export class LabelTable {
  private readonly table: Uint16Array;

  /** @param classOf the class of a stored label, `IGNORE` for unlabelled, undefined where a label file cannot hold it */
  constructor(
    private readonly classes: number,
    classOf: (stored: number) => number | undefined,
  ) {
    this.table = Uint16Array.from({ length: 65536 }, (_, stored) => classOf(stored) ?? NO_CLASS);
  }

  /**
   * @returns H×W classes
   * @throws BadFrameError where a stored label stands for none
   */
  classesOf(image: GreyImage, file: string): Uint8Array {
    const labels = new Uint8Array(image.data.length);
    for (let i = 0; i < labels.length; i++) {
      const label = this.table[image.data[i]];
      if (label === NO_CLASS) {
        const expected = `expected a class (0 to ${this.classes - 1}) or ${IGNORE} for unlabelled`;
        throw new BadFrameError(file, `label ${image.data[i]}, ${expected}`);
      }
      labels[i] = label;
    }
    return labels;
  }
}
