import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { replay } from '../../pipelines/replay.js';
import { infer } from '../../pipelines/stages.js';
import { UserError } from '../../src/errors.js';
import { startBackend } from '../../src/model/backend.js';
import type { RunOptions } from '../../src/stages/options.js';
import { openRun } from '../../src/stages/run.js';
import { readParquet } from '../../src/tables/parquet.js';
import { METRICS } from '../../src/tables/schemas.js';
import { digestsOf, QUICK, smallRecording, temporaryFolder } from '../sample.js';
import { fillWeights, saveLayersModel } from './own-models.js';

const built = existsSync(resolve('dist/src/model/inference/inference-worker.js'));

/** Two convolutions, `rate` of the channels between them dropped. */
function network(classes: number, rate: number): tfl.LayersModel {
  const { conv2d, dropout } = tfl.layers;
  const model = tfl.sequential({
    layers: [
      conv2d({ filters: 8, kernelSize: 3, padding: 'same', inputShape: [null, null, 3], activation: 'relu' }),
      dropout({ rate }),
      conv2d({ filters: classes, kernelSize: 1 }),
    ],
  });
  return fillWeights(model, 1) as tfl.LayersModel;
}

describe.skipIf(!built)('a replay with a network of the user’s own (needs `npm run build` first)', () => {
  let recording: string;
  let classes: readonly string[];
  beforeAll(async () => {
    await startBackend('wasm');
    recording = await smallRecording(1, 3);
    classes = JSON.parse(await readFile(join(recording, 'recording.json'), 'utf8')).classes;
  });

  const run = async (options: Partial<RunOptions>) =>
    openRun(join(await temporaryFolder(), 'run'), { ...QUICK, ...options }, { recording });

  test('selects, measures where the classes are those of the labels, whatever the number of workers', async () => {
    const model = await saveLayersModel(network(classes.length, 0.5), { metadata: { classes } });
    const one = await run({ model, workers: 1 });
    const { selections } = await replay(one);
    expect(selections.length).toBe(6);
    expect(selections[0].trigger_entropy).toBeGreaterThan(0);
    const metrics = await readParquet(one.folder.runFile(METRICS.name), METRICS);
    expect(metrics!.length).toBeGreaterThan(classes.length);
    const two = await run({ model, workers: 2 });
    await replay(two);
    const tables = ['probabilities', 'scores', 'selections', 'metrics'];
    expect(await digestsOf(two.folder.path, tables)).toEqual(await digestsOf(one.folder.path, tables));
  });

  test('leaves measuring out where the network names other classes', async () => {
    const names = classes.map((name) => `another ${name}`);
    const other = await run({
      model: await saveLayersModel(network(classes.length, 0.5), { metadata: { classes: names } }),
    });
    await replay(other);
    expect(await readParquet(other.folder.runFile(METRICS.name), METRICS)).toSatisfy(
      (rows: unknown[] | undefined) => !rows?.length,
    );
  });

  test('stops where the network has no active dropout; --draws 1 does without', async () => {
    const model = await saveLayersModel(network(classes.length, 0));
    const stopped = infer(await run({ model }));
    await expect(stopped).rejects.toThrow(UserError);
    await expect(stopped).rejects.toThrow(
      /no active dropout: its draws of one image are identical.*--draws 1/,
    );
    expect((await replay(await run({ model, draws: 1 }))).selections.length).toBe(6);
  });

  test('runs with the network of the example in docs/networks.md', async () => {
    const code = /```js\n([\s\S]*?)```/.exec(await readFile('docs/networks.md', 'utf8'))?.[1];
    expect(code).toBeDefined();
    // Inside the project, so that its packages are found.
    const folder = await mkdtemp(resolve('test', '.networks-'));
    try {
      await writeFile(join(folder, 'example.mjs'), code!);
      await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder });
      expect((await replay(await run({ model: join(folder, 'my-network') }))).selections.length).toBe(6);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
