import { join } from 'node:path';
import type { Size } from '../frame.js';
import { allInOrder } from './all-in-order.js';
import type { GreyImage } from './grey-image.js';
import { decodeColour, decodeGrey } from './images.js';
import { readBytes } from './input-files.js';

/** Names of a frame's images, relative to the recording. */
export interface FrameImageFiles {
  readonly colour: string;
  readonly depth: string;
  /** Undefined where the frame is not labelled. */
  readonly label: string | undefined;
}

interface Named {
  readonly file: string;
}

/** A frame's images, each at its own size. */
export interface FrameImages {
  /** data: H×W×3, RGB. */
  readonly colour: Size & Named & { readonly data: Uint8Array };
  readonly depth: GreyImage & Named;
  readonly label: (GreyImage & Named) | undefined;
}

/**
 * Reads and decodes the images of a frame, for recordings that keep each in a file of its own.
 * @param path the recording
 * @throws BadFrameError where one cannot be; of several, depth goes before colour before label
 */
export async function readFrameImages(path: string, files: FrameImageFiles): Promise<FrameImages> {
  const grey = async (file: string) => ({
    ...(await decodeGrey(await readBytes(join(path, file), file), file)),
    file,
  });
  const photograph = async (file: string) => ({
    ...(await decodeColour(await readBytes(join(path, file), file), file)),
    file,
  });
  const [depth, colour, label] = await allInOrder([
    grey(files.depth),
    photograph(files.colour),
    files.label === undefined ? undefined : grey(files.label),
  ]);
  return { depth, colour, label };
}
