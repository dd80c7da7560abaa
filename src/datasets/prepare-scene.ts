import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BadFrameError } from '../errors.js';
import { isMissing, writeFileAtomically } from '../files.js';
import { type Frame, IGNORE, type Size } from '../frame.js';
import { writeOwnFrame } from '../sources/own-frame-files.js';
import type { FrameEntry, Recording } from '../sources/recording.js';

/** What became of a frame. */
export interface PreparedFrame {
  readonly id: string;
  /** Why it was left out. */
  readonly fault?: { readonly file: string; readonly reason: string };
}

/**
 * At 320×240 every second pixel's colour is too little: quality 95 at full colour resolution is off by 0.8 to 1.6 of 255 (root
 * mean square) and 13 at most, at half resolution by up to 53, on frames of ScanNet, 7-Scenes and our sample. It takes 17 to
 * 38 kB a frame; lossless PNG would take 140 to 200 kB, more than depth and labels together.
 */
const JPEG = { quality: 95, chromaSubsampling: '4:4:4' } as const;

/** Frames under way at once: while some are decoded and packed by the image library's threads, another is averaged. */
const IN_FLIGHT = 4;

/**
 * Reads frames of a scene at the working size and writes them in our own layout.
 *
 * The scene's camera, `intrinsics.json`, is that of its first usable frame; a frame with another gets a file of its own. A
 * frame's own file is written before the frame, so that none is ever there without its camera.
 *
 * @param frames of one scene, in order, none of them written yet
 * @param labels which label of the prepared recording each of this one's is, `IGNORE` for none
 * @param onFrame hears of each when it is done
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function prepareScene(
  recording: Recording,
  frames: readonly FrameEntry[],
  { out, scene, size, labels }: { out: string; scene: string; size: Size; labels: readonly number[] },
  onFrame: (frame: PreparedFrame) => void,
): Promise<void> {
  const table = Uint8Array.from({ length: 256 }, (_, label) => labels[label] ?? IGNORE);
  const folder = join(out, scene);
  let camera = await readCamera(folder);
  const prepare = async (entry: FrameEntry): Promise<void> => {
    const { id } = entry;
    let frame: Frame;
    try {
      frame = await recording.read(entry, size);
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      onFrame({ id, fault: { file: error.file, reason: error.reason } });
      return;
    }
    const own = { ...size, ...frame.intrinsics };
    if (camera === undefined) {
      await writeFileAtomically(join(folder, 'intrinsics.json'), written(own));
      camera = own;
    } else if (!isDeepStrictEqual(camera, own)) {
      await writeFileAtomically(join(folder, `${id}.intrinsics.json`), written(own));
    }
    await writeOwnFrame(out, { ...frame, scene, labels: frame.labels?.map((label) => table[label]) }, JPEG);
    onFrame({ id });
  };
  let next = 0;
  // One by one up to the frame that gives the scene its camera: which one that is must not depend on chance.
  while (camera === undefined && next < frames.length) await prepare(frames[next++]);
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < frames.length) await prepare(frames[next++]);
    }),
  );
}

async function readCamera(folder: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, 'intrinsics.json'), 'utf8'));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function written(camera: object): string {
  return `${JSON.stringify(camera)}\n`;
}
