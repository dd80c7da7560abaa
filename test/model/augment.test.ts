import { describe, expect, test } from 'vitest';
import { addNoise, blur } from '../../src/model/training/augment.js';
import { balancedClassWeights } from '../../src/model/training/class-weights.js';
import { random } from '../../src/random.js';
import { randomValues } from './support.js';

describe('blur', () => {
  const size = { width: 9, height: 7 };

  test('leaves a flat image as it is, at its edges too', () => {
    for (let seed = 0; seed < 20; seed++) {
      const colour = new Float32Array(9 * 7 * 3).fill(0.3);
      blur(colour, size, random(seed));
      for (const value of colour) expect(value).toBeCloseTo(0.3, 6);
    }
  });

  test('spreads one pixel by a Gaussian whose weights sum to 1, alike along rows and columns', () => {
    let blurred = 0;
    for (let seed = 0; seed < 40; seed++) {
      const colour = new Float32Array(9 * 7 * 3);
      const at = (x: number, y: number) => colour[(y * 9 + x) * 3 + 1]!;
      colour[(3 * 9 + 4) * 3 + 1] = 1;
      blur(colour, size, random(seed));
      if (at(4, 3) === 1) continue;
      blurred++;
      expect(colour.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
      expect(at(5, 3)).toBeCloseTo(at(4, 4), 6);
      expect(at(3, 3)).toBeCloseTo(at(5, 3), 6);
      // exp(−1/2σ²) and exp(−4/2σ²): the second neighbour is the first to the fourth power.
      expect(at(6, 3) / at(4, 3)).toBeCloseTo((at(5, 3) / at(4, 3)) ** 4, 4);
      expect(at(4, 3)).toBeGreaterThan(at(5, 3));
      expect(colour.filter((_, i) => i % 3 !== 1).every((value) => value === 0)).toBe(true);
    }
    expect(blurred).toBeGreaterThan(5);
    expect(blurred).toBeLessThan(35);
  });
});

test('noise has mean 0 and a deviation of up to 0.05, another one each time', () => {
  const deviations = Array.from({ length: 20 }, (_, seed) => {
    const colour = randomValues(30_000, 1);
    const before = colour.slice();
    addNoise(colour, random(seed));
    const noise = colour.map((value, i) => value - before[i]!);
    expect(Math.abs(noise.reduce((sum, value) => sum + value, 0) / noise.length)).toBeLessThan(0.002);
    return Math.sqrt(noise.reduce((sum, value) => sum + value ** 2, 0) / noise.length);
  });
  expect(Math.max(...deviations)).toBeLessThan(0.052);
  expect(Math.max(...deviations)).toBeGreaterThan(0.035);
  expect(Math.min(...deviations)).toBeLessThan(0.015);
});

test('balanced class weights are 1 / ln(1.02 + share)', () => {
  const weights = balancedClassWeights([50, 50, 0]);
  expect(weights[0]).toBeCloseTo(1 / Math.log(1.52), 6);
  expect(weights[1]).toBe(weights[0]);
  expect(weights[2]).toBeCloseTo(50.498, 2);
  expect([...balancedClassWeights([0, 0])].every(Number.isFinite)).toBe(true);
});
