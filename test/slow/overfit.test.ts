import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { startBackend } from '../../src/model/backend.js';
import { ConfusionMatrix } from '../../src/model/evaluation/confusion-matrix.js';
import { InferenceNetwork } from '../../src/model/inference/inference.js';
import { initialNetwork } from '../../src/model/network.js';
import type { LabelledImage } from '../../src/model/training/crop.js';
import { QUICK_RECIPE, type TrainingOptions } from '../../src/model/training/recipe.js';
import { initialState } from '../../src/model/training/state.js';
import { Trainer } from '../../src/model/training/trainer.js';

const folder = '../shared/data/scannet-sample';
const CLASSES = 40;
const FRAMES = 12;

const SIZE = { width: 160, height: 120 };

/** NYU40 ids: 1 to 40 are classes, 0 is unlabelled. */
async function load(name: string): Promise<LabelledImage> {
  const { width, height } = SIZE;
  const colour = await sharp(join(folder, 'color', `${name}.jpg`))
    .removeAlpha()
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  const ids = await sharp(join(folder, 'label', `${name}.png`))
    .resize(width, height, { fit: 'fill', kernel: 'nearest' })
    .extractChannel(0)
    .raw()
    .toBuffer();
  const labels = Uint8Array.from(ids, (id) => (id >= 1 && id <= CLASSES ? id - 1 : IGNORE));
  return { width, height, colour: new Uint8Array(colour), labels };
}

beforeAll(async () => {
  await startBackend('wasm');
});

describe.skipIf(!existsSync(folder))(`twelve ScanNet frames (needs ${folder})`, () => {
  test('200 steps from scratch at 160×120 learn them to a train mIoU of 70 %', async () => {
    const names = (await readdir(join(folder, 'color'))).sort().map((file) => file.replace(/\.jpg$/, ''));
    const chosen = Array.from({ length: FRAMES }, (_, i) => names[Math.floor((i * names.length) / FRAMES)]!);
    const images = await Promise.all(chosen.map(load));
    const options: TrainingOptions = { ...QUICK_RECIPE, steps: 200, augment: [] };
    const network = initialNetwork(
      { width: 0.35, head: 'slim', classes: CLASSES },
      Array.from({ length: CLASSES }, (_, c) => `nyu40 ${c + 1}`),
      options.seed,
    );
    const trainer = await Trainer.open(initialState(network, options, images.length), {
      count: images.length,
      load: (index) => images[index]!,
    });
    for await (const _ of trainer.run());
    const inference = new InferenceNetwork((await trainer.state()).network);
    await trainer.close();
    const confusion = new ConfusionMatrix(CLASSES);
    for (const image of images) confusion.add(image.labels, inference.labels(image));
    inference.dispose();
    // Measured 0.918 and 0.799.
    expect(confusion.pixelAccuracy()).toBeGreaterThan(0.85);
    expect(confusion.meanIntersectionOverUnion()).toBeGreaterThan(0.7);
  });
});
