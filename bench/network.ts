import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveNetwork } from '../src/model/checkpoint.js';
import { createSegmenter } from '../src/model/inference/segmenter-pool.js';
import { initialNetwork } from '../src/model/network.js';
import { QUICK_RECIPE } from '../src/model/training/recipe.js';
import { initialState } from '../src/model/training/state.js';
import { Trainer } from '../src/model/training/trainer.js';
import { openRecording } from '../src/sources/open.js';
import { type Figure, SAMPLE, SIZE } from './figure.js';

/** MC dropout with a worker a core, and a training step. */
export async function benchNetwork(): Promise<Figure[]> {
  const recording = await openRecording(SAMPLE);
  const frames = await Promise.all(recording.frames.slice(0, 8).map((entry) => recording.read(entry, SIZE)));
  const workers = availableParallelism();
  const figures: Figure[] = [];
  for (const classes of [13, 40]) {
    const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
    const checkpoint = join(await mkdtemp(join(tmpdir(), 'viewal-bench-')), 'model');
    await saveNetwork(checkpoint, initialNetwork({ width: 0.35, head: 'slim', classes }, names, 1), 0);
    const segmenter = await createSegmenter({ checkpoint, draws: 20, seed: 1, workers });
    const times: number[] = [];
    for (let round = 0; round < 4; round++) {
      const start = performance.now();
      await Promise.all(frames.map((frame) => segmenter.predict(frame)));
      if (round > 0) times.push((performance.now() - start) / frames.length);
    }
    await segmenter.close();
    figures.push({
      name: `MC dropout D = 20, width 0.35 slim, ${classes} classes, ${workers} workers`,
      value: times.sort((a, b) => a - b)[1],
      unit: 'ms/frame',
      ...(classes === 13 ? { target: '≤ 500' } : {}),
    });
  }

  const options = { ...QUICK_RECIPE, steps: 8 };
  const start = initialState(
    initialNetwork({ width: 0.35, head: 'slim', classes: 13 }, recording.classes, 1),
    options,
    8,
  );
  const images = frames.map(({ width, height, colour, labels }) => ({
    width,
    height,
    colour,
    labels: labels!,
  }));
  const trainer = await Trainer.open(start, { count: 8, load: (i) => images[i] });
  const times: number[] = [];
  let last = performance.now();
  for await (const _ of trainer.run()) {
    times.push(performance.now() - last);
    last = performance.now();
  }
  await trainer.close();
  figures.push({
    name: 'training step, batch 4, 160×120, width 0.35 slim',
    value: times.slice(1).sort((a, b) => a - b)[3],
    unit: 'ms',
  });
  return figures;
}
