import { existsSync } from 'node:fs';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { InterruptedError, UserError } from '../src/errors.js';
import { loadNetwork } from '../src/model/checkpoint.js';
import { PAPER_RECIPE, QUICK_RECIPE } from '../src/model/training/recipe.js';
import { saveBackbone, weightsFolder } from '../src/model/weights/cache.js';
import { importBackbone } from '../src/model/weights/import.js';
import type { Monitor } from '../src/stages/monitor.js';
import { parseOptions, type RunOptions } from '../src/stages/options.js';
import { openRun } from '../src/stages/run.js';
import { trainStage } from '../src/stages/train.js';
import { networkConfig, trainingRecipe } from '../src/stages/training/plan.js';
import { readParquet } from '../src/tables/parquet.js';
import { HISTORY, VALIDATION } from '../src/tables/schemas.js';
import { testNetwork } from './model/weights/source-network.js';
import { tfliteFile } from './model/weights/tflite-files.js';
import { safetensorsFile, stateDict } from './model/weights/torch-files.js';
import { digestsOf, smallRecording, temporaryFolder } from './sample.js';

const TINY: Partial<RunOptions> = { size: '80x60', steps: 4, labelled: 'all', crop: '32x32', batch: 2 };

/** Keeps what the user would have been told. */
function listen(): Monitor & { lines: string[] } {
  const lines: string[] = [];
  const monitor = { note: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  return { ...monitor, lines, begin: () => ({ advance() {}, end() {} }), close() {} };
}

let recording: string;
/** Width 0.35, with its batch norm folded, and kept. */
let folded: string;
let kept: string;

beforeAll(async () => {
  // Other tests, which run beside these, are not to find what is put here.
  process.env.VIEWAL_CACHE = await temporaryFolder();
  recording = await smallRecording(1, 4);
  const folder = await temporaryFolder();
  folded = join(folder, 'folded.tflite');
  kept = join(folder, 'kept.safetensors');
  await writeFile(folded, tfliteFile(testNetwork(), 'float32'));
  await writeFile(kept, safetensorsFile(stateDict(testNetwork(), 'torchvision')));
});

afterEach(() => rm(weightsFolder(), { recursive: true, force: true }));

async function train(out: string, given: Partial<RunOptions> = {}, signal?: AbortSignal) {
  const monitor = listen();
  const run = await openRun(
    out,
    { ...TINY, ...given },
    { recording, monitor, ...(signal ? { signal } : {}) },
  );
  const model = await trainStage(run);
  return { run, lines: monitor.lines, network: await loadNetwork(model) };
}

const newRun = async () => join(await temporaryFolder(), 'run');

describe('a recipe', () => {
  const recipe = (given: Partial<RunOptions>, images = 10) => trainingRecipe(parseOptions(given), images);

  test('comes from its profile', () => {
    expect(recipe({})).toEqual({ ...QUICK_RECIPE, steps: 400, validateEvery: 20 });
    expect(networkConfig(parseOptions({}), 5)).toEqual({ width: 0.35, head: 'slim', classes: 5 });
    // 200 epochs of 10 images in batches of 4.
    expect(recipe({ profile: 'paper' })).toEqual({ ...PAPER_RECIPE, steps: 500 });
    expect(networkConfig(parseOptions({ profile: 'paper' }), 5)).toEqual({
      width: 1,
      head: 'full',
      classes: 5,
    });
  });

  test('every option takes the place of what the profile has', () => {
    const given = { steps: 100, batch: 8, crop: '64x48', learningRate: 0.02, decayEpoch: 7 };
    const more = { momentum: 0.5, weightDecay: 0, classWeights: 'balanced', seed: 9 } as const;
    expect(recipe({ ...given, ...more, augment: 'flip,noise', profile: 'paper', patience: 'none' })).toEqual({
      ...PAPER_RECIPE,
      steps: 100,
      batch: 8,
      crop: { width: 64, height: 48 },
      learningRate: 0.02,
      decay: 7,
      ...more,
      augment: ['flip', 'noise'],
      patience: null,
      validateEvery: 5,
    });
    expect(recipe({ epochs: 3, augment: 'none' })).toMatchObject({
      steps: 8,
      augment: [],
      validateEvery: 'epoch',
    });
    // Who waits to converge looks after every epoch.
    expect(recipe({ steps: 100, patience: 5 })).toMatchObject({ patience: 5, validateEvery: 'epoch' });
  });
});

describe('training', () => {
  test('keeps the best network on the validation frames, and says in tables how it came', async () => {
    const { run } = await train(await newRun(), { validation: '1' });
    const history = (await readParquet(run.folder.runFile(HISTORY.name), HISTORY))!;
    const validations = (await readParquet(run.folder.runFile(VALIDATION.name), VALIDATION))!;
    // Three frames in batches of two.
    expect(history.map(({ step, epoch }) => [step, epoch])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
    ]);
    expect(validations.map(({ step, epoch }) => [step, epoch])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 2],
    ]);
    const model = await readFile(join(run.folder.modelFolder, 'model.safetensors'), 'latin1');
    const best = validations.filter((row) => row.best).at(-1)!;
    expect(model).toContain(`"step":"${best.step}"`);
  });

  test.each(['kept', 'folded'] as const)('starts from a backbone whose batch norm is %s', async (norm) => {
    const init = norm === 'kept' ? kept : folded;
    const steps = { steps: 1, learningRate: 1e-12, weightDecay: 0 };
    const { network, lines } = await train(await newRun(), { ...steps, init });
    expect(lines.join()).toContain(`training starts from ${norm}.`);
    const { backbone } = await importBackbone(init);
    const name = 'backbone/b3/expand/weights';
    const weights = network.tensors.get(name)!.data;
    for (const [i, w] of backbone.tensors.get(name)!.data.entries()) expect(weights[i]).toBeCloseTo(w, 5);
    // Measured on the images: no longer the folded one's 1.
    const scale = network.tensors.get('backbone/b3/expand/scale')!.data;
    if (norm === 'folded') expect(scale.every((s) => s === 1)).toBe(false);
    else expect([...scale]).toEqual([...backbone.tensors.get('backbone/b3/expand/scale')!.data]);
  });

  test('a backbone in the cache is taken, and the network stays when the cache goes', async () => {
    await saveBackbone((await importBackbone(kept)).backbone);
    const out = await newRun();
    const first = await train(out);
    expect(first.lines.join()).toContain('training starts from kept.safetensors');
    await rm(weightsFolder(), { recursive: true });
    const again = await train(out);
    expect(again.network).toEqual(first.network);
    expect(again.lines.join()).not.toContain('training starts');
    const random = await train(out, { init: 'random' });
    expect(random.lines.join()).toContain('training starts from random weights');
    expect(random.network).not.toEqual(first.network);
  });

  test('a backbone of another width is refused', async () => {
    await expect(train(await newRun(), { init: folded, width: 1 })).rejects.toThrow(
      'is MobileNetV2 of width 0.35; expected width 1, or --width 0.35',
    );
  });

  test('interrupted, it saves; the same call ends as if it had run through', async () => {
    const whole = await newRun();
    await train(whole, { validation: '1', init: folded });
    const out = await newRun();
    const interrupt = new AbortController();
    interrupt.abort();
    await expect(train(out, { validation: '1', init: folded }, interrupt.signal)).rejects.toThrow(
      InterruptedError,
    );
    expect(existsSync(join(out, 'model', 'training.safetensors'))).toBe(true);
    const { lines } = await train(out, { validation: '1', init: folded });
    expect(lines.join()).toContain('going on with training after step 1');
    const results = ['model', 'history', 'validation'];
    expect(await digestsOf(out, results)).toEqual(await digestsOf(whole, results));
  });

  test('classes that are called otherwise make another network', async () => {
    const own = await smallRecording(1, 4);
    const out = await newRun();
    const run = () => openRun(out, TINY, { recording: own });
    await trainStage(await run());
    const manifest = join(own, 'recording.json');
    const settings = JSON.parse(await readFile(manifest, 'utf8')) as { classes: string[] };
    settings.classes.reverse();
    await writeFile(manifest, JSON.stringify(settings));
    const model = await trainStage(await run());
    expect((await loadNetwork(model)).classNames).toEqual(settings.classes);
  });

  test('what cannot converge is refused where it was asked for, and said where it follows', async () => {
    await expect(train(await newRun(), { patience: 3 })).rejects.toThrow(
      'Option patience: expected frames to validate on, for instance --validation 10%.',
    );
    const { lines } = await train(await newRun(), { profile: 'paper', width: 0.35, head: 'slim' });
    expect(lines.join()).toContain('no frame is held out to validate on: training takes all of 4 steps');
  });

  test('steps and epochs take each other’s place from one call to the next', async () => {
    const out = await newRun();
    const open = (given: Partial<RunOptions>) => openRun(out, given, { recording, resume: true });
    await open({ epochs: 50 });
    const run = await open({ steps: 10 });
    expect([run.options.steps, run.options.epochs]).toEqual([10, null]);
    const later = await open({ epochs: 3 });
    expect([later.options.steps, later.options.epochs]).toEqual([null, 3]);
    await expect(open({ steps: 1, epochs: 1 })).rejects.toThrow('Expected either steps or epochs, got both.');
  });

  test('a stage goes on with the options of the run, and says so; a profile is a whole recipe', async () => {
    const out = await newRun();
    await openRun(out, { steps: 7, learningRate: 0.2, seed: 5 }, { recording });
    const monitor = listen();
    const kept = await openRun(out, {}, { resume: true, monitor });
    expect(kept.options).toMatchObject({ steps: 7, learningRate: 0.2, seed: 5 });
    expect(monitor.lines).toEqual(['as before: steps 7, learning-rate 0.2, seed 5']);
    const paper = await openRun(out, { profile: 'paper' }, { resume: true, monitor });
    expect(paper.options).toMatchObject({ steps: null, learningRate: null, seed: 5 });
    expect(monitor.lines.join()).toContain('learning-rate 0.2 → default');
  });

  test('an option that is refused is not kept', async () => {
    const out = await newRun();
    await openRun(out, {}, { recording });
    for (const given of [{ init: 'nowhere.h5' }, { model: recording }])
      await expect(openRun(out, given, { resume: true })).rejects.toThrow(UserError);
    expect((await openRun(out, {}, { resume: true })).options).toMatchObject({ init: 'auto', model: null });
  });

  test('files of its own that are broken are made again', async () => {
    const out = await newRun();
    const first = await train(out);
    const model = join(out, 'model', 'model.safetensors');
    await truncate(model, 5000);
    const again = await train(out);
    expect(again.lines.join()).toContain('training begins anew');
    expect(again.network).toEqual(first.network);
    await rm(model);
    await writeFile(join(out, 'model', 'training.safetensors'), 'no such thing');
    const third = await train(out);
    expect(third.lines.join()).toContain('what was saved cannot be read');
    expect(third.network).toEqual(first.network);
  });

  test('two processes do not work in one run folder', async () => {
    const out = await newRun();
    await openRun(out, {}, { recording });
    const lock = join(out, 'lock.json');
    // This test's parent is a process that runs.
    await writeFile(lock, JSON.stringify({ pid: process.ppid, host: hostname() }));
    await expect(openRun(out, {}, { recording })).rejects.toThrow(
      `Another viewal (process ${process.ppid}) is working in ${out}`,
    );
    for (const stale of [JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }), '{"pid":']) {
      await writeFile(lock, stale);
      await openRun(out, {}, { recording });
    }
  });
});
