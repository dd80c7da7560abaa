import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseColour } from '../../src/model/inference/inference.js';
import { drawWindow, type LabelledImage, resampleCrop } from '../../src/model/training/crop.js';
import { QUICK_RECIPE } from '../../src/model/training/recipe.js';
import { random } from '../../src/random.js';
import { randomColour } from './support.js';

function imageOf(width: number, height: number, labels?: Uint8Array): LabelledImage {
  return {
    width,
    height,
    colour: randomColour(width, height, 1),
    labels: labels ?? Uint8Array.from({ length: width * height }, (_, i) => i % 7),
  };
}

function resample(image: LabelledImage, crop: { width: number; height: number }, ...[window]: [Window]) {
  const colour = new Float32Array(crop.width * crop.height * 3);
  const labels = new Int32Array(crop.width * crop.height);
  resampleCrop(image, window, crop, colour, labels);
  return { colour: [...colour], labels: [...labels] };
}
type Window = Parameters<typeof resampleCrop>[1];

describe('resampling', () => {
  test('at scale 1 and a whole place, pixels are copied', () => {
    const image = imageOf(6, 5);
    const { colour, labels } = resample(
      image,
      { width: 2, height: 2 },
      { left: 3, top: 1, scale: 1, isMirrored: false },
    );
    const pixels = [9, 10, 15, 16];
    expect(labels).toEqual(pixels.map((pixel) => image.labels[pixel]));
    expect(colour).toEqual(
      pixels.flatMap((pixel) =>
        [0, 1, 2].map((channel) => Math.fround(normaliseColour(image.colour[pixel * 3 + channel]!))),
      ),
    );
  });

  test('mirrored, columns are turned round', () => {
    const window = { left: 3, top: 1, scale: 1, isMirrored: false };
    const crop = { width: 2, height: 1 };
    const plain = resample(imageOf(6, 5), crop, window);
    const mirrored = resample(imageOf(6, 5), crop, { ...window, isMirrored: true });
    expect(mirrored.labels).toEqual([...plain.labels].reverse());
    expect(mirrored.colour.slice(0, 3)).toEqual(plain.colour.slice(3));
  });

  test('at scale 2, colours are interpolated between pixel centres and labels repeat', () => {
    const image = {
      width: 2,
      height: 1,
      colour: Uint8Array.of(0, 0, 0, 100, 100, 100),
      labels: Uint8Array.of(4, 5),
    };
    const { colour, labels } = resample(
      image,
      { width: 4, height: 2 },
      { left: 0, top: 0, scale: 2, isMirrored: false },
    );
    expect(labels).toEqual([4, 4, 5, 5, 4, 4, 5, 5]);
    const red = colour.filter((_, i) => i % 3 === 0).slice(0, 4);
    expect(red).toEqual([0, 25, 75, 100].map((value) => Math.fround(normaliseColour(value))));
  });

  test('every drawn window lies in the image, magnified within the range', () => {
    const side = fc.integer({ min: 16, max: 400 });
    fc.assert(
      fc.property(side, side, side, side, fc.nat(1e6), (width, height, w, h, seed) => {
        const window = drawWindow(
          { width, height },
          { ...QUICK_RECIPE, crop: { width: w, height: h } },
          random(seed),
        );
        expect(window.left).toBeGreaterThanOrEqual(-1e-9);
        expect(window.top).toBeGreaterThanOrEqual(-1e-9);
        expect(window.left + w / window.scale).toBeLessThanOrEqual(width + 1e-9);
        expect(window.top + h / window.scale).toBeLessThanOrEqual(height + 1e-9);
        const magnification = window.scale / Math.max(w / width, h / height);
        expect(magnification).toBeGreaterThanOrEqual(QUICK_RECIPE.scales[0] - 1e-9);
        expect(magnification).toBeLessThanOrEqual(QUICK_RECIPE.scales[1] + 1e-9);
      }),
    );
  });

  test('no crop takes a label or colour that the image has not', () => {
    const image = imageOf(20, 16, new Uint8Array(320).fill(3));
    image.colour.fill(255);
    fc.assert(
      fc.property(fc.nat(1e6), (seed) => {
        const crop = { width: 16, height: 16 };
        const { colour, labels } = resample(
          image,
          crop,
          drawWindow(image, { ...QUICK_RECIPE, crop }, random(seed)),
        );
        expect(new Set(labels)).toEqual(new Set([3]));
        expect(Math.min(...colour)).toBeCloseTo(1, 6);
      }),
    );
  });

  test('without cropping, the window is the middle of the image in the shape of the crop', () => {
    const options = { ...QUICK_RECIPE, augment: [] };
    const window = (width: number, height: number) => drawWindow({ width, height }, options, random(1));
    expect(window(320, 240)).toEqual({ left: 0, top: 0, scale: 0.5, isMirrored: false });
    expect(window(400, 240)).toEqual({ left: 40, top: 0, scale: 0.5, isMirrored: false });
  });
});
