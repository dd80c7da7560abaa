import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { type Imported, importBackbone } from '../../../src/model/weights/import.js';
import { classifyAsTrained, classifyAsUsed } from './classify.js';
import { PICTURE_SIZE, PICTURES, paint } from './pictures.js';

const FILES = {
  'int8 per channel': '../shared/models/tf2_mobilenet_v2_1.0_224_ptq.tflite',
  'uint8 per tensor': '../shared/models/mobilenet_v2_1.0_224_quant.tflite',
};
const isPresent = Object.values(FILES).every((file) => existsSync(file));

/** Number of the most probable of the 1000 classes (these files have a 0th, "background"), and its lead. */
function best(probabilities: Float32Array): { imagenetClass: number; lead: number } {
  const [first, second] = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!);
  return { imagenetClass: first! - 1, lead: probabilities[first!]! - probabilities[second!]! };
}

describe.skipIf(!isPresent)('Google Coral’s MobileNetV2 (skipped where shared/models is absent)', () => {
  const imported = new Map<string, Imported>();
  beforeAll(async () => {
    await startBackend('wasm');
    for (const [name, file] of Object.entries(FILES)) imported.set(name, await importBackbone(file));
  });

  test.each(Object.keys(FILES))('%s: of width 1, folded, its 1001 classes kept', (name) => {
    const { backbone, classifier } = imported.get(name)!;
    expect(backbone).toMatchObject({ width: 1, batchNorm: 'folded' });
    expect(classifier!.get('classifier/weights')!.shape).toEqual([1, 1, 1280, 1001]);
  });

  const cases = Object.keys(FILES).flatMap((name) =>
    PICTURES.map((picture) => [name, picture.name, picture] as const),
  );
  test.each(cases)('%s: knows the %s', async (name, _, picture) => {
    const x = tf.tensor4d(await paint(picture), [1, PICTURE_SIZE, PICTURE_SIZE, 3]);
    const asTrained = best(classifyAsTrained(imported.get(name)!, x));
    expect(asTrained.imagenetClass).toBe(picture.imagenetClass);
    expect(asTrained.lead).toBeGreaterThan(0.4);
    // Our padding and dilation are others, the function is still the one that was learnt.
    expect(best(classifyAsUsed(imported.get(name)!, x)).imagenetClass).toBe(picture.imagenetClass);
    x.dispose();
  });
});
