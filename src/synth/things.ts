import type { Random } from '../random.js';
import { between, hsv, type Material, material, mix, pick, type Style } from './materials.js';
import type { Bench, LampSink } from './workshop.js';

export type Thing = 'books' | 'bottle' | 'cup' | 'vase' | 'box' | 'laptop' | 'bowl' | 'plant';

function cover(next: Random): Material {
  const base = hsv(next(), between(0.1, 0.85, next), between(0.2, 0.85, next));
  return material('book', base, next() < 0.5 ? hsv(0.12, 0.4, 0.8) : mix(base, [0, 0, 0], 0.7), {
    seed: Math.floor(next() * 1e6),
    gloss: 0.3,
    shininess: 30,
  });
}

/** Upright books side by side, spines to the front, their backs at y = 0 or a little before it. */
export function bookRow(bench: Bench, width: number, room: number, next: Random): void {
  let x = -width / 2;
  const usual = between(0.72, 0.9, next) * room;
  while (x < width / 2 - 0.02) {
    const thick = between(0.02, 0.055, next);
    if (x + thick > width / 2) break;
    const height = Math.min(room - 0.01, usual * between(0.8, 1.12, next));
    const depth = Math.min(0.2, between(0.13, 0.2, next));
    if (next() < 0.06) {
      x += thick * 1.5;
      continue;
    }
    const lean = next() < 0.05 ? between(0.05, 0.12, next) : 0;
    // Turned by half a turn: a book's spine faces its own -y.
    const shift = lean * height * 0.5;
    const spot = bench.at(x + thick / 2 + shift, 0.02 + depth / 2, 0, Math.PI);
    spot.box('books', cover(next), [0, 0, height / 2], [thick - 0.002, depth, height], {
      turn: [0, -lean, 0],
    });
    x += thick + shift * 2;
  }
}

/** A reading lamp with its bulb; `lamps` hears of the bulb. */
export function tableLamp(bench: Bench, style: Style, next: Random, lamps: LampSink): void {
  const foot = next() < 0.5 ? pick(style.metals, next) : ceramic(next);
  const height = between(0.3, 0.45, next);
  const shade = material('plain', hsv(0.1, between(0.1, 0.4, next), 0.9), [0.8, 0.7, 0.5], { emission: 1.2 });
  if (next() < 0.5)
    bench.rounded('objects', foot, [0, 0, height * 0.3], [0.14, 0.14, height * 0.6], [2, 2, 2]);
  else bench.frustum('objects', foot, [0, 0, 0.015], [0.14, 0.14, 0.03], 0.9);
  bench.frustum('objects', foot, [0, 0, height / 2], [0.022, 0.022, height], 1);
  const wide = between(0.2, 0.3, next);
  bench.frustum('objects', shade, [0, 0, height + 0.04], [wide, wide, 0.19], between(0.5, 0.9, next), {
    translucent: true,
  });
  lamps(bench, height + 0.04);
}

function ceramic(next: Random): Material {
  return material('plain', hsv(next(), between(0, 0.6, next), between(0.3, 0.95, next)), [0.3, 0.3, 0.3], {
    gloss: 0.8,
    shininess: 70,
    mirror: 0.6,
  });
}

