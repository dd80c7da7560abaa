import { expect, test } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import { checkTimes, effortOf, PAPER_TIMES } from '../../src/labels/effort.js';
import { distinctClasses, groundTruth } from '../../src/labels/oracle.js';
import { randomFrame } from '../random-frames.js';

test('ground truth answers with the labels of the frame, and has none for a frame without', () => {
  const { frame } = randomFrame(1);
  const labels = new Uint8Array(frame.width * frame.height).fill(3);
  expect(groundTruth.labels({ ...frame, labels })).toBe(labels);
  expect(() => groundTruth.labels(frame)).toThrow(BadFrameError);
});

test('distinct classes are those within the region, and no class is none', () => {
  const labels = Uint8Array.of(4, 4, 255, 0, 9);
  expect(distinctClasses(labels, Uint8Array.of(1, 1, 1, 1, 0))).toBe(2);
  expect(distinctClasses(labels, Uint8Array.of(0, 0, 1, 0, 0))).toBe(0);
  expect(distinctClasses(labels, new Uint8Array(5).fill(1))).toBe(3);
});

test("effort is the paper's: 271 minutes for 50 images, 202 for their 2000 superpixels", () => {
  const size = { width: 320, height: 240 };
  const at = { scene: 's', frame: 'a' };
  const image = effortOf({ ...at, unit: 'image' }, size);
  const superpixel = effortOf({ ...at, unit: 'superpixel', superpixel: 7 }, size);
  expect(50 * image.minutes).toBeCloseTo(271, 10);
  expect(2000 * superpixel.minutes).toBeCloseTo(202, 10);
  expect(superpixel.clicks).toBe(1);
  expect(image.clicks).toBeCloseTo(53.66, 2);
  // 48 windows of 40×40 make up an image.
  const window = effortOf({ ...at, unit: 'window', left: 0, top: 0, width: 40, height: 40 }, size);
  expect(48 * window.minutes).toBeCloseTo(image.minutes, 10);
  expect(48 * window.clicks).toBeCloseTo(image.clicks, 10);
  const own = { imageMinutes: 10, superpixelMinutes: 0.5 };
  expect(effortOf({ ...at, unit: 'image' }, size, own)).toEqual({ minutes: 10, clicks: 20 });
});

test('times of annotation are positive', () => {
  checkTimes(PAPER_TIMES);
  for (const superpixelMinutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => checkTimes({ imageMinutes: 1, superpixelMinutes })).toThrow(UserError);
});
