import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../src/errors.js';
import { gaussian, random } from '../src/random.js';
import { Bvh } from '../src/synth/bvh.js';
import { CLEARANCE, cameraPath, intrinsicsFor, lookAlong } from '../src/synth/camera-path.js';
import { NYU13 } from '../src/synth/classes.js';
import { generateRecording, labelledFrames } from '../src/synth/generate.js';
import { material } from '../src/synth/materials.js';
import { Renderer, type View } from '../src/synth/render.js';
import { makeRoom, type Room } from '../src/synth/room.js';
import { sense } from '../src/synth/sensor.js';
import { boundsOf, type Solid, SolidArray } from '../src/synth/solid.js';
import type { Mat3, Vec3 } from '../src/synth/vector.js';

const SMALL = { width: 80, height: 60 };
const grey = material('plain', [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);
const UPRIGHT: Mat3 = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** A rotation from a random quaternion, written apart from the generator's own. */
function turned(q: readonly number[]): Mat3 {
  const n = Math.hypot(...q);
  const [w, x, y, z] = q.map((v) => v / n);
  return [
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  ];
}

/** The definition of a solid, straight from its documentation: whether a point lies within. */
function contains(solid: Solid, p: Vec3): boolean {
  const d = [0, 1, 2].map((k) => p[k] - solid.centre[k]);
  const [x, y, z] = [0, 1, 2].map(
    (axis) =>
      (solid.rotation[axis] * d[0] + solid.rotation[3 + axis] * d[1] + solid.rotation[6 + axis] * d[2]) /
      solid.half[axis],
  );
  if (Math.max(Math.abs(x), Math.abs(y), Math.abs(z)) > 1) return false;
  if (solid.shape === 'box') return true;
  if (solid.shape === 'rounded') {
    const [a, b, c] = solid.exponents ?? [2, 2, 2];
    return Math.abs(x) ** a + Math.abs(y) ** b + Math.abs(z) ** c <= 1;
  }
  const radius = 1 + ((solid.taper ?? 1) - 1) * ((z + 1) / 2);
  return Math.hypot(x, y) <= radius;
}

const unit = fc.double({ min: -1, max: 1, noNaN: true });
const solidArbitrary: fc.Arbitrary<Solid> = fc
  .record({
    shape: fc.constantFrom('box' as const, 'rounded' as const, 'frustum' as const),
    centre: fc.tuple(unit, unit, unit),
    half: fc.tuple(
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
    ),
    turn: fc.tuple(unit, unit, unit, unit).filter((q) => Math.hypot(...q) > 0.1),
    exponents: fc.tuple(
      fc.constantFrom(2, 4, 8, 16),
      fc.constantFrom(2, 4, 8, 16),
      fc.constantFrom(2, 4, 8, 16),
    ),
    taper: fc.double({ min: 0.05, max: 1, noNaN: true }),
  })
  .map(({ turn, ...solid }) => ({
    ...solid,
    rotation: turned(turn),
    label: 'objects' as const,
    material: grey,
  }));

const rayArbitrary = fc
  .tuple(unit, unit, unit, unit, unit, unit)
  .filter(([, , , x, y, z]) => Math.hypot(x, y, z) > 0.1)
  .map(([ox, oy, oz, x, y, z]) => {
    const n = Math.hypot(x, y, z);
    return Float64Array.of(3 * ox, 3 * oy, 3 * oz, x / n, y / n, z / n);
  });

function pointAt(ray: Float64Array, t: number): Vec3 {
  return [ray[0] + t * ray[3], ray[1] + t * ray[4], ray[2] + t * ray[5]];
}

describe('solids', () => {
  it('meet rays in exactly the interval whose points they contain', () => {
    fc.assert(
      fc.property(solidArbitrary, rayArbitrary, (solid, ray) => {
        const solids = new SolidArray([solid]);
        const interval = new Float64Array(2);
        const met = solids.intersect(0, ray, interval);
        for (let t = -8; t <= 8; t += 0.05) {
          const inside = met && t > interval[0] && t < interval[1];
          // Within a hair of the surface both answers are right.
          const near = met && Math.min(Math.abs(t - interval[0]), Math.abs(t - interval[1])) < 1e-4;
          if (!near && contains(solid, pointAt(ray, t)) !== inside) {
            // A ray may graze the surface: then the point lies within rounding of it.
            const shrunk: Solid = { ...solid, half: solid.half.map((h) => h * 0.999) as unknown as Vec3 };
            const grown: Solid = { ...solid, half: solid.half.map((h) => h * 1.001) as unknown as Vec3 };
            const p = pointAt(ray, t);
            expect(contains(shrunk, p)).toBe(false);
            expect(contains(grown, p)).toBe(true);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('have outward unit normals and surface points that lie on the surface', () => {
    fc.assert(
      fc.property(solidArbitrary, fc.tuple(unit, unit, unit), (solid, direction) => {
        const reach = Math.max(...direction.map(Math.abs));
        fc.pre(reach > 0.05);
        const solids = new SolidArray([solid]);
        const local = Float64Array.from(direction, (v) => v / reach);
        solids.projectToSurface(0, local);
        const at = (scale: number): Vec3 => {
          const p = [0, 1, 2].map((k) => local[k] * solid.half[k] * scale);
          return [0, 1, 2].map(
            (row) =>
              solid.centre[row] +
              solid.rotation[3 * row] * p[0] +
              solid.rotation[3 * row + 1] * p[1] +
              solid.rotation[3 * row + 2] * p[2],
          ) as unknown as Vec3;
        };
        expect(contains(solid, at(0.9999))).toBe(true);
        expect(contains(solid, at(1.0001))).toBe(false);
        const normal = new Float64Array(3);
        solids.normal(0, local, normal);
        expect(Math.hypot(...normal)).toBeCloseTo(1, 9);
        const outward = at(1).reduce((sum, v, k) => sum + (v - solid.centre[k]) * normal[k], 0);
        expect(outward).toBeGreaterThan(0);
      }),
    );
  });

  it('lie within their bounds', () => {
    fc.assert(
      fc.property(solidArbitrary, rayArbitrary, (solid, ray) => {
        const interval = new Float64Array(2);
        if (!new SolidArray([solid]).intersect(0, ray, interval)) return;
        const bounds = boundsOf(solid);
        for (const t of interval) {
          pointAt(ray, t).forEach((v, k) => {
            expect(v).toBeGreaterThan(bounds[k] - 1e-6);
            expect(v).toBeLessThan(bounds[3 + k] + 1e-6);
          });
        }
      }),
    );
  });
});

describe('bounding volume hierarchy', () => {
  it('finds what a search through all solids finds', () => {
    fc.assert(
      fc.property(
        fc.array(solidArbitrary, { minLength: 0, maxLength: 40 }),
        fc.array(rayArbitrary, { minLength: 1, maxLength: 20 }),
        (list, rays) => {
          const solids = new SolidArray(list);
          const bvh = new Bvh(solids);
          const interval = new Float64Array(2);
          for (const ray of rays) {
            let best = Number.POSITIVE_INFINITY;
            let shadow = false;
            for (let i = 0; i < list.length; i++) {
              if (!solids.intersect(i, ray, interval)) continue;
              if (interval[0] > 0) best = Math.min(best, interval[0]);
              if (interval[1] > 0 && interval[0] < 2) shadow = true;
            }
            bvh.ray.set(ray);
            const found = bvh.nearest(Number.POSITIVE_INFINITY);
            expect(found >= 0 ? bvh.hit[0] : Number.POSITIVE_INFINITY).toBe(best);
            bvh.ray.set(ray);
            expect(bvh.blocked(2)).toBe(shadow);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

function box(label: Solid['label'], centre: Vec3, half: Vec3): Solid {
  return { shape: 'box', centre, half, rotation: UPRIGHT, label, material: grey };
}

describe('depth', () => {
  it('of a bare room is that of its planes, in closed form', () => {
    const [w, l, h] = [4, 5, 2.5];
    const room: Room = {
      width: w,
      length: l,
      height: h,
      ambient: [0.3, 0.3, 0.3],
      lights: [],
      solids: [
        box('floor', [w / 2, l / 2, -0.1], [w, l, 0.1]),
        box('ceiling', [w / 2, l / 2, h + 0.1], [w, l, 0.1]),
        box('wall', [-0.1, l / 2, h / 2], [0.1, l, h]),
        box('wall', [w + 0.1, l / 2, h / 2], [0.1, l, h]),
        box('wall', [w / 2, -0.1, h / 2], [w, 0.1, h]),
        box('wall', [w / 2, l + 0.1, h / 2], [w, 0.1, h]),
      ],
    };
    const renderer = new Renderer(room);
    const k = intrinsicsFor(SMALL);
    fc.assert(
      fc.property(unit, unit, unit, (a, b, c) => {
        const eye: Vec3 = [2 + a, 2.5 + b, 1.25 + 0.5 * c];
        const pose = lookAlong(eye, 3 * a + b, 0.6 * b, 0.3 * c);
        const view = renderer.render(pose, SMALL, k);
        for (let y = 0; y < SMALL.height; y += 7) {
          for (let x = 0; x < SMALL.width; x += 7) {
            // The ray (x, y, 1) scaled by z reaches each plane at z = distance / slope.
            const ray = [(x - k.cx) / k.fx, (y - k.cy) / k.fy, 1];
            const slope = [0, 1, 2].map(
              (r) => pose[4 * r] * ray[0] + pose[4 * r + 1] * ray[1] + pose[4 * r + 2] * ray[2],
            );
            const reach = slope.map((s, r) => ((s > 0 ? [w, l, h][r] : 0) - eye[r]) / s);
            const z = Math.min(...reach);
            const p = y * SMALL.width + x;
            expect(Math.abs(view.depth[p] - z)).toBeLessThan(1e-5);
            const side = reach.indexOf(z);
            const label = side < 2 ? 'wall' : slope[2] > 0 ? 'ceiling' : 'floor';
            const others = reach.filter((v) => v !== z);
            if (Math.min(...others) - z > 1e-6) expect(NYU13[view.labels[p]]).toBe(label);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('rooms', () => {
  it('show every class within any three scenes', () => {
    for (const seed of [1, 2, 3]) {
      for (const first of [0, 5]) {
        const labels = new Set(
          [0, 1, 2].flatMap((k) => makeRoom(seed, first + k).solids.map((s) => s.label)),
        );
        expect([...NYU13].filter((name) => !labels.has(name))).toEqual([]);
      }
    }
  });

  it('are the same for the same seed and differ between seeds and scenes', () => {
    expect(makeRoom(7, 2)).toEqual(makeRoom(7, 2));
    expect(makeRoom(7, 2)).not.toEqual(makeRoom(8, 2));
    expect(makeRoom(7, 2)).not.toEqual(makeRoom(7, 5));
  });
});

describe('camera path', () => {
  it('has rigid right-handed poses that keep clear of everything', () => {
    for (let scene = 0; scene < 6; scene++) {
      const room = makeRoom(11, scene);
      const bounds = room.solids.map((solid) => boundsOf(solid));
      for (const m of cameraPath(room, 40, 11, scene)) {
        const column = (c: number): number[] => [m[c], m[4 + c], m[8 + c]];
        const dot = (a: readonly number[], b: readonly number[]): number =>
          a.reduce((sum, v, i) => sum + v * b[i], 0);
        const [x, y, z] = [column(0), column(1), column(2)];
        for (const axis of [x, y, z]) expect(dot(axis, axis)).toBeCloseTo(1, 12);
        for (const pair of [dot(x, y), dot(y, z), dot(z, x)]) expect(pair).toBeCloseTo(0, 12);
        const cross = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
        expect(dot(cross, z)).toBeCloseTo(1, 12);
        expect([...m.subarray(12)]).toEqual([0, 0, 0, 1]);
        // Down in the picture is down in the room.
        expect(y[2]).toBeLessThan(-0.6);
        const eye = column(3);
        for (const b of bounds) {
          const gap = [0, 1, 2].map((k) => Math.max(b[k] - eye[k], 0, eye[k] - b[3 + k]));
          expect(Math.hypot(...gap)).toBeGreaterThan(CLEARANCE * 0.9);
        }
      }
    }
  });
});

describe('views', () => {
  const room = makeRoom(1, 0);
  const path = cameraPath(room, 24, 1, 0);
  const size = { width: 160, height: 120 };
  const k = intrinsicsFor(size);
  let views: View[];
  beforeAll(() => {
    const renderer = new Renderer(room);
    views = path.map((pose) => renderer.render(pose, size, k));
  });

  it('agree with each other: a point of one that lies on another’s surface has the same label there', () => {
    let same = 0;
    let met = 0;
    const seenBy = new Uint8Array(size.width * size.height);
    for (let i = 0; i < views.length; i += 4) {
      seenBy.fill(0);
      for (let j = 0; j < views.length; j++) {
        if (i === j) continue;
        const [a, b] = [path[i], path[j]];
        for (let p = 0; p < seenBy.length; p += 3) {
          const z = views[i].depth[p];
          const x = p % size.width;
          const ray = [((x - k.cx) / k.fx) * z, (((p - x) / size.width - k.cy) / k.fy) * z, z];
          const world = [0, 1, 2].map(
            (r) => a[4 * r] * ray[0] + a[4 * r + 1] * ray[1] + a[4 * r + 2] * ray[2] + a[4 * r + 3],
          );
          // The inverse of a rigid pose: the transposed rotation of the difference.
          const d = [0, 1, 2].map((r) => world[r] - b[4 * r + 3]);
          const [u, v, w] = [0, 1, 2].map((c) => b[c] * d[0] + b[4 + c] * d[1] + b[8 + c] * d[2]);
          if (w <= 0.05) continue;
          const column = Math.round((k.fx * u) / w + k.cx);
          const row = Math.round((k.fy * v) / w + k.cy);
          if (column < 0 || row < 0 || column >= size.width || row >= size.height) continue;
          const q = row * size.width + column;
          if (Math.abs(views[j].depth[q] - w) > 0.01) continue;
          met++;
          seenBy[p]++;
          if (views[i].labels[p] === views[j].labels[q]) same++;
        }
      }
    }
    expect(met).toBeGreaterThan(50_000);
    expect(same / met).toBeGreaterThan(0.99);
  });

  it('have labels in range, depth everywhere, and colours that depend on the view', () => {
    for (const view of views) {
      expect(Math.max(...view.labels)).toBeLessThan(NYU13.length);
      expect(Math.min(...view.depth)).toBeGreaterThan(0.1);
      expect(Math.max(...view.depth)).toBeLessThan(10);
      expect(new Set(view.colour).size).toBeGreaterThan(100);
    }
  });

  it('do not depend on which were rendered before', () => {
    const fresh = new Renderer(room).render(path[9], size, k);
    expect(fresh.colour).toEqual(views[9].colour);
    expect(fresh.depth).toEqual(views[9].depth);
    expect(fresh.labels).toEqual(views[9].labels);
  });
});

describe('sensor', () => {
  const size = { width: 200, height: 200 };
  const flat = (z: number): View => ({
    ...size,
    colour: new Uint8Array(3 * 200 * 200).fill(128),
    depth: new Float32Array(200 * 200).fill(z),
    labels: new Uint8Array(200 * 200).fill(3),
  });

  it('adds depth noise that grows with the square of the distance, and keeps labels', () => {
    for (const z of [1, 3, 5]) {
      const seen = sense(flat(z), random(5));
      const error = Array.from(seen.depth, (v) => v - z);
      const deviation = Math.sqrt(error.reduce((sum, e) => sum + e * e, 0) / error.length);
      const expected = 0.0012 + 0.0019 * (z - 0.4) ** 2;
      expect(deviation / expected).toBeGreaterThan(0.97);
      expect(deviation / expected).toBeLessThan(1.03);
      expect(seen.labels).toEqual(flat(z).labels);
    }
  });

  it('leaves holes at depth edges and out of range, and repeats itself for the same seed', () => {
    const step = flat(2);
    for (let p = 0; p < step.depth.length; p++) if (p % 200 >= 100) step.depth[p] = 3;
    const seen = sense(step, random(9));
    const holes = [...seen.depth.keys()].filter((p) => seen.depth[p] === 0);
    expect(holes.length).toBeGreaterThan(200);
    expect(holes.every((p) => p % 200 === 99 || p % 200 === 100)).toBe(true);
    expect(Math.max(...sense(flat(9), random(1)).depth)).toBe(0);
    expect(sense(step, random(9))).toEqual(seen);
    expect(sense(step, random(10))).not.toEqual(seen);
  });

  it('has the colour noise of its formula', () => {
    const seen = sense(flat(1), random(3));
    const spread = Array.from(seen.colour, (v) => (v - 128) ** 2);
    const deviation = Math.sqrt(spread.reduce((a, b) => a + b, 0) / spread.length);
    expect(deviation).toBeCloseTo(Math.sqrt(2.5 + 0.05 * 128 + 1 / 12), 1);
    expect(Number.isFinite(gaussian(random(1)))).toBe(true);
  });
});

describe('labelled frames', () => {
  it('are a tenth, spread evenly, and at least eight in all where there are as many', () => {
    expect(labelledFrames(40, 40)).toHaveLength(160);
    expect(
      labelledFrames(40, 40)
        .slice(0, 4)
        .map(([, k]) => k),
    ).toEqual([5, 15, 25, 35]);
    expect(labelledFrames(3, 20)).toHaveLength(9);
    expect(labelledFrames(1, 4)).toHaveLength(4);
    expect(labelledFrames(5, 1)).toHaveLength(5);
  });
});

describe('recordings', () => {
  const folders: string[] = [];
  const folder = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'synth-'));
    folders.push(path);
    return path;
  };
  afterAll(() => Promise.all(folders.map((path) => rm(path, { recursive: true, force: true }))));

  const options = { scenes: 2, frames: 3, seed: 4, size: { width: 32, height: 24 }, noise: true };
  const contents = async (out: string): Promise<Map<string, string>> => {
    const files = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    const pairs = files.map(async (entry): Promise<[string, string]> => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(out.length), (await readFile(path)).toString('base64')];
    });
    return new Map((await Promise.all(pairs)).sort(([a], [b]) => (a < b ? -1 : 1)));
  };

  it('have the same bytes whatever the number of workers, and after half of the files were lost', async () => {
    const one = await folder();
    const three = await folder();
    const calls: [number, number][] = [];
    const summary = await generateRecording({ ...options, out: one, workers: 1 }, (...call) =>
      calls.push(call),
    );
    expect(summary).toEqual({ scenes: 2, frames: 6, rendered: 6, labelled: 6 });
    expect(calls.at(0)).toEqual([0, 6]);
    expect(calls.at(-1)).toEqual([6, 6]);
    await generateRecording({ ...options, out: three, workers: 3 });
    const whole = await contents(one);
    expect(whole.size).toBe(2 + 6 * 4);
    expect(await contents(three)).toEqual(whole);

    const files = [...whole.keys()].filter((file) => file.includes('room-'));
    for (const file of files.filter((_, k) => k % 8 < 4)) await rm(join(one, file));
    const again = await generateRecording({ ...options, out: one, workers: 2 });
    expect(again.rendered).toBe(3);
    expect(await contents(one)).toEqual(whole);
    expect((await generateRecording({ ...options, out: one })).rendered).toBe(0);
  });

  it('store depth, labels and poses exactly', async () => {
    const out = await folder();
    await generateRecording({ out, scenes: 1, frames: 1, seed: 6, size: SMALL, noise: false, workers: 1 });
    const room = makeRoom(6, 0);
    const pose = cameraPath(room, 1, 6, 0)[0];
    const view = new Renderer(room).render(pose, SMALL, intrinsicsFor(SMALL));
    const file = (part: string): string => join(out, 'room-000', `000000.${part}`);
    const depth = await sharp(file('depth.png')).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
    const stored = new Uint16Array(depth.buffer, depth.byteOffset, depth.length / 2);
    expect(Array.from(stored)).toEqual(Array.from(view.depth, (z) => Math.round(1000 * z)));
    expect((await sharp(file('depth.png')).metadata()).depth).toBe('ushort');
    const labels = await sharp(file('label.png'))
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect((await sharp(file('label.png')).metadata()).channels).toBe(1);
    expect(Array.from(labels.data)).toEqual(Array.from(view.labels));
    const numbers = (await readFile(file('pose.txt'), 'utf8')).trim().split(/\s+/).map(Number);
    expect(numbers).toEqual([...pose]);
  });

  it('are refused in a folder with other options or other files, and with options out of range', async () => {
    const out = await folder();
    const small = { ...options, scenes: 1, frames: 1, out };
    await generateRecording(small);
    await expect(generateRecording({ ...small, seed: 5 })).rejects.toThrow(UserError);
    await expect(generateRecording({ ...small, noise: false })).rejects.toThrow(/same options/);
    const other = await folder();
    await writeFile(join(other, 'diary.txt'), 'mine');
    await expect(generateRecording({ ...small, out: other })).rejects.toThrow(/new or empty folder/);
    await expect(generateRecording({ ...small, scenes: 0 })).rejects.toThrow(/number of scenes/);
    await expect(generateRecording({ ...small, frames: 1.5 })).rejects.toThrow(/number of frames/);
    await expect(generateRecording({ ...small, out: join(other, 'diary.txt') })).rejects.toThrow();
  });
});
