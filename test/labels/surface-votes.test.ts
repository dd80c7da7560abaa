import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Frame, IGNORE } from '../../src/frame.js';
import { SurfaceVotes } from '../../src/labels/surface-votes.js';
import { random, seedOf, shuffle } from '../../src/random.js';
import { type Footprint, footprintOf } from '../../src/store/footprint.js';
import { rayCode, rayOffset } from '../../src/store/incidences.js';
import { cameraPath, intrinsicsFor } from '../../src/synth/camera-path.js';
import { NYU13 } from '../../src/synth/classes.js';
import { Renderer } from '../../src/synth/render.js';
import { makeRoom } from '../../src/synth/room.js';
import { sense } from '../../src/synth/sensor.js';
import { randomFrame } from '../random-frames.js';

/** A frame that looks along y, and so past all other voxels of a row along x. */
const ALONG_Y = rayCode(0, 1, 0);

/** A frame with one superpixel whose pixels lie in these voxels of a row along x; −1 = no depth. */
function footprint(voxelOfPixel: readonly number[], ray = ALONG_Y): Footprint {
  const seen = [...new Set(voxelOfPixel.filter((v) => v >= 0))];
  return {
    superpixels: 1,
    superpixelPixels: Uint32Array.of(voxelOfPixel.length),
    rowStart: Uint32Array.of(0, seen.length),
    voxel: Uint32Array.from(seen, (_, row) => row),
    pixels: Uint32Array.from(seen, (v) => voxelOfPixel.filter((other) => other === v).length),
    voxels: Int32Array.from(seen.flatMap((v) => [v, 0, 0])),
    rays: new Uint8Array(seen.length).fill(ray),
    rowOfPixel: Int32Array.from(voxelOfPixel, (v) => (v < 0 ? -1 : seen.indexOf(v))),
  };
}

