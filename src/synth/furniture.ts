import type { Random } from '../random.js';
import type { ClassName } from './classes.js';
import { between, hsv, type Material, material, mix, pick, type Style } from './materials.js';
import { bookRow, clutter, tableLamp } from './things.js';
import type { Bench, LampSink } from './workshop.js';

/** A kind of furniture: its outer size is drawn first, so that the room can find a place for it. */
export interface Piece {
  /** Along the wall, from the wall, and up, in metres. */
  readonly width: number;
  readonly depth: number;
  readonly height: number;
  /** Free floor that it needs before its front, in metres. */
  readonly clearance: number;
  /** Puts it together, back at y = 0, centred on x = 0. */
  build(bench: Bench, style: Style, next: Random, lamps: LampSink): void;
}

const GAP = 0.015;

function legs(
  bench: Bench,
  label: ClassName,
  look: Material,
  width: number,
  depth: number,
  height: number,
  thickness: number,
  round: boolean,
): void {
  for (const sx of [-1, 1]) {
    for (const y of [thickness, depth - thickness]) {
      const centre = [(sx * (width - 2 * thickness)) / 2, y, height / 2] as const;
      const size = [thickness, thickness, height] as const;
      if (round) bench.frustum(label, look, centre, size, 1.4);
      else bench.box(label, look, centre, size);
    }
  }
}

export function bed(next: Random): Piece {
  const width = pick([0.95, 1.2, 1.45, 1.65], next);
  const depth = between(2.0, 2.15, next);
  const head = between(0.75, 1.15, next);
  return {
    width: width + 0.06,
    depth,
    height: head,
    clearance: 0.5,
    build(bench, style, next) {
      const frame = next() < 0.6 ? pick(style.woods, next) : pick(style.upholstery, next);
      const sheet = material(
        'fabric',
        hsv(next(), between(0, 0.15, next), between(0.75, 0.95, next)),
        [0.7, 0.7, 0.7],
      );
      const cover = pick(style.fabrics, next);
      const top = between(0.42, 0.58, next);
      bench.box('bed', frame, [0, 0.04, head / 2], [width + 0.06, 0.06, head]);
      bench.box('bed', frame, [0, depth / 2, 0.2], [width + 0.04, depth - 0.06, 0.16]);
      legs(bench, 'bed', frame, width, depth - 0.05, 0.13, 0.07, false);
      bench.rounded(
        'bed',
        sheet,
        [0, depth / 2 + 0.02, (0.26 + top) / 2],
        [width, depth - 0.1, top - 0.26],
        [16, 16, 4],
      );
      const covered = between(0.5, 0.8, next) * depth;
      bench.rounded(
        'bed',
        cover,
        [between(-0.02, 0.02, next), depth - covered / 2 + 0.01, (0.2 + top) / 2 + 0.02],
        [width + 0.07, covered, top - 0.14],
        [16, 16, 8],
      );
      if (next() < 0.6) {
        const fold = pick(style.fabrics, next);
        bench.rounded(
          'bed',
          fold,
          [0, depth - covered + 0.12, top + 0.02],
          [width + 0.06, 0.3, 0.09],
          [16, 4, 2],
        );
      }
      const pillows = width > 1.3 ? 2 : 1;
      for (let i = 0; i < pillows; i++) {
        const x = pillows === 1 ? 0 : (i - 0.5) * width * 0.5;
        const look = next() < 0.6 ? sheet : cover;
        const turn = [between(0.1, 0.6, next), 0, between(-0.15, 0.15, next)] as const;
        bench.rounded(
          'bed',
          look,
          [x, 0.3, top + 0.1],
          [Math.min(0.65, width * 0.6), 0.42, 0.17],
          [4, 4, 2],
          { turn },
        );
      }
      if (next() < 0.5) {
        const turn = [1.1, 0, between(-0.4, 0.4, next)] as const;
        const look = pick(style.fabrics, next);
        bench.rounded(
          'bed',
          look,
          [between(-0.2, 0.2, next), 0.55, top + 0.17],
          [0.4, 0.4, 0.15],
          [4, 4, 2],
          { turn },
        );
      }
      if (next() < 0.5) {
        const spot = bench.at(
          between(-0.3, 0.3, next),
          depth - between(0.3, 0.7, next),
          top + 0.07,
          next() * 6,
        );
        clutter(spot, pick(['books', 'laptop', 'box'] as const, next), style, next);
      }
    },
  };
}

