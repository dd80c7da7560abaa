import type { Frame, Size } from '../src/frame.js';
import { random } from '../src/random.js';
import { openRecording } from '../src/sources/open.js';
import { seeds } from '../src/superpixels/seeds.js';
import type { Superpixels } from '../src/superpixels/superpixels.js';
import { SIZE } from './figure.js';

export interface Input {
  readonly frame: Frame;
  readonly superpixels: Superpixels;
}

/** The frames of a recording's first scene, cut. */
export async function firstScene(path: string): Promise<Input[]> {
  const recording = await openRecording(path);
  const { scene } = recording.frames[0];
  const inputs: Input[] = [];
  for (const entry of recording.frames.filter((one) => one.scene === scene)) {
    const frame = await recording.read(entry, SIZE);
    inputs.push({ frame, superpixels: seeds(frame.colour, frame) });
  }
  return inputs;
}

/** Probabilities H×W×C, made up, which costs the same. */
export function madeUp({ width, height }: Size, classes: number, seed: number): Float32Array {
  const next = random(seed);
  const values = new Float32Array(width * height * classes);
  for (let at = 0; at < values.length; at += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      values[at + c] = next() ** 6 + 1e-6;
      sum += values[at + c];
    }
    for (let c = 0; c < classes; c++) values[at + c] /= sum;
  }
  return values;
}
