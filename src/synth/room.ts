import { type Random, random, seedOf, shuffle } from '../random.js';
import {
  bed,
  bookshelf,
  chair,
  nightstand,
  type Piece,
  sideboard,
  sofa,
  table,
  wallTelevision,
  wardrobe,
} from './furniture.js';
import {
  between,
  hsv,
  type Material,
  makeStyle,
  material,
  mix,
  pick,
  type Rgb,
  type Style,
} from './materials.js';
import type { Solid } from './solid.js';
import { clutter, floorThing } from './things.js';
import type { Vec3 } from './vector.js';
import { Bench, type LampSink } from './workshop.js';

/** A source of light: a rectangle that shines to one side, or a bulb that shines all round. */
export interface Light {
  readonly kind: 'panel' | 'bulb';
  readonly centre: Vec3;
  /** Half edges of the rectangle in metres; for a bulb only the length of the first counts, its radius. */
  readonly u: Vec3;
  readonly v: Vec3;
  /** Unit, for a panel. */
  readonly normal: Vec3;
  /** Radiance of a panel; a bulb's intensity over π. */
  readonly colour: Rgb;
}

/** A furnished room. Its inside is [0, width] × [0, length] × [0, height]. */
export interface Room {
  readonly width: number;
  readonly length: number;
  readonly height: number;
  readonly solids: readonly Solid[];
  readonly lights: readonly Light[];
  /** Light that has bounced about for long: the same everywhere. */
  readonly ambient: Rgb;
}

interface Rectangle {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** A stretch of wall already in use, from one height to another. */
interface Stretch {
  readonly wall: number;
  readonly from: number;
  readonly to: number;
  readonly low: number;
  readonly high: number;
}

/** A piece and where its middle stands along a wall. */
interface Placed {
  readonly wall: number;
  readonly s: number;
  readonly piece: Piece;
}

const KINDS = ['studio', 'living', 'bedroom'] as const;
const WALL_THICKNESS = 0.1;
const MARGIN = 0.04;

/** The same scene for the same seed and index. Kinds take turns, so that any three scenes show every class. */
export function makeRoom(seed: number, index: number): Room {
  const next = random(seedOf(seed, 'room', index));
  const kind = KINDS[index % KINDS.length];
  const planner = new Planner(next, kind);
  return planner.room();
}

/** Keeps track of what is taken while a room is being furnished. */
class Planner {
  readonly width: number;
  readonly length: number;
  readonly height: number;
  private readonly solids: Solid[] = [];
  private readonly lights: Light[] = [];
  private readonly taken: Rectangle[] = [];
  private readonly stretches: Stretch[] = [];
  private readonly style: Style;
  private readonly night: boolean;
  private readonly lampColour: Rgb;
  private readonly lamps: LampSink;

  constructor(
    private readonly next: Random,
    private readonly kind: (typeof KINDS)[number],
  ) {
    const large = kind === 'bedroom' ? 0 : 0.7;
    this.width = between(3.8, 4.7, next) + large;
    this.length = between(3.6, 4.5, next) + large * 0.6;
    this.height = between(2.4, 2.8, next);
    this.style = makeStyle(next);
    this.night = next() < 0.3;
    const warm = between(0, 1, next);
    this.lampColour = mix([1, 0.93, 0.82], [1, 0.72, 0.42], warm);
    this.lamps = (bench, height) => {
      const strength = this.night ? between(0.12, 0.25, this.next) : between(0.06, 0.2, this.next);
      this.bulb(bench.toWorld([0, 0, height]), 0.06, strength);
    };
  }

  room(): Room {
    const { next, kind } = this;
    this.shell();
    this.door();
    this.windows();
    if (kind !== 'living') this.besideBed(this.againstWall(() => bed(next)));
    if (kind !== 'bedroom') this.againstWall(() => sofa(next));
    if (kind === 'bedroom') this.againstWall(() => wardrobe(next));
    if (next() < 0.7) this.againstWall(() => sideboard(true, next));
    else this.againstWall(() => wallTelevision(next));
    this.againstWall(() => bookshelf(next));
    if (kind !== 'living' || next() < 0.4) this.againstWall(() => table('desk', next));
    if (kind === 'living' || (kind === 'bedroom' && next() < 0.5)) this.againstWall(() => sofa(next));
    if (kind !== 'bedroom') this.diningGroup();
    this.coffeeTable();
    const chest = (random: Random): Piece => sideboard(false, random);
    const extras = shuffle([wardrobe, bookshelf, chest, chest], next);
    for (const extra of extras.slice(0, 2)) this.againstWall(() => extra(next));
    this.rug();
    for (let i = 0; i < 2; i++) this.looseChair();
    for (let i = 0; i < 5; i++) this.floorClutter();
    this.paintings();
    this.ceilingLamp();
    return {
      width: this.width,
      length: this.length,
      height: this.height,
      solids: this.solids,
      lights: this.lights,
      ambient: this.ambient(),
    };
  }

