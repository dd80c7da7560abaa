import { existsSync } from 'node:fs';
import { FrameCache } from '../src/live/frame-cache.js';
import { LiveScene } from '../src/live/live-scene.js';
import { toHalves } from '../src/model/probability-map.js';
import { random } from '../src/random.js';
import { sumIncidences } from '../src/store/bin.js';
import { footprintOf } from '../src/store/footprint.js';
import type { Incidences } from '../src/store/incidences.js';
import { type Figure, SAMPLE, SCANNET, SIZE } from './figure.js';
import { firstScene, madeUp } from './inputs.js';

const CLASSES = 13;
/** Frames that are timed at the end of a scene. */
const TIMED = 20;

/**
 * A live scene's rescoring after one more frame, with 50 frames and with 500 that show the same place, and a window's picks out of
 * 50 000 superpixels; one core. Real frames over and over, each time from a camera moved by some centimetres, with made-up
 * probabilities: the more frames, the more of them see each voxel.
 */
export async function benchLive(): Promise<Figure[]> {
  const few = await rescoring(50);
  const many = await rescoring(500);
  const unprepared = await closing(0);
  const { picks, candidates } = await closing(10);
  return [
    { name: 'live: a new frame, scene of 50 frames', value: few, unit: 'ms' },
    { name: 'live: a new frame, scene of 500 frames', value: many, unit: 'ms', target: '≤ 50' },
    { name: '  ratio', value: many / few, unit: '', target: '≤ 3' },
    { name: 'live: 10 picks at the end of a window', value: picks, unit: 'ms', target: '≤ 100' },
    { name: '  where there was no lull to get them ready in', value: unprepared.picks, unit: 'ms' },
    { name: '  candidates', value: candidates, unit: '' },
  ];
}

/** Milliseconds that adding a frame and having all scores again takes, binned before, as the last of so many. */
async function rescoring(count: number): Promise<number> {
  const scene = new LiveScene(
    'scene',
    () => Promise.reject(new Error('all is in memory')),
    new FrameCache(0),
  );
  let spent = 0;
  for await (const [i, incidences] of passes(count, 0)) {
    const start = performance.now();
    await scene.add(`${i}`, incidences, 'model');
    scene.entropies(`${i}`); // the scores of all superpixels follow when someone asks
    if (i >= count - TIMED) spent += (performance.now() - start) / TIMED;
  }
  return spent;
}

/**
 * Milliseconds from the end of a window to its tenth pick, of scenes with 50 000 superpixels together.
 * @param ready picks a scene that were got ready before
 */
async function closing(ready: number): Promise<{ picks: number; candidates: number }> {
  const kept = new Map<string, Incidences>();
  const cache = new FrameCache();
  const scenes: LiveScene[] = [];
  let candidates = 0;
  for (let s = 0; candidates < 50_000; s++) {
    const scene = new LiveScene(`scene ${s}`, async (frame) => kept.get(`${s} ${frame}`)!, cache);
    scenes.push(scene);
    for await (const [i, incidences] of passes(300, s)) {
      kept.set(`${s} ${i}`, incidences);
      await scene.add(`${i}`, incidences, 'model');
    }
    candidates += scene.candidates;
  }
  // What a live run does while it waits.
  for (const scene of scenes) await scene.prepare(ready);
  const start = performance.now();
  for (let pick = 0; pick < 10; pick++) {
    let best: { scene: LiveScene; entropy: number } | undefined;
    for (const scene of scenes) {
      const entropy = await scene.nextEntropy();
      if (entropy !== undefined && (best === undefined || entropy > best.entropy)) best = { scene, entropy };
    }
    await best?.scene.next();
  }
  return { picks: performance.now() - start, candidates };
}

/** Incidences of so many frames, the recording's in turn, each from a camera moved at random. */
async function* passes(count: number, seed: number): AsyncGenerator<[number, Incidences]> {
  const inputs = await firstScene(existsSync(SCANNET) ? SCANNET : SAMPLE);
  const maps = inputs.map((_, i) => ({
    ...SIZE,
    classes: CLASSES,
    data: toHalves(madeUp(SIZE, CLASSES, i)),
  }));
  const next = random(seed);
  for (let i = 0; i < count; i++) {
    const { frame, superpixels } = inputs[i % inputs.length];
    const cameraToWorld = frame.cameraToWorld.map((x, at) =>
      at % 4 === 3 && at < 12 ? x + 0.1 * (next() - 0.5) : x,
    );
    const places = footprintOf({ ...frame, cameraToWorld }, superpixels, 0.02);
    yield [i, sumIncidences(places, maps[i % maps.length])];
  }
}
