import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { frameName, IGNORE, type Size } from '../frame.js';
import type { Format } from '../sources/formats.js';
import { openRecording } from '../sources/open.js';
import type { Recording } from '../sources/recording.js';
import { serveTasks } from '../task-threads.js';
import { type PreparedFrame, prepareScene } from './prepare-scene.js';

/** Frames of one scene for one worker. */
export interface SceneTask {
  /** Absolute path of the recording. */
  readonly recording: string;
  readonly format: Format;
  readonly scene: string;
  /** In order. */
  readonly ids: readonly string[];
  readonly out: string;
  readonly size: Size;
  /** Class names of the prepared recording, by label index. */
  readonly classes: readonly string[];
}

export interface SceneProgress extends PreparedFrame {
  readonly scene: string;
}

/** The recording at hand: tasks come recording by recording, and listing one takes time. */
let opened: Recording | undefined;

async function prepare(task: SceneTask, onProgress: (progress: SceneProgress) => void): Promise<void> {
  const { scene, classes } = task;
  if (opened?.path !== task.recording) opened = await openRecording(task.recording, { format: task.format });
  const recording = opened;
  const wanted = new Set(task.ids.map((id) => frameName({ scene, id })));
  const frames = recording.frames.filter((entry) => wanted.has(frameName(entry)));
  const labels = recording.classes.map((name) => {
    const label = classes.indexOf(name);
    return label < 0 ? IGNORE : label;
  });
  await prepareScene(recording, frames, { ...task, labels }, (frame) => onProgress({ ...frame, scene }));
}

if (parentPort !== null) {
  // One worker per core: sharp's own threads would only compete with them.
  sharp.concurrency(1);
  serveTasks(prepare);
}
