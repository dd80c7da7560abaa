import { expect, test } from 'vitest';
import { boundsOf, firstCamera, upOf, type Vector } from '../../src/page/camera.js';
import { random } from '../../src/random.js';

/** Points evenly in a box, and a few far away. */
function cloud(centre: Vector, size: Vector, far: number): Float32Array {
  const next = random(1);
  const points = Array.from({ length: 5000 }, (_, i) =>
    i < far ? [900, -900, 900, 0] : [...centre.map((c, axis) => c + size[axis]! * (next() - 0.5)), 1],
  );
  return Float32Array.from(points.flat());
}

test('bounds are of the points but a few', () => {
  const { centre, size } = boundsOf(cloud([10, 0, 1], [6, 4, 2], 20))!;
  for (const axis of [0, 1, 2]) {
    expect(centre[axis]).toBeCloseTo([10, 0, 1][axis]!, 0);
    expect(Math.abs(size[axis]! / [6, 4, 2][axis]! - 1)).toBeLessThan(0.05);
  }
  expect(boundsOf(new Float32Array())).toBeUndefined();
});

test('up is z, or away from y where a scene is flat along it', () => {
  expect(upOf({ centre: [0, 0, 0], size: [6, 4, 2.5] })).toEqual([0, 0, 1]);
  expect(upOf({ centre: [0, 0, 0], size: [6, 2.5, 4] })).toEqual([0, -1, 0]);
});

test.each([
  ['wide', 2, [0, 0, 1]],
  ['narrow', 0.5, [0, -1, 0]],
] as const)('a camera sees nearly all of a scene from above: a %s view', (_, aspect, up) => {
  const box = { centre: [5, 6, 7], size: [6, 4, 3] } as const;
  const position = firstCamera(box, up, 50, aspect);
  const away = position.map((p, i) => p - box.centre[i]!);
  const distance = Math.hypot(...away);
  // 35° above the level of its centre.
  expect(away.reduce((sum, a, i) => sum + a * up[i]!, 0) / distance).toBeCloseTo(
    Math.sin((35 * Math.PI) / 180),
    1,
  );
  const radius = Math.hypot(...box.size) / 2;
  const angle = Math.asin(radius / distance);
  const half = Math.atan(Math.tan((25 * Math.PI) / 180) * Math.min(aspect, 1));
  expect(angle).toBeGreaterThan(half);
  expect(angle).toBeLessThan(1.3 * half);
});