export function sofa(next: Random): Piece {
  const seats = pick([1, 2, 2, 3], next);
  const arm = between(0.12, 0.24, next);
  const width = seats * between(0.6, 0.72, next) + 2 * arm;
  const depth = between(0.8, 0.98, next);
  const height = between(0.72, 0.95, next);
  return {
    width,
    depth,
    height,
    clearance: 0.45,
    build(bench, style, next) {
      const look = pick(style.upholstery, next);
      const seatTop = between(0.4, 0.48, next);
      const armTop = between(0.52, 0.66, next);
      const inner = width - 2 * arm;
      bench.rounded('sofa', look, [0, depth / 2, 0.18], [width - 0.02, depth - 0.04, 0.26], [16, 16, 16]);
      bench.rounded(
        'sofa',
        look,
        [0, 0.13, (0.1 + height) / 2],
        [inner + 0.06, 0.24, height - 0.1],
        [16, 8, 8],
      );
      for (const s of [-1, 1]) {
        const centre = [(s * (width - arm)) / 2, depth / 2, (0.06 + armTop) / 2] as const;
        bench.rounded('sofa', look, centre, [arm, depth, armTop - 0.06], [8, 16, 8]);
      }
      const cushions = next() < 0.8 ? seats : 1;
      const w = inner / cushions;
      for (let i = 0; i < cushions; i++) {
        const x = (i + 0.5) * w - inner / 2;
        bench.rounded(
          'sofa',
          look,
          [x, 0.22 + (depth - 0.22) / 2, seatTop - 0.07],
          [w - 0.01, depth - 0.2, 0.18],
          [16, 16, 4],
        );
        const turn = [-0.18, 0, 0] as const;
        bench.rounded('sofa', look, [x, 0.29, seatTop + 0.18], [w - 0.02, 0.17, 0.42], [8, 2, 8], { turn });
      }
      const throws = Math.floor(next() * (seats + 1));
      for (let i = 0; i < throws; i++) {
        const turn = [between(0.9, 1.2, next), 0, between(-0.5, 0.5, next)] as const;
        const x = between(-inner / 2 + 0.2, inner / 2 - 0.2, next);
        bench.rounded(
          'sofa',
          pick(style.fabrics, next),
          [x, 0.47, seatTop + 0.18],
          [0.42, 0.42, 0.16],
          [4, 4, 2],
          { turn },
        );
      }
      if (next() < 0.3) {
        const centre = [between(-0.3, 0.3, next) * seats, 0.14, height - 0.05] as const;
        bench.rounded('sofa', pick(style.fabrics, next), centre, [0.55, 0.31, 0.14], [16, 8, 4]);
      }
    },
  };
}

export function chair(next: Random): Piece {
  const width = between(0.4, 0.5, next);
  const height = between(0.8, 1.0, next);
  const kind = pick(['slats', 'panel', 'office', 'stool'] as const, next);
  const base: Omit<Piece, 'build'> = {
    width,
    depth: width,
    height: kind === 'stool' ? 0.5 : height,
    clearance: 0.1,
  };
  if (kind === 'office') {
    return {
      ...base,
      build(bench, style, next) {
        const dark = material('plain', hsv(0, 0, 0.15), [0.05, 0.05, 0.05], { gloss: 0.5, shininess: 30 });
        const look = next() < 0.5 ? pick(style.upholstery, next) : dark;
        const y = width / 2;
        for (let i = 0; i < 5; i++) {
          const spoke = bench.at(0, y, 0, (i * 2 * Math.PI) / 5);
          spoke.box('chair', dark, [0, 0.13, 0.08], [0.04, 0.26, 0.03]);
          spoke.rounded('chair', dark, [0, 0.25, 0.03], [0.04, 0.06, 0.06], [4, 2, 2]);
        }
        bench.frustum('chair', pick(style.metals, next), [0, y, 0.24], [0.06, 0.06, 0.34], 0.8);
        bench.rounded('chair', look, [0, y, 0.46], [width, width, 0.1], [8, 8, 4]);
        bench.rounded(
          'chair',
          look,
          [0, 0.04, (0.58 + height) / 2],
          [width - 0.06, 0.08, height - 0.56],
          [4, 4, 8],
          {
            turn: [0.1, 0, 0],
          },
        );
        bench.box('chair', dark, [0, 0.02, 0.55], [0.06, 0.03, 0.24]);
      },
    };
  }
  return {
    ...base,
    build(bench, style, next) {
      const look = pick([...style.woods, ...style.paints], next);
      const seat = next() < 0.4 ? pick(style.upholstery, next) : look;
      const seatTop = between(0.43, 0.48, next);
      const round = next() < 0.4;
      legs(bench, 'chair', look, width, width, seatTop - 0.03, 0.035, round);
      if (seat === look) bench.box('chair', seat, [0, width / 2, seatTop - 0.015], [width, width, 0.03]);
      else bench.rounded('chair', seat, [0, width / 2, seatTop], [width, width, 0.08], [8, 8, 4]);
      if (kind === 'stool') return;
      const back = height - seatTop;
      for (const s of [-1, 1]) {
        bench.box('chair', look, [s * (width / 2 - 0.02), 0.02, seatTop + back / 2], [0.035, 0.035, back]);
      }
      if (kind === 'panel') {
        bench.rounded(
          'chair',
          seat,
          [0, 0.02, seatTop + back * 0.62],
          [width - 0.06, 0.04, back * 0.7],
          [8, 4, 8],
        );
      } else {
        const slats = 2 + Math.floor(next() * 3);
        for (let i = 0; i < slats; i++) {
          const z = seatTop + (back * (i + 1)) / slats - 0.035;
          bench.box('chair', look, [0, 0.02, z], [width - 0.07, 0.02, 0.05]);
        }
      }
    },
  };
}

