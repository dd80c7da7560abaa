import { describe, expect, test } from 'vitest';
import { averageBySuperpixel, scorePairwise } from '../../src/geometry/pairwise.js';
import { view } from './two-pixels.js';

const A = view(0, [1, 1], [0.75, 0.25, 0.5, 0.5]);

describe('pairwise reprojection', () => {
  test('of two views, by hand', async () => {
    // B stands 1 m to the right: its pixel 0 shows A's pixel 1; its pixel 1 falls outside A.
    const B = view(1, [1.04, 1], [0.25, 0.75, 0.5, 0.5]);
    const scores = await scorePairwise(A, [B]);
    expect([...scores.observations]).toEqual([1, 2]);
    expect([...scores.views]).toEqual([1, 2]);
    const H = (...q: number[]) => -q.reduce((sum, p) => sum + p * Math.log(p), 0);
    expect(scores.viewEntropy[0]).toBeCloseTo(H(0.75, 0.25), 6);
    expect(scores.viewEntropy[1]).toBeCloseTo(H(0.375, 0.625), 6);
    expect(scores.viewDivergence[0]).toBeCloseTo(0, 12);
    // KL((½,½) ‖ (¼,¾)) = ½ ln 2 + ½ ln ⅔, over |Ω| = 2.
    expect(scores.viewDivergence[1]).toBeCloseTo((0.5 * Math.log(2) + 0.5 * Math.log(2 / 3)) / 2, 6);
  });

  test('drops what is hidden, behind the camera or without depth', async () => {
    const hidden = view(1, [1.06, 1], [0, 1, 0, 1]);
    const empty = view(1, [0, 1], [0, 1, 0, 1]);
    const scores = await scorePairwise(A, [hidden, empty]);
    expect([...scores.observations]).toEqual([1, 1]);
    // Its first point lies 2 cm behind a camera that looks at a surface 2 cm before it.
    const behind = view(0, [1, 0], [0, 1, 0, 1]);
    behind.frame.cameraToWorld[11] = -1.02;
    expect([...(await scorePairwise(view(0, [0.02, 0.02], [1, 0, 1, 0]), [behind])).observations]).toEqual([
      1, 1,
    ]);
  });

  test('gives no score where the frame itself has no depth', async () => {
    const scores = await scorePairwise(view(0, [0, 1], [1, 0, 1, 0]), [A]);
    expect(scores.viewEntropy[0]).toBeNaN();
    const means = averageBySuperpixel(scores, { width: 2, height: 1, count: 2, ids: Uint16Array.of(0, 1) });
    expect([...means.scoredPixels]).toEqual([0, 1]);
    expect(means.viewEntropy[0]).toBeNaN();
    expect(means.views[1]).toBe(2);
  });
});
