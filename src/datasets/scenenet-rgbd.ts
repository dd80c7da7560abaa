import { basename } from 'node:path';
import { UserError } from '../errors.js';
import { NYU13_CLASSES } from '../sources/scenenet/classes.js';
import { type Dataset, type Split, trailingNumber } from './dataset.js';

/** The training splits, of 17, that the published lists draw from. */
const TRAINING: ReadonlySet<number> = new Set([0, 4, 7, 14, 16]);

/** Frames are numbered in steps of 25: a picture a second of the simulated camera. */
const STEP = 25;

/** SceneNet RGB-D: five of its 17 training splits, and its validation split in halves. */
export const scenenetRgbd: Dataset = {
  name: 'scenenet-rgbd',
  title: 'SceneNet RGB-D',
  format: 'scenenet',
  classes: NYU13_CLASSES,
  /** From inside, the validation split looks like training split 0. */
  async recordings(download) {
    if (!/^(train|val|\d+)$/.test(basename(download))) return [download];
    throw new UserError(
      `${download} is a part of ${this.title}: expected the folder that holds train/ and val/.`,
    );
  },
  splitOf(scene): Split | undefined {
    const { set, trajectory } = partsOf(scene);
    if (set === 'val') return trajectory % 2 === 0 ? 'validation' : 'test';
    return TRAINING.has(set) ? 'training' : undefined;
  },
  every: { training: 10 * STEP, validation: 10 * STEP, test: 10 * STEP },
  numberOf: trailingNumber,
  publishedName({ scene, id }) {
    const { set, trajectory } = partsOf(scene);
    const digits = (value: number, count: number) => `${value}`.padStart(count, '0');
    const prefix = set === 'val' ? 'val_00' : digits(set, 2);
    return `${prefix}_${digits(trajectory, 5)}_${digits(trailingNumber(id), 4)}`;
  },
  facts: {
    paper: [
      '72,290 images for training (the published lists name 72,990: 2,433 trajectories of 30), 320×240, 13 classes (NYU13): every tenth frame from 5 of the 17 training splits; 1.5 % of them as seed set.',
      'Validation, which the results are reported on too: every tenth frame of the validation split; the published lists name 15,000, of 500 of its 1,000 trajectories, and 1,094 seed images.',
    ],
    prepared: [
      'Training: every tenth frame of training splits 0, 4, 7, 14 and 16, those of the published lists: 150,000 images, or those that the lists name (--selections).',
      'Every tenth frame of the validation split: even trajectories for validation, odd ones for test, so that what chooses a network does not measure it.',
    ],
    obtain: [
      'No form: the files are on https://robotvault.bitbucket.io/scenenet-rgbd.html, one archive a split, and the trajectories as protobuf files.',
      'Take those of training splits 0, 4, 7, 14 and 16 and of the validation split, and the protobuf files; unpack them side by side (train/, val/).',
    ],
    disk: [
      'Download: 15 GB for the validation split, about as much for each training split.',
      'Prepared: about 70 kB an image: 6 GB with the published lists, 13 GB without.',
    ],
  },
};

/** `val_0_223` and `train_4_4123`, in whatever way the parts are joined. */
function partsOf(scene: string): { set: 'val' | number; trajectory: number } {
  const numbers = (scene.match(/\d+/g) ?? []).map(Number);
  const trajectory = numbers.at(-1) ?? Number.NaN;
  return { set: /val/.test(scene) ? 'val' : (numbers.at(-2) ?? Math.floor(trajectory / 1000)), trajectory };
}