  /** Length of a wall; walls are numbered round the room from y = 0. */
  private wallLength(wall: number): number {
    return wall % 2 === 0 ? this.width : this.length;
  }

  /** A bench at distance `s` along a wall whose y points into the room. */
  private wallBench(wall: number, s: number, z = 0): Bench {
    const [x, y] = [
      [s, 0],
      [this.width, s],
      [this.width - s, this.length],
      [0, this.length - s],
    ][wall];
    return new Bench(this.solids, x, y, z, (wall * Math.PI) / 2);
  }

  private shell(): void {
    const { width, length, height, style, next } = this;
    const t = WALL_THICKNESS;
    const floor = new Bench(this.solids, 0, 0, 0, 0);
    floor.box('floor', style.floor, [width / 2, length / 2, -t / 2], [width + 2 * t, length + 2 * t, t]);
    floor.box(
      'ceiling',
      style.ceiling,
      [width / 2, length / 2, height + t / 2],
      [width + 2 * t, length + 2 * t, t],
    );
    const feature = Math.floor(next() * 6);
    const skirting = next() < 0.5 ? pick(style.paints, next) : pick(style.woods, next);
    for (let wall = 0; wall < 4; wall++) {
      const span = this.wallLength(wall);
      const look = wall === feature ? style.featureWall : style.wall;
      const bench = this.wallBench(wall, span / 2);
      bench.box('wall', look, [0, -t / 2, height / 2], [span + 2 * t, t, height]);
      bench.box('wall', skirting, [0, 0.005, 0.04], [span, 0.012, 0.08]);
    }
  }

  private door(): void {
    const { next, style } = this;
    const wall = Math.floor(next() * 4);
    const s = next() < 0.5 ? 0.62 : this.wallLength(wall) - 0.62;
    const bench = this.wallBench(wall, s);
    const leaf = next() < 0.5 ? pick(style.woods, next) : pick(style.paints, next);
    const frame = pick([...style.paints, leaf], next);
    bench.box('wall', leaf, [0, 0.01, 1.0], [0.84, 0.03, 2.0]);
    for (const z of [0.5, 1.45]) bench.box('wall', leaf, [0, 0.025, z], [0.6, 0.012, 0.75]);
    for (const x of [-0.46, 0.46]) bench.box('wall', frame, [x, 0.02, 1.03], [0.08, 0.05, 2.06]);
    bench.box('wall', frame, [0, 0.02, 2.04], [1.0, 0.05, 0.08]);
    bench.rounded('wall', pick(style.metals, next), [0.35, 0.06, 1.0], [0.12, 0.03, 0.03], [4, 2, 2]);
    this.use(wall, s, 1.0, 0, 2.1);
    this.take(this.footprint(wall, s, 0.9, 0.8));
  }

