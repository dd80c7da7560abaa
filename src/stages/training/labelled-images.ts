import { BadFrameError, UserError } from '../../errors.js';
import { frameName } from '../../frame.js';
import type { LabelledImage } from '../../model/training/crop.js';
import type { ImageSet } from '../../model/training/samples.js';
import type { FrameEntry } from '../../sources/recording.js';
import type { Run } from '../run.js';

/** Bytes of decoded images kept in memory, of each set; what comes after them is decoded again when drawn. */
const MOST_KEPT = 300e6;

/**
 * The labelled images, each read once to see that it can be; bad ones are reported and left out.
 * @throws UserError if none can be read, or no pixel of them is labelled
 */
export async function labelledImages(
  run: Run,
  frames: readonly FrameEntry[],
  purpose: string,
): Promise<ImageSet> {
  const usable: FrameEntry[] = [];
  const kept: LabelledImage[] = [];
  let bytes = 0;
  const labelled: number[] = [];
  for (const entry of frames) {
    try {
      const image = await labelledImage(run, entry);
      usable.push(entry);
      labelled.push(labelledPixels(image, run.recording.classes.length));
      bytes += image.colour.byteLength + image.labels.byteLength;
      if (bytes <= MOST_KEPT) kept.push(image);
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      run.monitor.warn(`not ${purpose} ${frameName(entry)}: ${error.message}`);
    }
  }
  if (usable.length === 0)
    throw new UserError(`None of the ${frames.length} labelled frames of ${run.recording.path} can be read.`);
  if (labelled.every((pixels) => pixels === 0))
    throw new UserError(
      `The ${usable.length} frames of ${run.recording.path} to be ${purpose} have no labelled pixel.`,
    );
  const load = (i: number) => kept[i] ?? labelledImage(run, usable[i]);
  // Of frames labelled in part, one with a single superpixel would else be drawn as often as one labelled whole, and
  // most of a batch would teach nothing.
  const isSparse = run.trainingLabels !== undefined;
  return { count: usable.length, load, ...(isSparse ? { weights: labelled } : {}) };
}

function labelledPixels({ labels }: LabelledImage, classes: number): number {
  let pixels = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] < classes) pixels++;
  return pixels;
}

async function labelledImage(run: Run, entry: FrameEntry): Promise<LabelledImage> {
  const { width, height, colour, ...frame } = await run.recording.read(entry, run.size);
  const isTrained = run.trainingLabels !== undefined && run.training.has(frameName(entry));
  const labels = isTrained ? await run.trainingLabels.of(entry) : frame.labels;
  if (labels === undefined) throw new BadFrameError(frameName(entry), 'has no labels');
  return { width, height, colour, labels };
}