/** A table for its purpose; desks stand at the wall, the others in the room. */
export function table(purpose: 'desk' | 'dining' | 'coffee', next: Random): Piece {
  const [width, depth, height] =
    purpose === 'coffee'
      ? [between(0.7, 1.1, next), between(0.45, 0.6, next), between(0.36, 0.46, next)]
      : purpose === 'desk'
        ? [between(1.0, 1.5, next), between(0.55, 0.72, next), between(0.7, 0.76, next)]
        : [between(1.1, 1.6, next), between(0.75, 0.9, next), between(0.72, 0.77, next)];
  return {
    width,
    depth,
    height,
    clearance: purpose === 'desk' ? 0.75 : 0.3,
    build(bench, style, next, lamps) {
      const look = pick([...style.woods, ...style.woods, ...style.paints], next);
      const marble = material('marble', hsv(0.1, 0.05, 0.9), hsv(0, 0, 0.3), {
        seed: Math.floor(next() * 1e6),
        gloss: 0.6,
        shininess: 60,
        mirror: 0.8,
      });
      const top = next() < 0.12 ? marble : look;
      const thick = between(0.025, 0.05, next);
      const round = purpose !== 'desk' && next() < 0.3;
      if (round) {
        const d = Math.min(width, depth * 1.3);
        bench.frustum('table', top, [0, depth / 2, height - thick / 2], [d, depth, thick], 1);
        bench.frustum('table', look, [0, depth / 2, height / 2], [0.12, 0.12, height - thick], 0.7);
        bench.frustum('table', look, [0, depth / 2, 0.02], [d * 0.5, depth * 0.5, 0.04], 0.8);
      } else {
        bench.box('table', top, [0, depth / 2, height - thick / 2], [width, depth, thick]);
        const metal = next() < 0.25;
        legs(
          bench,
          'table',
          metal ? pick(style.metals, next) : look,
          width,
          depth,
          height - thick,
          metal ? 0.03 : 0.06,
          next() < 0.3,
        );
        if (purpose === 'dining')
          bench.box('table', look, [0, depth / 2, height - thick - 0.05], [width - 0.14, depth - 0.14, 0.08]);
        if (purpose === 'coffee' && next() < 0.5)
          bench.box('table', look, [0, depth / 2, 0.15], [width - 0.1, depth - 0.1, 0.02]);
        if (purpose === 'desk' && next() < 0.6) {
          const side = next() < 0.5 ? -1 : 1;
          const drawers = bench.at(side * (width / 2 - 0.24), 0.02, 0, 0);
          cabinet(
            drawers,
            'table',
            look,
            pick(style.metals, next),
            0.38,
            depth - 0.06,
            height - thick - 0.01,
            3,
            1,
          );
        }
      }
      const reach = round ? 0.3 : 0.4;
      const spots = purpose === 'coffee' ? 3 : 5;
      for (let i = 0; i < spots; i++) {
        if (next() < 0.25) continue;
        const x = ((i + 0.5) / spots - 0.5) * width * 2 * reach * 1.05 + between(-0.03, 0.03, next);
        const y = depth / 2 + between(-0.5, 0.5, next) * depth * (round ? 0.4 : 0.6);
        const spot = bench.at(x, y, height, next() * 2 * Math.PI);
        if (purpose === 'desk' && i === 0 && next() < 0.6) {
          tableLamp(bench.at(x, 0.16, height), style, next, lamps);
        } else {
          const kinds = [
            'books',
            'bottle',
            'cup',
            'vase',
            'box',
            'laptop',
            'bowl',
            'plant',
            'books',
          ] as const;
          clutter(spot, pick(kinds, next), style, next);
        }
      }
    },
  };
}