  private windows(): void {
    const { next, style } = this;
    const first = Math.floor(next() * 4);
    const count = next() < 0.55 ? 2 : 1;
    const sky = this.night
      ? hsv(0.62, 0.6, 0.2)
      : hsv(between(0.55, 0.62, next), between(0.15, 0.5, next), 0.95);
    const emission = this.night ? 0.25 : between(2, 4, next);
    const outside = material('outdoors', sky, hsv(between(0.18, 0.3, next), 0.6, 0.55), {
      seed: Math.floor(next() * 1e6),
      mirror: 1,
      emission,
    });
    const frame = next() < 0.7 ? pick(style.paints, next) : pick(style.woods, next);
    const drape = pick(style.fabrics, next);
    const curtained = next() < 0.6;
    for (let i = 0; i < count; i++) {
      const wall = (first + i) % 4;
      const width = between(0.9, 1.8, next);
      const low = next() < 0.15 ? 0.15 : between(0.75, 0.95, next);
      const high = Math.min(this.height - 0.2, between(1.95, 2.25, next));
      const s = this.freeStretch(wall, width + 0.5, low - 0.05, high);
      if (s === undefined) continue;
      const bench = this.wallBench(wall, s);
      const middle = (low + high) / 2;
      const tall = high - low;
      bench.box('window', outside, [0, 0.005, middle], [width, 0.02, tall]);
      for (const side of [-1, 1]) {
        bench.box('window', frame, [(side * width) / 2, 0.02, middle], [0.07, 0.06, tall + 0.07]);
        bench.box('window', frame, [0, 0.02, middle + (side * tall) / 2], [width + 0.07, 0.06, 0.07]);
      }
      const panes = Math.max(1, Math.round(width / 0.75));
      for (let k = 1; k < panes; k++) {
        bench.box('window', frame, [width * (k / panes - 0.5), 0.018, middle], [0.05, 0.05, tall]);
      }
      if (next() < 0.4) bench.box('window', frame, [0, 0.018, low + tall * 0.68], [width, 0.045, 0.04]);
      bench.box('window', frame, [0, 0.07, low - 0.045], [width + 0.2, 0.16, 0.03]);
      if (low > 0.6 && next() < 0.6) {
        const spot = bench.at(between(-0.35, 0.35, next) * width, 0.08, low - 0.03);
        clutter(spot, pick(['plant', 'vase', 'bottle'] as const, next), style, next, 0.35);
      }
      if (low > 0.6 && next() < 0.6) this.radiator(bench, Math.min(width, 1.2));
      if (curtained) this.curtains(bench, width, high, drape);
      this.use(wall, s, width + 0.6, low - 0.1, high + 0.1);
      if (!this.night) {
        const area: Rgb = mix(sky, [1, 1, 1], 0.5);
        this.lights.push({
          kind: 'panel',
          centre: bench.toWorld([0, 0.06, middle]),
          u: bench.direction([width / 2, 0, 0]),
          v: [0, 0, tall / 2],
          normal: bench.direction([0, 1, 0]),
          colour: [area[0] * emission * 1.3, area[1] * emission * 1.3, area[2] * emission * 1.3],
        });
      }
    }
  }

  private radiator(bench: Bench, width: number): void {
    const enamel = material('plain', hsv(0, 0, 0.88), hsv(0, 0, 0.8), { gloss: 0.4, shininess: 40 });
    const ribs = Math.floor(width / 0.09);
    for (let i = 0; i < ribs; i++) {
      bench.rounded(
        'objects',
        enamel,
        [(i - (ribs - 1) / 2) * 0.09, 0.09, 0.4],
        [0.075, 0.1, 0.55],
        [4, 4, 16],
      );
    }
  }

  private curtains(bench: Bench, width: number, high: number, drape: Material): void {
    const { next, style } = this;
    const top = Math.min(this.height - 0.06, high + 0.14);
    const bottom = next() < 0.5 ? 0.04 : 0.6;
    bench.frustum('window', pick(style.metals, next), [0, 0.13, top], [0.025, 0.025, width + 0.7], 1, {
      turn: [0, Math.PI / 2, 0],
    });
    for (const side of [-1, 1]) {
      const folds = 3 + Math.floor(next() * 4);
      for (let i = 0; i < folds; i++) {
        const x = side * (width / 2 + 0.26 - i * 0.085);
        const y = 0.13 + between(-0.012, 0.012, next);
        const size = [0.1, between(0.07, 0.1, next), top - bottom] as const;
        bench.rounded('window', drape, [x, y, (top + bottom) / 2], size, [2, 2, 16]);
      }
    }
  }

  /**
   * Places a piece with its back to a free stretch of wall; undefined where there is none. One that finds no
   * place is drawn again a few times, since another may be smaller.
   */
  private againstWall(draw: () => Piece): Placed | undefined {
    const { next } = this;
    for (let drawn = 0; drawn < 4; drawn++) {
      const piece = draw();
      for (let attempt = 0; attempt < 60; attempt++) {
        const wall = Math.floor(next() * 4);
        const room = this.wallLength(wall) - piece.width - 2 * MARGIN;
        if (room < 0) continue;
        // Mostly near a corner or the middle, as people do.
        const place = pick([0, 1, 0.5, next()], next);
        const s = MARGIN + piece.width / 2 + room * place;
        if (this.put(piece, wall, s)) return { wall, s, piece };
      }
    }
    return undefined;
  }

