import type { Frame } from '../../../frame.js';
import type { Gpu } from '../../../gpu/device.js';
import { random } from '../../../random.js';
import { startBackend } from '../../backend.js';
import { initialNetwork } from '../../network.js';
import { halfValues } from '../../probability-map.js';
import { McDropout } from '../mc-dropout.js';
import { GpuSegmenter } from './gpu-segmenter.js';

const SIZE = { width: 64, height: 48 };
const CLASSES = ['a', 'b', 'c', 'd', 'e'];
const OPTIONS = { draws: 4, seed: 1 };
/** Largest difference of a probability that passes: a few steps of halves. */
const TOLERANCE = 2 ** -9;

/**
 * Runs MC dropout over a made-up image on the GPU and on the CPU, by the code that runs use, and compares.
 *
 * @returns the largest difference of a probability
 * @throws Error, one sentence, where they differ
 */
export async function selfTest(gpu: Gpu): Promise<number> {
  const network = initialNetwork({ width: 0.35, head: 'slim', classes: CLASSES.length }, CLASSES, 1);
  const next = random(1);
  const { width, height } = SIZE;
  const frame: Frame = {
    ...{ scene: 'self-test', id: '0', timestamp: 0, width, height },
    colour: Uint8Array.from({ length: 3 * width * height }, () => next() * 256),
    depth: new Float32Array(width * height),
    intrinsics: { fx: 1, fy: 1, cx: 0, cy: 0 },
    cameraToWorld: new Float64Array(16),
  };
  const segmenter = await GpuSegmenter.create(gpu, network, OPTIONS, 'self-test');
  const found = await segmenter.predict(frame);
  await segmenter.close();
  await startBackend('wasm');
  const onCpu = new McDropout(network, OPTIONS);
  const expected = onCpu.predict(frame);
  onCpu.dispose();
  const values = halfValues();
  let difference = 0;
  found.data.forEach((half, i) => {
    difference = Math.max(difference, Math.abs(values[half] - values[expected.data[i]]));
  });
  if (difference > TOLERANCE)
    throw new Error(`its probabilities differ from the CPU's by ${difference.toPrecision(2)}`);
  return difference;
}