/** A body with a grid of fronts, each with its handle. */
function cabinet(
  bench: Bench,
  label: ClassName,
  look: Material,
  handle: Material,
  width: number,
  depth: number,
  height: number,
  rows: number,
  columns: number,
): void {
  bench.box(label, look, [0, depth / 2 - 0.01, height / 2], [width, depth - 0.02, height]);
  const front: Material = { ...look, base: mix(look.base, [1, 1, 1], 0.06), seed: look.seed + 1 };
  const w = width / columns;
  const h = (height - 0.06) / rows;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const x = (c + 0.5) * w - width / 2;
      const z = 0.05 + (r + 0.5) * h;
      bench.box(label, front, [x, depth - 0.012, z], [w - GAP, 0.024, h - GAP]);
      if (h > 0.5) {
        const side = c % 2 === 0 ? 1 : -1;
        bench.box(label, handle, [x + side * (w / 2 - 0.05), depth + 0.015, z], [0.015, 0.02, 0.14]);
      } else bench.rounded(label, handle, [x, depth + 0.012, z], [0.12, 0.025, 0.02], [4, 2, 2]);
    }
  }
}

export function nightstand(next: Random): Piece {
  const width = between(0.38, 0.5, next);
  const depth = between(0.34, 0.42, next);
  const height = between(0.45, 0.6, next);
  return {
    width,
    depth,
    height,
    clearance: 0.2,
    build(bench, style, next, lamps) {
      const look = pick([...style.woods, ...style.paints], next);
      cabinet(
        bench,
        'furniture',
        look,
        pick(style.metals, next),
        width,
        depth,
        height,
        next() < 0.5 ? 1 : 2,
        1,
      );
      if (next() < 0.7) tableLamp(bench.at(-0.05, depth * 0.45, height), style, next, lamps);
      clutter(
        bench.at(0.12, depth * 0.6, height, next() * 6),
        pick(['books', 'cup', 'bottle'] as const, next),
        style,
        next,
      );
    },
  };
}

export function wardrobe(next: Random): Piece {
  const columns = 2 + Math.floor(next() * 2);
  const width = columns * between(0.45, 0.55, next);
  const height = between(1.85, 2.15, next);
  return {
    width,
    depth: 0.58,
    height,
    clearance: 0.5,
    build(bench, style, next) {
      const look = pick([...style.woods, ...style.paints], next);
      cabinet(bench, 'furniture', look, pick(style.metals, next), width, 0.58, height, 1, columns);
      if (next() < 0.5) clutter(bench.at(between(-0.2, 0.2, next), 0.3, height), 'box', style, next);
    },
  };
}

/** A chest of drawers or a sideboard, with the television on it or clutter. */
export function sideboard(withTv: boolean, next: Random): Piece {
  const width = between(withTv ? 1.1 : 0.8, 1.6, next);
  const depth = between(0.38, 0.48, next);
  const height = between(0.45, withTv ? 0.6 : 0.9, next);
  const tv = { width: Math.min(width - 0.05, between(0.8, 1.25, next)), seed: Math.floor(next() * 1e6) };
  return {
    width,
    depth,
    height: withTv ? height + 0.1 + tv.width * 0.58 : height,
    clearance: 0.5,
    build(bench, style, next, lamps) {
      const look = pick([...style.woods, ...style.paints], next);
      const rows = height > 0.65 ? 3 : 2;
      cabinet(
        bench,
        'furniture',
        look,
        pick(style.metals, next),
        width,
        depth,
        height,
        rows,
        width > 1.2 ? 3 : 2,
      );
      if (withTv) television(bench.at(0, depth * 0.45, height), tv.width, true, next);
      const free = withTv ? (width - tv.width) / 2 : 0;
      if (withTv) {
        if (free > 0.12) clutter(bench.at(width / 2 - free / 2, depth / 2, height), 'vase', style, next);
        return;
      }
      if (next() < 0.5) tableLamp(bench.at(-width * 0.35, depth * 0.45, height), style, next, lamps);
      else bookRow(bench.at(-width * 0.3, depth * 0.4, height), width * 0.3, 0.28, next);
      for (const x of [0.02, 0.2, 0.38]) {
        const kind = pick(['vase', 'bottle', 'box', 'plant', 'bowl', 'books'] as const, next);
        clutter(bench.at(x * width, depth / 2, height, next()), kind, style, next);
      }
    },
  };
}

