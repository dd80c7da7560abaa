import { join } from 'node:path';
import { BadFrameError } from '../../errors.js';
import type { Intrinsics, Size } from '../../frame.js';
import { readRange, withFile } from '../byte-ranges.js';
import { requireIntrinsics } from '../depth-camera.js';
import { parseNumbers } from '../numbers.js';
import { requirePose } from '../pose.js';

/** Of every photograph in the data set: what the intrinsics are for. */
export const CALIBRATED: Size = { width: 1280, height: 1024 };

/** A house of 2358 images, one of the largest, has 650 kB. */
const MOST_BYTES = 2 ** 26;

/** One photograph. */
export interface Scan {
  /** Name in the folder of depth images. */
  readonly depth: string;
  /** Name in the folder of photographs. */
  readonly colour: string;
  /**
   * At 1280×1024, y counted from the top.
   * @throws BadFrameError where they are no good
   */
  intrinsics(): Intrinsics;
  /**
   * Camera to world, 4×4 row-major, metres, OpenCV axes.
   * @throws BadFrameError where it is no good
   */
  pose(): Float64Array;
}

export interface Conf {
  readonly depthFolder: string;
  readonly colourFolder: string;
  /** In the file's order; of scans of one depth image, the first. */
  readonly scans: readonly Scan[];
}

/**
 * Reads `undistorted_camera_parameters/<house>.conf`, a command a line
 * (https://github.com/niessner/Matterport/blob/master/data_organization.md). `intrinsics_matrix fx 0 cx 0 fy cy 0 0 1` holds for the
 * scans after it, up to the next.
 *
 * Images have their origin at the bottom left there, so cy counts from below. The data set's other intrinsics of the same camera
 * (`matterport_camera_intrinsics`, OpenCV's notation) bear that out: cy 513.798 there, 509.202 here, together 1023 = height − 1.
 *
 * `scan depth.png colour.jpg` and 16 numbers: camera to world, row by row; the camera looks along −z with y up.
 * @param path the recording
 * @param file relative to it
 * @throws BadFrameError where it cannot be read
 */
export async function readConf(path: string, file: string): Promise<Conf> {
  const bytes = await withFile(join(path, file), file, async (handle, size) => {
    if (size > MOST_BYTES) throw new BadFrameError(file, `${size} bytes, expected at most ${MOST_BYTES}`);
    return readRange(handle, 0, size);
  });
  let [depthFolder, colourFolder] = ['undistorted_depth_images', 'undistorted_color_images'];
  let intrinsics = (): Intrinsics => {
    throw new BadFrameError(file, 'a scan before any intrinsics_matrix');
  };
  const scans = new Map<string, Scan>();
  for (const [i, line] of new TextDecoder().decode(bytes).split('\n').entries()) {
    const [command, ...words] = line.trim().split(/\s+/);
    const where = `${file}, line ${i + 1}`;
    if (command === 'depth_directory') depthFolder = folderName(words, where);
    else if (command === 'color_directory') colourFolder = folderName(words, where);
    else if (command === 'intrinsics_matrix') intrinsics = () => parseIntrinsics(words, where);
    else if (command === 'scan') {
      const [depth = '', colour = '', ...matrix] = words;
      // What is cut off or damaged so far names no image.
      if (!isFileName(depth) || !isFileName(colour) || scans.has(depth)) continue;
      scans.set(depth, { depth, colour, intrinsics, pose: () => parsePose(matrix, where) });
    }
  }
  return { depthFolder, colourFolder, scans: [...scans.values()] };
}

function isFileName(name: string): boolean {
  return /^[\w.-]+$/.test(name) && !/^\.+$/.test(name);
}

function folderName([name = '']: readonly string[], where: string): string {
  if (!isFileName(name)) throw new BadFrameError(where, `"${name.slice(0, 40)}", expected a folder's name`);
  return name;
}

function parseIntrinsics(words: readonly string[], where: string): Intrinsics {
  const k = parseNumbers(words.join(' '), where, 9, 'a 3×3 intrinsics matrix');
  return requireIntrinsics({ fx: k[0], fy: k[4], cx: k[2], cy: CALIBRATED.height - 1 - k[5] }, where);
}

function parsePose(words: readonly string[], where: string): Float64Array {
  const pose = parseNumbers(words.join(' '), where, 16, 'a 4×4 camera-to-world matrix');
  for (let row = 0; row < 12; row += 4) {
    pose[row + 1] = -pose[row + 1];
    pose[row + 2] = -pose[row + 2];
  }
  return requirePose(pose, where);
}
