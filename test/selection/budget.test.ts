import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { superpixelEffort } from '../../src/labels/effort.js';
import { type Budget, BudgetMeter, parseBudget } from '../../src/selection/budget.js';

describe('budgets', () => {
  test.each([
    ['2images', { amount: 2, unit: 'images' }],
    ['1 image', { amount: 1, unit: 'images' }],
    ['0.5images', { amount: 0.5, unit: 'images' }],
    ['100superpixels', { amount: 100, unit: 'superpixels' }],
    ['20clicks', { amount: 20, unit: 'clicks' }],
    ['1 click', { amount: 1, unit: 'clicks' }],
    ['15minutes', { amount: 15, unit: 'minutes' }],
    ['0.5min', { amount: 0.5, unit: 'minutes' }],
    ['2%', { amount: 2, unit: '%' }],
  ])('%s', (text, budget) => expect(parseBudget(text)).toEqual(budget));

  test.each([
    '',
    '2',
    'images',
    '-1images',
    '0%',
    '101%',
    '1.5superpixels',
    '1.5clicks',
    '2 apples',
    '2toString',
    '2images%',
  ])('refuses "%s"', (text) => expect(() => parseBudget(text)).toThrow(/^Option budget: expected/));

  /** Regions of 30 pixels that a budget bears. */
  function regionsOf(text: string, frames: number): number {
    const meter = new BudgetMeter(parseBudget(text), frames, 100);
    let regions = 0;
    for (; !meter.spent; regions++) meter.add({ pixels: 30, ...superpixelEffort() });
    return regions;
  }

  test('are met exactly where regions allow it', () => {
    expect(regionsOf('1images', 9)).toBe(4);
    expect(regionsOf('3images', 9)).toBe(10);
    expect(regionsOf('10%', 10)).toBe(4);
    expect(regionsOf('7superpixels', 9)).toBe(7);
    expect(regionsOf('7clicks', 9)).toBe(7);
    // A superpixel takes 0.101 minutes, whose sums are not whole in binary.
    expect(regionsOf('1.01min', 9)).toBe(10);
    expect(regionsOf('101minutes', 9)).toBe(1000);
    expect(regionsOf('1.02min', 9)).toBe(11);
  });

  test('are overrun by less than one region, whatever the unit and the regions', () => {
    const cost = fc.record({
      pixels: fc.integer({ min: 1, max: 5000 }),
      minutes: fc.double({ min: 0.01, max: 9, noNaN: true }),
      clicks: fc.double({ min: 0.1, max: 60, noNaN: true }),
    });
    const budget: fc.Arbitrary<Budget> = fc.record({
      amount: fc.integer({ min: 1, max: 50 }),
      unit: fc.constantFrom('images', 'superpixels', 'clicks', 'minutes', '%'),
    });
    fc.assert(
      fc.property(budget, fc.array(cost, { minLength: 1, maxLength: 60 }), (given, regions) => {
        const [frames, pixelsPerFrame] = [7, 900];
        const meter = new BudgetMeter(given, frames, pixelsPerFrame);
        const taken: typeof regions = [];
        for (const region of regions) {
          if (meter.spent) break;
          meter.add(region);
          taken.push(region);
        }
        const total = (some: typeof regions) =>
          ({
            images: some.reduce((sum, { pixels }) => sum + pixels, 0) / pixelsPerFrame,
            superpixels: some.length,
            clicks: some.reduce((sum, { clicks }) => sum + clicks, 0),
            minutes: some.reduce((sum, { minutes }) => sum + minutes, 0),
            '%': (100 * some.reduce((sum, { pixels }) => sum + pixels, 0)) / (frames * pixelsPerFrame),
          })[given.unit];
        expect(total(taken.slice(0, -1))).toBeLessThan(given.amount);
        if (taken.length < regions.length)
          expect(total(taken)).toBeGreaterThanOrEqual(given.amount * (1 - 1e-8));
      }),
    );
  });
});