/** A small thing standing at z = 0 around the bench's origin, no taller than `room`. */
export function clutter(bench: Bench, kind: Thing, style: Style, next: Random, room = 0.6): void {
  switch (kind) {
    case 'books': {
      let z = 0;
      const count = 1 + Math.floor(next() * 4);
      for (let i = 0; i < count; i++) {
        const thick = between(0.015, 0.045, next);
        if (z + thick > room) break;
        const size = [between(0.19, 0.24, next), thick, between(0.14, 0.18, next)] as const;
        // Laid on its side: the cover's axis (x of a standing book) points up.
        bench
          .at(0, 0, z, between(-0.3, 0.3, next))
          .box('books', cover(next), [0, 0, thick / 2], [thick, size[2], size[0]], {
            turn: [0, Math.PI / 2, 0],
          });
        z += thick;
      }
      return;
    }
    case 'bottle': {
      const height = Math.min(room, between(0.2, 0.32, next));
      const glass = material(
        'plain',
        hsv(pick([0.3, 0.1, 0.55, 0.03], next), 0.6, between(0.2, 0.6, next)),
        [0, 0, 0],
        {
          gloss: 1,
          shininess: 90,
          mirror: 1,
        },
      );
      bench.frustum('objects', glass, [0, 0, height * 0.32], [0.075, 0.075, height * 0.64], 1);
      bench.frustum('objects', glass, [0, 0, height * 0.72], [0.075, 0.075, height * 0.16], 0.35);
      bench.frustum('objects', glass, [0, 0, height * 0.9], [0.027, 0.027, height * 0.2], 0.9);
      const paper = material('plain', hsv(next(), 0.3, 0.9), [0.5, 0.5, 0.5]);
      bench.frustum('objects', paper, [0, 0, height * 0.32], [0.077, 0.077, height * 0.25], 1);
      return;
    }
    case 'cup': {
      const look = ceramic(next);
      bench.frustum('objects', look, [0, 0, 0.045], [0.07, 0.07, 0.09], 1.2);
      bench.rounded('objects', look, [0.045, 0, 0.05], [0.04, 0.012, 0.05], [2, 2, 2]);
      return;
    }
    case 'vase': {
      const look = ceramic(next);
      const height = Math.min(room, between(0.16, 0.36, next));
      const wide = height * between(0.4, 0.65, next);
      bench.rounded('objects', look, [0, 0, height * 0.4], [wide, wide, height * 0.8], [2, 2, 2]);
      bench.frustum('objects', look, [0, 0, height * 0.85], [wide * 0.4, wide * 0.4, height * 0.3], 1.3);
      bench.frustum('objects', look, [0, 0, 0.02], [wide * 0.6, wide * 0.6, 0.04], 0.8);
      return;
    }
    case 'box': {
      const look =
        next() < 0.5
          ? material('plain', hsv(0.08, 0.45, between(0.5, 0.7, next)), [0.3, 0.2, 0.1])
          : pick([...style.paints, ...style.fabrics], next);
      const size = [
        between(0.12, 0.3, next),
        between(0.1, 0.2, next),
        Math.min(room, between(0.08, 0.22, next)),
      ] as const;
      bench.box('objects', look, [0, 0, size[2] / 2], size);
      if (next() < 0.5) {
        const lid: Material = { ...look, base: mix(look.base, [0, 0, 0], 0.3) };
        bench.box('objects', lid, [0, 0, size[2] - 0.015], [size[0] + 0.01, size[1] + 0.01, 0.03]);
      }
      return;
    }
    case 'laptop': {
      const body = material('plain', hsv(0, 0, between(0.2, 0.75, next)), [0.3, 0.3, 0.3], {
        gloss: 0.5,
        shininess: 40,
      });
      const screen = material('picture', hsv(next(), 0.6, 0.8), hsv(next(), 0.3, 0.9), {
        seed: Math.floor(next() * 1e6),
        mirror: 0.8,
        emission: 0.8,
      });
      bench.box('objects', body, [0, 0, 0.01], [0.34, 0.24, 0.02]);
      const keys = material('checks', hsv(0, 0, 0.1), hsv(0, 0, 0.3), { scale: 0.02 });
      bench.box('objects', keys, [0, 0.01, 0.021], [0.3, 0.11, 0.002]);
      const turn = [0.3, 0, 0] as const;
      bench.box('objects', body, [0, -0.155, 0.125], [0.34, 0.012, 0.23], { turn });
      bench.box('objects', screen, [0, -0.148, 0.125], [0.31, 0.006, 0.2], { turn });
      return;
    }
    case 'bowl': {
      bench.frustum('objects', ceramic(next), [0, 0, 0.04], [0.14, 0.14, 0.08], 1.7);
      for (let i = 0; i < 4; i++) {
        const fruit = material('plain', hsv(pick([0.0, 0.08, 0.14, 0.25], next), 0.8, 0.8), [0.3, 0.3, 0], {
          gloss: 0.4,
          shininess: 30,
        });
        const angle = (i * Math.PI) / 2;
        bench.rounded(
          'objects',
          fruit,
          [0.045 * Math.cos(angle), 0.045 * Math.sin(angle), 0.09],
          [0.075, 0.075, 0.07],
          [2, 2, 2],
        );
      }
      return;
    }
    case 'plant':
      pottedPlant(bench, Math.min(room, between(0.22, 0.4, next)), next);
  }
}

/** A pot and a crown of leaves. */
export function pottedPlant(bench: Bench, height: number, next: Random): void {
  const leaf = material('foliage', hsv(between(0.22, 0.38, next), 0.7, 0.35), hsv(0.28, 0.6, 0.55), {
    seed: Math.floor(next() * 1e6),
    gloss: 0.3,
    shininess: 20,
  });
  const pot = height * 0.3;
  bench.frustum('objects', ceramic(next), [0, 0, pot / 2], [pot * 0.8, pot * 0.8, pot], 1.3);
  const stem = material('plain', [0.1, 0.07, 0.03], [0.1, 0.1, 0.03]);
  bench.frustum('objects', stem, [0, 0, height * 0.5], [0.02, 0.02, height * 0.5], 0.7);
  const leaves = 9 + Math.floor(next() * 8);
  for (let i = 0; i < leaves; i++) {
    const around = bench.at(0, 0, 0, i * 2.4);
    const rise = between(0.35, 0.95, next);
    const long = height * between(0.22, 0.36, next);
    const tilt = between(-0.2, 0.9, next);
    around.rounded(
      'objects',
      leaf,
      [0, long * 0.45, height * (0.3 + 0.6 * rise)],
      [long * 0.32, long, 0.012 + 0.02 * height],
      [2, 2, 2],
      { turn: [tilt, 0, 0] },
    );
  }
}

/** What lies about on the floor. */
export function floorThing(bench: Bench, style: Style, next: Random): void {
  const kind = next();
  if (kind < 0.15) pottedPlant(bench, between(0.55, 1.1, next), next);
  else if (kind < 0.5) {
    const look = material('plain', hsv(0.08, 0.45, 0.6), [0.3, 0.2, 0.1], { seed: 3 });
    const size = [between(0.25, 0.45, next), between(0.22, 0.4, next), between(0.2, 0.4, next)] as const;
    bench.box('objects', look, [0, 0, size[2] / 2], size);
    bench.box(
      'objects',
      { ...look, base: [0.5, 0.42, 0.25] },
      [0, 0, size[2] / 2],
      [0.05, size[1] + 0.004, size[2] + 0.004],
    );
  } else if (kind < 0.77) {
    const look = pick(style.fabrics, next);
    bench.rounded('objects', look, [0, 0, 0.21], [0.32, 0.2, 0.42], [4, 4, 8]);
    bench.rounded('objects', look, [0, 0.1, 0.15], [0.24, 0.1, 0.2], [8, 4, 8]);
  } else {
    const basket = material('checks', hsv(0.09, 0.5, 0.6), hsv(0.08, 0.6, 0.35), { scale: 0.03 });
    bench.frustum('objects', basket, [0, 0, 0.16], [0.3, 0.3, 0.32], 1.2);
    const cloth = pick(style.fabrics, next);
    bench.rounded('objects', cloth, [0.02, 0, 0.32], [0.3, 0.3, 0.16], [4, 4, 2]);
  }
}