describe('labels carried over surfaces', () => {
  test('two views by hand: agreed, in conflict, not labelled, without depth', () => {
    const votes = new SurfaceVotes(3);
    // Voxel 0: nine pixels of class 2 and one of class 1, just enough; voxel 1: eight and one, too few.
    const voxels = [...new Array(10).fill(0), ...new Array(9).fill(1), 2, 3, -1];
    const labels = [...new Array(9).fill(2), 1, ...new Array(8).fill(0), 1, IGNORE, 3, 1];
    votes.add(footprint(voxels), Uint8Array.from(labels));
    const { labels: carried, conflicts } = votes.carry(footprint([3, 1, 0, -1, 2, 1, 7, 0]));
    expect([...carried]).toEqual([IGNORE, IGNORE, 2, IGNORE, IGNORE, IGNORE, IGNORE, 2]);
    expect(conflicts).toBe(2);
  });

  test('votes of several views add up', () => {
    const votes = new SurfaceVotes(2);
    votes.add(footprint([0, 0]), Uint8Array.of(0, IGNORE));
    votes.add(footprint([0, 0]), Uint8Array.of(1, 1));
    expect(votes.carry(footprint([0]))).toEqual({ labels: Uint8Array.of(IGNORE), conflicts: 1 });
    for (let view = 0; view < 8; view++) votes.add(footprint([0, 0]), Uint8Array.of(1, 1));
    expect(votes.carry(footprint([0]))).toEqual({ labels: Uint8Array.of(1), conflicts: 0 });
  });

  test('before and behind on the viewing ray count half, and no others do', () => {
    const votes = new SurfaceVotes(2);
    // Class 0 nine times in voxel 1; class 1 twice in voxel 2, and once in voxel 4.
    votes.add(
      footprint([...new Array(9).fill(1), 2, 2, 4]),
      Uint8Array.from([...new Array(9).fill(0), 1, 1, 1]),
    );
    const seen = [-1, 0, 1, 2, 3, 4, 5, 6];
    // Along x: 0 has ½ 9 : 0 votes; 1 has 9 : ½ 2, just enough; 2 has ½ 9 : 2; 3 has 0 : ½ 3; 4 has 0 : 1; 5 has 0 : ½; 6 none.
    const along = votes.carry(footprint(seen, rayCode(-1, 0, 0)));
    expect([...along.labels]).toEqual([IGNORE, 0, 0, IGNORE, 1, 1, 1, IGNORE]);
    expect(along.conflicts).toBe(1);
    expect(votes.carry(footprint(seen, rayCode(1, 0, 0)))).toEqual(along);
    const across = votes.carry(footprint(seen));
    expect([...across.labels]).toEqual([IGNORE, IGNORE, 0, 1, IGNORE, 1, IGNORE, IGNORE]);
    expect(across.conflicts).toBe(0);
  });

  test('do not depend on the order of frames, equal a naive count, and stay on labelled voxels', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 5 }), (seed, n) => {
        const next = random(seedOf(seed));
        const frames = Array.from({ length: n }, (_, i) => {
          const seen = randomFrame(`${seed} ${i}`);
          const labels = Uint8Array.from(seen.frame.depth, () =>
            next() < 0.7 ? IGNORE : next() < 0.9 ? 1 : 4,
          );
          return { rows: footprintOf(seen.frame, seen.superpixels, 0.05), labels };
        });
        const target = randomFrame(`${seed} target`);
        const seen = footprintOf(target.frame, target.superpixels, 0.05);
        const carriedBy = (some: typeof frames) => {
          const votes = new SurfaceVotes(5);
          for (const { rows, labels } of some) votes.add(rows, labels);
          return votes.carry(seen);
        };
        const carried = carriedBy(frames);
        expect(carriedBy(shuffle([...frames], next))).toEqual(carried);

        /** @param step voxels further along the ray */
        const voxelOf = ({ rowOfPixel, voxel, voxels, rays }: Footprint, i: number, step = 0) => {
          if (rowOfPixel[i] < 0) return undefined;
          const v = voxel[rowOfPixel[i]];
          return ([0, 1, 2] as const)
            .map((axis) => voxels[3 * v + axis] + step * rayOffset(rays[v], axis))
            .join();
        };
        const given = new Map<string, number[]>();
        for (const { rows, labels } of frames)
          labels.forEach((label, i) => {
            const voxel = voxelOf(rows, i);
            if (label !== IGNORE && voxel !== undefined)
              given.set(voxel, [...(given.get(voxel) ?? []), label]);
          });
        let conflicts = 0;
        carried.labels.forEach((label, i) => {
          const votes = [0, 0, -1, 1].flatMap((step) => given.get(voxelOf(seen, i, step) ?? '') ?? []);
          const most = [1, 4].find(
            (c) => votes.length > 0 && 10 * votes.filter((vote) => vote === c).length >= 9 * votes.length,
          );
          expect(label).toBe(most ?? IGNORE);
          if (votes.length > 0 && most === undefined) conflicts++;
        });
        expect(carried.conflicts).toBe(conflicts);
      }),
      { numRuns: 40 },
    );
  });

  test('keep their votes when they outgrow their first memory', () => {
    const votes = new SurfaceVotes(2);
    const all = footprint(Array.from({ length: 3000 }, (_, i) => i));
    const labels = Uint8Array.from({ length: 3000 }, (_, i) => i % 2);
    votes.add(all, labels);
    expect(votes.carry(all)).toEqual({ labels, conflicts: 0 });
  });

  test('are right for more than 98 % of pixels of another view of a generated room', () => {
    const size = { width: 160, height: 120 };
    const room = makeRoom(5, 0);
    const renderer = new Renderer(room);
    const path = cameraPath(room, 24, 5, 0);
    const frames = [3, 4].map((k): Frame & { labels: Uint8Array } => {
      const view = sense(renderer.render(path[k], size, intrinsicsFor(size)), random(seedOf(5, k)));
      return {
        ...view,
        scene: 's',
        id: `${k}`,
        timestamp: k,
        intrinsics: intrinsicsFor(size),
        cameraToWorld: path[k],
      };
    });
    const all = { ...size, count: 1, ids: new Uint16Array(size.width * size.height) };
    const [from, to] = frames.map((frame) => footprintOf(frame, all, 0.02));
    const votes = new SurfaceVotes(NYU13.length);
    votes.add(from, frames[0].labels);
    const { labels } = votes.carry(to);
    let carried = 0;
    let right = 0;
    labels.forEach((label, i) => {
      if (label === IGNORE || frames[1].labels[i] === IGNORE) return;
      carried++;
      if (label === frames[1].labels[i]) right++;
    });
    expect(carried).toBeGreaterThan(1000);
    expect(right / carried).toBeGreaterThan(0.98);
  });
});
