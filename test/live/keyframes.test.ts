import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { KEYFRAME_DEFAULTS } from '../../src/live/keyframe-options.js';
import { type Candidate, KeyframeGate } from '../../src/live/keyframes.js';
import { decodeShades, type Shades, shadesOf, sharpness } from '../../src/live/sharpness.js';
import { parsePose } from '../../src/sources/pose.js';
import { jpeg } from '../sources/builders.js';

/** A pose at x metres, turned by some degrees about the vertical. */
function pose(x: number, degrees = 0): Float64Array {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return Float64Array.of(c, 0, s, x, 0, 1, 0, 0, -s, 0, c, 0, 0, 0, 0, 1);
}

const neverAsked = () => Promise.reject(new Error('should not be decoded'));
const at = (x: number, degrees = 0, scene = 'a'): Candidate => ({
  scene,
  cameraToWorld: pose(x, degrees),
  grey: neverAsked,
});
const OPTIONS = { move: 0.1, turn: 10, sharpness: 0 };

/** Stripes of a period across the columns, each edge spread over `blur` pixels. */
function stripes(
  blur: number,
  { width = 320, height = 240, low = 40, high = 200, period = 40 } = {},
): Shades {
  const data = new Uint8Array(width * height);
  for (let i = 0; i < data.length; i++) {
    let sum = 0;
    for (let t = 0; t < blur; t++) sum += Math.floor(((i % width) + t) / (period / 2)) % 2 ? high : low;
    data[i] = sum / blur;
  }
  return { width, height, data };
}

describe('KeyframeGate by pose', () => {
  it('skips frames that neither moved nor turned, and keeps those that did either', async () => {
    const gate = new KeyframeGate(OPTIONS);
    expect(await gate.judge(at(0))).toBeUndefined();
    gate.keep(at(0));
    expect(await gate.judge(at(0))).toBe('still');
    expect(await gate.judge(at(0.09, 9))).toBe('still');
    expect(await gate.judge(at(0.11, 0))).toBeUndefined();
    expect(await gate.judge(at(0, 11))).toBeUndefined();
    expect(await gate.judge(at(0, 0, 'another scene'))).toBeUndefined();
  });

  it('does not take a frame that was judged, not kept, for a keyframe', async () => {
    const gate = new KeyframeGate(OPTIONS);
    await gate.judge(at(0));
    expect(await gate.judge(at(0))).toBeUndefined();
  });

  it('knows a place again that it comes back to, and in any order', async () => {
    const gate = new KeyframeGate(OPTIONS);
    for (const x of [0, 1, 2]) gate.keep(at(x));
    expect(await gate.judge(at(0.05))).toBe('still');
    expect(await gate.judge(at(1.05))).toBe('still');
    expect(await gate.judge(at(0.5))).toBeUndefined();
    gate.forget('a');
    expect(await gate.judge(at(0.05))).toBeUndefined();
  });

  it.each([
    { ...OPTIONS, move: 0 },
    { ...OPTIONS, turn: 0 },
  ])('keeps all at %o', async (options) => {
    const gate = new KeyframeGate(options);
    gate.keep(at(0));
    expect(await gate.judge(at(0))).toBeUndefined();
  });

  it('agrees with angles and distances worked out otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.double({ min: 0, max: 0.4, noNaN: true }), fc.integer({ min: -30, max: 30 })), {
          minLength: 1,
          maxLength: 40,
        }),
        async (walk) => {
          const gate = new KeyframeGate({ ...OPTIONS, turn: 10.5 });
          const kept: [number, number][] = [];
          for (const [x, degrees] of walk) {
            const still = kept.some(([kx, kd]) => Math.abs(x - kx) < 0.1 && Math.abs(degrees - kd) < 10.5);
            expect(await gate.judge(at(x, degrees))).toBe(still ? 'still' : undefined);
            if (still) continue;
            gate.keep(at(x, degrees));
            kept.push([x, degrees]);
          }
        },
      ),
    );
  });

  it('forgets the oldest keyframes of a scene without end, not the newest', async () => {
    const gate = new KeyframeGate(OPTIONS);
    for (let i = 0; i < 5000; i++) gate.keep(at(i));
    expect(await gate.judge(at(0))).toBeUndefined();
    expect(await gate.judge(at(5000 - 4096 - 1))).toBeUndefined();
    expect(await gate.judge(at(5000 - 4096))).toBe('still');
    expect(await gate.judge(at(4999))).toBe('still');
  });
});