  private put(piece: Piece, wall: number, s: number): boolean {
    if (this.inUse(wall, s, piece.width, 0, piece.height)) return false;
    const whole = this.footprint(wall, s, piece.width, piece.depth + MARGIN + piece.clearance);
    if (!this.free(whole)) return false;
    this.take(this.footprint(wall, s, piece.width + 0.03, piece.depth + MARGIN + piece.clearance * 0.6));
    this.use(wall, s, piece.width, 0, piece.height);
    const bench = this.wallBench(wall, s).at(0, MARGIN, 0);
    piece.build(bench, this.style, this.next, this.lamps);
    if (piece.clearance > 0.7) this.deskChair(bench, piece);
    return true;
  }

  private deskChair(bench: Bench, desk: Piece): void {
    const { next } = this;
    const seat = chair(next);
    const pulled = between(0.05, 0.3, next);
    const yaw = Math.PI + between(-0.5, 0.5, next);
    const spot = bench.at(
      between(-0.15, 0.15, next) * desk.width,
      desk.depth + pulled + seat.depth * 0.55,
      0,
      yaw,
    );
    seat.build(spot.at(0, -seat.depth / 2, 0), this.style, next, this.lamps);
  }

  private besideBed(placed: Placed | undefined): void {
    if (placed === undefined) return;
    const { wall, s, piece } = placed;
    for (const side of this.next() < 0.5 ? [-1, 1] : [1]) {
      const stand = nightstand(this.next);
      const at = s + side * (piece.width / 2 + stand.width / 2 + 0.04);
      if (at - stand.width / 2 < MARGIN || at + stand.width / 2 > this.wallLength(wall) - MARGIN) continue;
      this.put(stand, wall, at);
    }
  }

  /** A free spot for a rectangle of floor, as its centre. */
  private freeSpot(width: number, depth: number): { x: number; y: number } | undefined {
    for (let attempt = 0; attempt < 150; attempt++) {
      const x = between(width / 2 + 0.06, this.width - width / 2 - 0.06, this.next);
      const y = between(depth / 2 + 0.06, this.length - depth / 2 - 0.06, this.next);
      if (this.free({ x0: x - width / 2, y0: y - depth / 2, x1: x + width / 2, y1: y + depth / 2 }))
        return { x, y };
    }
    return undefined;
  }

  private diningGroup(): void {
    const { next, style } = this;
    const piece = table('dining', next);
    const along = next() < 0.5;
    const reach = 0.62;
    const spot =
      this.freeSpot(...this.swap(along, piece.width + 0.1, piece.depth + 2 * reach)) ??
      this.freeSpot(...this.swap(!along, piece.width, piece.depth + reach));
    if (spot === undefined) return;
    const bench = new Bench(
      this.solids,
      spot.x,
      spot.y,
      0,
      (along ? 0 : Math.PI / 2) + between(-0.06, 0.06, next),
    );
    piece.build(bench.at(0, -piece.depth / 2, 0), style, next, this.lamps);
    const [w, d] = this.swap(along, piece.width, piece.depth + 2 * reach);
    this.takeAround(spot, w, d);
    const seats = Math.floor(piece.width / 0.58);
    for (const side of [-1, 1]) {
      for (let i = 0; i < seats; i++) {
        if (next() < 0.2) continue;
        const seat = chair(next);
        const x = ((i + 0.5) / seats - 0.5) * piece.width;
        const y = side * (piece.depth / 2 + between(0.0, 0.2, next) + seat.depth * 0.3);
        const yaw = (side < 0 ? 0 : Math.PI) + between(-0.35, 0.35, next);
        seat.build(bench.at(x, y, 0, yaw).at(0, -seat.depth / 2, 0), style, next, this.lamps);
      }
    }
  }

  private coffeeTable(): void {
    const { next } = this;
    const piece = table('coffee', next);
    const along = next() < 0.5;
    const [w, d] = this.swap(along, piece.width, piece.depth);
    const spot = this.freeSpot(w + 0.1, d + 0.1);
    if (spot === undefined) return;
    const bench = new Bench(
      this.solids,
      spot.x,
      spot.y,
      0,
      (along ? 0 : Math.PI / 2) + between(-0.1, 0.1, next),
    );
    piece.build(bench.at(0, -piece.depth / 2, 0), this.style, next, this.lamps);
    this.takeAround(spot, w, d);
  }