/** A screen, dark or showing something; the dark one mirrors the room. */
function television(bench: Bench, width: number, footed: boolean, next: Random): void {
  const height = width * 0.57;
  const black = material('plain', hsv(0, 0, 0.12), hsv(0, 0, 0.1), { gloss: 0.6, shininess: 50 });
  const on = next() < 0.4;
  const screen = on
    ? material('picture', hsv(next(), 0.6, 0.9), hsv(next(), 0.7, 0.7), {
        seed: Math.floor(next() * 1e6),
        mirror: 1,
        emission: between(0.6, 1.4, next),
      })
    : material('plain', hsv(0.6, 0.2, 0.1), hsv(0.6, 0.2, 0.1), { mirror: 1, gloss: 0.3, shininess: 80 });
  if (footed) {
    bench.box('tv', black, [0, 0, 0.01], [width * 0.4, 0.2, 0.02]);
    bench.box('tv', black, [0, -0.01, 0.05], [0.08, 0.03, 0.1]);
  }
  bench.box('tv', black, [0, -0.01, 0.08 + height / 2], [width, 0.05, height]);
  bench.box('tv', screen, [0, 0.016, 0.085 + height / 2], [width - 0.03, 0.006, height - 0.035]);
}

/** A television on the wall: the piece is only as deep as the set. */
export function wallTelevision(next: Random): Piece {
  const width = between(0.9, 1.3, next);
  return {
    width,
    depth: 0.1,
    height: 1.7,
    clearance: 0,
    build(bench, _style, next) {
      television(bench.at(0, 0.05, 0.95), width, false, next);
    },
  };
}

export function bookshelf(next: Random): Piece {
  const width = between(0.7, 1.2, next);
  const depth = between(0.26, 0.34, next);
  const shelves = 3 + Math.floor(next() * 3);
  const height = shelves * between(0.33, 0.38, next) + 0.08;
  return {
    width,
    depth,
    height,
    clearance: 0.4,
    build(bench, style, next) {
      const look = pick([...style.woods, ...style.paints], next);
      const side = 0.025;
      const step = (height - 0.08) / shelves;
      for (const s of [-1, 1]) {
        bench.box(
          'furniture',
          look,
          [(s * (width - side)) / 2, depth / 2, height / 2],
          [side, depth, height],
        );
      }
      bench.box('furniture', look, [0, 0.008, height / 2], [width - 0.01, 0.016, height - 0.02]);
      for (let i = 0; i <= shelves; i++) {
        bench.box('furniture', look, [0, depth / 2, 0.05 + i * step], [width - side, depth - 0.005, 0.025]);
      }
      for (let i = 0; i < shelves; i++) {
        const z = 0.0635 + i * step;
        const inner = width - 2 * side - 0.02;
        const filled = next() < 0.65 ? inner : inner * between(0.3, 0.6, next);
        if (next() < 0.85) bookRow(bench.at(-(inner - filled) / 2, 0.03, z), filled, step - 0.07, next);
        if (filled < inner - 0.18) {
          const kind = pick(['vase', 'box', 'bottle', 'cup', 'plant', 'bowl'] as const, next);
          clutter(bench.at((filled + 0.02) / 2 + 0.02, depth / 2, z), kind, style, next, step - 0.06);
        }
      }
      if (next() < 0.6) {
        const kind = pick(['box', 'plant', 'vase', 'books'] as const, next);
        clutter(bench.at(between(-0.2, 0.2, next), depth / 2, height - 0.017), kind, style, next);
      }
    },
  };
}