describe('sharpness', () => {
  it('is 8/9 for steps, and falls as they are spread', () => {
    // One pixel takes all of the change, and a ninth is left off.
    expect(sharpness(stripes(1))).toBe(1 - 1 / 9);
    const values = [1, 2, 3, 5, 7, 9].map((blur) => sharpness(stripes(blur)));
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(values.at(-1)).toBeLessThan(0.15);
  });

  it('does not depend on exposure, contrast, or how many edges there are', () => {
    for (const blur of [2, 4, 8]) {
      const [low, high] = [0, 192];
      const bright = sharpness(stripes(blur, { low, high }));
      expect(sharpness(stripes(blur, { low, high: 100 }))).toBeCloseTo(bright, 1);
      expect(sharpness(stripes(blur, { low: 50, high: 242 }))).toBeCloseTo(bright, 10);
      expect(Math.abs(sharpness(stripes(blur, { low, high, period: 80 })) - bright)).toBeLessThan(0.06);
    }
  });

  it('sees blur along the rows, the columns and the diagonals', async () => {
    /** Squares on a board, smeared over 9 pixels along a direction. */
    const board = (dx: number, dy: number): Shades => {
      const [width, height] = [320, 240];
      const data = new Uint8Array(width * height);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let t = 0; t < 9; t++) {
            sum += (Math.floor((x + t * dx) / 20) + Math.floor((y + t * dy + 240) / 20)) % 2 ? 220 : 30;
          }
          data[y * width + x] = sum / 9;
        }
      }
      return { width, height, data };
    };
    expect(sharpness(board(0, 0))).toBeGreaterThan(0.8);
    for (const [dx, dy] of [
      [1, 0],
      [0, 1],
      [1, 1],
      [1, -1],
    ] as const) {
      expect(sharpness(board(dx, dy))).toBeLessThan(0.35);
    }
  });

  it('has nothing against images of one shade, and tiny ones', () => {
    expect(sharpness({ width: 320, height: 240, data: new Uint8Array(320 * 240).fill(7) })).toBe(1);
    for (let size = 1; size < 14; size++) {
      expect(sharpness({ width: size, height: size, data: new Uint8Array(size * size) })).toBe(1);
    }
  });

  it('is asked for last, and only where a frame would be kept', async () => {
    const gate = new KeyframeGate({ ...OPTIONS, sharpness: 0.35 });
    gate.keep(at(0));
    expect(await gate.judge(at(0))).toBe('still');
    expect(await gate.judge({ ...at(1), grey: async () => stripes(9) })).toBe('blurred');
    expect(await gate.judge({ ...at(1), grey: async () => stripes(1) })).toBeUndefined();
    const damaged = new BadFrameError('x.jpg', 'cannot be decoded');
    await expect(gate.judge({ ...at(1), grey: () => Promise.reject(damaged) })).rejects.toBe(damaged);
  });
});

describe('shades', () => {
  it('are decoded at 320 pixels and less', async () => {
    expect(await decodeShades(await jpeg(640, 480, [10, 200, 30]), 'x')).toMatchObject({
      width: 320,
      height: 240,
    });
    const small = await decodeShades(await jpeg(32, 24, [10, 200, 30]), 'x');
    expect(small).toMatchObject({ width: 32, height: 24 });
    const rgb = Uint8Array.from({ length: 32 * 24 * 3 }, (_, i) => [10, 200, 30][i % 3]!);
    const luma = shadesOf(rgb, small).data[0]!;
    expect(luma).toBe(Math.floor((77 * 10 + 150 * 200 + 29 * 30) / 256));
    expect(Math.abs(small.data[100]! - luma)).toBeLessThan(4);
  });

  it('of damaged images are a reason, not a crash', async () => {
    const whole = await jpeg(64, 48, [1, 2, 3]);
    await expect(decodeShades(whole.subarray(0, whole.length - 60), 'a.jpg')).rejects.toThrow(
      /^a\.jpg: cannot be decoded: /,
    );
    await expect(decodeShades(new Uint8Array(), 'a.jpg')).rejects.toThrow(BadFrameError);
  });
});

const SHARED = join(import.meta.dirname, '../../../shared/data');

describe.skipIf(!existsSync(SHARED))('real frames (skipped where ../shared/data is not there)', () => {
  /** Those that the defaults drop, of all frames in turn. */
  const judged = async (colours: string, ending: string, poses: string) => {
    const gate = new KeyframeGate();
    const outcome = { kept: 0, still: 0, blurred: [] as string[] };
    for (const file of (await readdir(colours)).filter((name) => name.endsWith(ending)).sort()) {
      const stem = file.slice(0, -ending.length);
      const poseFile = join(poses, `${stem}.${ending.startsWith('.color') ? 'pose.' : ''}txt`);
      const candidate = {
        scene: 's',
        cameraToWorld: parsePose(await readFile(poseFile, 'utf8'), poseFile),
        grey: async () => decodeShades(await readFile(join(colours, file)), file),
      };
      const reason = await gate.judge(candidate);
      if (reason === 'still') outcome.still++;
      else if (reason === 'blurred') outcome.blurred.push(stem.slice(-4));
      else {
        gate.keep(candidate);
        outcome.kept++;
      }
    }
    return outcome;
  };

  it('of a hand-held Kinect: the still ones go, and none is blurred', async () => {
    const folder = join(SHARED, '7scenes-sample');
    const { kept, still, blurred } = await judged(folder, '.color.jpg', folder);
    expect(blurred).toEqual([]);
    expect(kept + still).toBe(120);
    expect(kept).toBe(28);
  });

  it('of ScanNet: the four that are smeared to the eye go', async () => {
    const folder = join(SHARED, 'scannet-sample');
    const { kept, still, blurred } = await judged(join(folder, 'color'), '.jpg', join(folder, 'pose'));
    expect({ kept, still, blurred }).toEqual({
      kept: 23,
      still: 0,
      blurred: ['0350', '0490', '1330', '1470'],
    });
  });

  it('blurred by as little as seven pixels are told from the same unblurred', async () => {
    for (const id of ['000000', '000050', '000100', '000150']) {
      const image = await decodeShades(
        await readFile(join(SHARED, '7scenes-sample', `frame-${id}.color.jpg`)),
        id,
      );
      const smeared = new Uint8Array(image.data.length);
      for (let i = 0; i < smeared.length; i++) {
        const start = i - (i % image.width);
        let sum = 0;
        for (let t = -3; t <= 3; t++) sum += image.data[start + Math.min(319, Math.max(0, (i % 320) + t))]!;
        smeared[i] = sum / 7;
      }
      expect(sharpness(image)).toBeGreaterThan(KEYFRAME_DEFAULTS.sharpness);
      expect(sharpness({ ...image, data: smeared })).toBeLessThan(KEYFRAME_DEFAULTS.sharpness);
    }
  });
});