  private looseChair(): void {
    const { next } = this;
    const seat = chair(next);
    const spot = this.freeSpot(0.6, 0.6);
    if (spot === undefined) return;
    const bench = new Bench(this.solids, spot.x, spot.y, 0, next() * 2 * Math.PI);
    seat.build(bench.at(0, -seat.depth / 2, 0), this.style, next, this.lamps);
    this.takeAround(spot, 0.55, 0.55);
  }

  private floorClutter(): void {
    const spot = this.freeSpot(0.42, 0.42);
    if (spot === undefined) return;
    floorThing(new Bench(this.solids, spot.x, spot.y, 0, this.next() * 6), this.style, this.next);
    this.takeAround(spot, 0.4, 0.4);
  }

  private rug(): void {
    const { next } = this;
    if (next() < 0.3) return;
    const [w, d] = this.swap(next() < 0.5, between(1.2, 1.8, next), between(1.7, 2.4, next));
    const x = this.width / 2 + between(-0.4, 0.4, next);
    const y = this.length / 2 + between(-0.4, 0.4, next);
    const source = pick(this.style.fabrics, next);
    const look: Material = {
      ...source,
      texture: next() < 0.6 ? 'rug' : 'fabric',
      scale: 0.3,
      gloss: 0,
      mirror: 0,
    };
    new Bench(this.solids, x, y, 0, between(-0.05, 0.05, next)).box(
      'floor',
      look,
      [0, 0, 0.004],
      [w, d, 0.008],
    );
  }

  private paintings(): void {
    const { next, style } = this;
    const count = 3 + Math.floor(next() * 4);
    for (let i = 0; i < count; i++) {
      const width = between(0.3, 0.95, next);
      const height = Math.min(0.85, width * pick([0.7, 0.75, 1, 1.35], next));
      const wall = i < 4 ? i : Math.floor(next() * 4);
      const z = between(1.4, 1.65, next);
      const s = this.freeStretch(wall, width + 0.1, z - height / 2, z + height / 2);
      if (s === undefined) continue;
      this.use(wall, s, width + 0.1, z - height / 2, z + height / 2);
      const bench = this.wallBench(wall, s, z);
      const rim =
        next() < 0.25
          ? material('plain', hsv(0, 0, 0.1), hsv(0, 0, 0.1), { gloss: 0.6 })
          : pick([...style.woods, ...style.paints], next);
      const glazed = next() < 0.5;
      const art = material(
        'picture',
        hsv(next(), between(0.2, 0.8, next), 0.8),
        hsv(next(), 0.6, between(0.3, 0.9, next)),
        {
          seed: Math.floor(next() * 1e6),
          mirror: glazed ? 1 : 0,
          gloss: glazed ? 0.3 : 0.1,
          shininess: 60,
        },
      );
      bench.box('painting', rim, [0, 0.012, 0], [width, 0.024, height]);
      const border = between(0.02, 0.05, next);
      if (next() < 0.4) {
        const mount = material('plain', hsv(0.12, 0.06, 0.92), [0.7, 0.7, 0.7], { mirror: glazed ? 1 : 0 });
        bench.box('painting', mount, [0, 0.014, 0], [width - 2 * border, 0.024, height - 2 * border]);
        bench.box('painting', art, [0, 0.016, 0], [width - 6 * border, 0.024, height - 6 * border]);
      } else bench.box('painting', art, [0, 0.016, 0], [width - 2 * border, 0.024, height - 2 * border]);
    }
  }

