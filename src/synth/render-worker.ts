import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import type { Size } from '../frame.js';
import { random, seedOf } from '../random.js';
import { serveTasks } from '../task-threads.js';
import { cameraPath, intrinsicsFor } from './camera-path.js';
import { frameId, sceneName, writeFrame } from './frame-files.js';
import { Renderer } from './render.js';
import { makeRoom } from './room.js';
import { sense } from './sensor.js';

/** Frames of one scene for one worker. */
export interface RenderTask {
  readonly out: string;
  readonly seed: number;
  readonly size: Size;
  readonly noise: boolean;
  readonly scene: number;
  /** Frames in the whole scene: the camera path depends on it. */
  readonly frames: number;
  /** Indices of the frames to render. */
  readonly wanted: readonly number[];
}

/** Renders and writes one task's frames, in order. */
async function renderTask(task: RenderTask, onFrame: () => void): Promise<void> {
  const { out, seed, size, noise, scene, frames } = task;
  const room = makeRoom(seed, scene);
  const renderer = new Renderer(room);
  const path = cameraPath(room, frames, seed, scene);
  for (const k of task.wanted) {
    const view = renderer.render(path[k], size, intrinsicsFor(size));
    const seen = noise ? sense(view, random(seedOf(seed, 'sensor', scene, k))) : view;
    await writeFrame(out, sceneName(scene), frameId(k), seen, path[k]);
    onFrame();
  }
}

if (parentPort !== null) {
  // One worker per core: sharp's own threads would only compete with them.
  sharp.concurrency(1);
  serveTasks((task: RenderTask, onFrame: (done: null) => void) => renderTask(task, () => onFrame(null)));
}