  private ceilingLamp(): void {
    const { next, style } = this;
    const x = this.width / 2 + between(-0.4, 0.4, next);
    const y = this.length / 2 + between(-0.4, 0.4, next);
    const lit = this.night || next() < 0.55;
    const glow = material('plain', [0.9, 0.86, 0.75], [0.8, 0.7, 0.6], { emission: lit ? 2.2 : 0 });
    const bench = new Bench(this.solids, x, y, this.height, 0);
    let drop = 0.1;
    if (next() < 0.5) {
      bench.frustum('objects', glow, [0, 0, -0.05], [0.4, 0.4, 0.1], 1.25, { translucent: true });
      bench.frustum('objects', pick(style.metals, next), [0, 0, -0.01], [0.44, 0.44, 0.02], 1, {
        translucent: true,
      });
    } else {
      drop = between(0.4, 0.7, next);
      const dark = material('plain', [0.03, 0.03, 0.03], [0.03, 0.03, 0.03]);
      bench.frustum('objects', dark, [0, 0, -drop / 2], [0.012, 0.012, drop], 1);
      if (next() < 0.5)
        bench.rounded('objects', glow, [0, 0, -drop], [0.34, 0.34, 0.34], [2, 2, 2], { translucent: true });
      else bench.frustum('objects', glow, [0, 0, -drop], [0.42, 0.42, 0.22], 0.45, { translucent: true });
    }
    if (lit)
      this.bulb([x, y, this.height - Math.max(drop, 0.25)], 0.14, this.night ? 1.3 : between(0.5, 1.3, next));
  }

  private bulb(centre: Vec3, radius: number, strength: number): void {
    const [r, g, b] = this.lampColour;
    this.lights.push({
      kind: 'bulb',
      centre,
      u: [radius, 0, 0],
      v: [0, radius, 0],
      normal: [0, 0, 0],
      colour: [r * strength, g * strength, b * strength],
    });
  }

  /** Flux of the lights spread over the room's surfaces, after a few bounces between them. */
  private ambient(): Rgb {
    const { width, length, height } = this;
    const surface = 2 * (width * length + width * height + length * height);
    const total = [0.008 * surface, 0.008 * surface, 0.01 * surface];
    for (const light of this.lights) {
      // A panel sends π L A into its half space; a bulb's colour is its intensity over π.
      const factor =
        light.kind === 'panel' ? 4 * Math.hypot(...light.u) * Math.hypot(...light.v) : 4 * Math.PI;
      for (let k = 0; k < 3; k++) total[k] += light.colour[k] * factor;
    }
    const share = 0.7 / surface;
    return [total[0] * share, total[1] * share, total[2] * share];
  }

  private swap(along: boolean, width: number, depth: number): [number, number] {
    return along ? [width, depth] : [depth, width];
  }

  private use(wall: number, s: number, width: number, low: number, high: number): void {
    this.stretches.push({ wall, from: s - width / 2, to: s + width / 2, low, high });
  }

  private inUse(wall: number, s: number, width: number, low: number, high: number): boolean {
    return this.stretches.some(
      (o) =>
        o.wall === wall && o.from < s + width / 2 && o.to > s - width / 2 && o.low < high && o.high > low,
    );
  }

  /** The centre of a free stretch of wall, if a few tries find one. */
  private freeStretch(wall: number, width: number, low: number, high: number): number | undefined {
    const room = this.wallLength(wall) - width - 0.2;
    for (let attempt = 0; attempt < 30 && room > 0; attempt++) {
      const s = 0.1 + width / 2 + room * this.next();
      if (!this.inUse(wall, s, width, low, high)) return s;
    }
    return undefined;
  }

  /** Floor in front of a stretch of wall. */
  private footprint(wall: number, s: number, width: number, depth: number): Rectangle {
    const a = this.wallBench(wall, s - width / 2).toWorld([0, 0, 0]);
    const b = this.wallBench(wall, s + width / 2).toWorld([0, depth, 0]);
    return {
      x0: Math.min(a[0], b[0]),
      y0: Math.min(a[1], b[1]),
      x1: Math.max(a[0], b[0]),
      y1: Math.max(a[1], b[1]),
    };
  }

  private free(r: Rectangle): boolean {
    if (r.x0 < 0 || r.y0 < 0 || r.x1 > this.width || r.y1 > this.length) return false;
    return !this.taken.some((o) => o.x0 < r.x1 && o.x1 > r.x0 && o.y0 < r.y1 && o.y1 > r.y0);
  }

  private take(r: Rectangle): void {
    this.taken.push(r);
  }

  private takeAround(centre: { x: number; y: number }, width: number, depth: number): void {
    this.take({
      x0: centre.x - width / 2,
      y0: centre.y - depth / 2,
      x1: centre.x + width / 2,
      y1: centre.y + depth / 2,
    });
  }
}
