import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import { GpuError } from '../../src/gpu/errors.js';
import { startBackend, type ThreadBackend } from '../../src/model/backend.js';
import { loadNetwork, MODEL_FILE, saveNetwork } from '../../src/model/checkpoint.js';
import { createSegmenter } from '../../src/model/inference/create-segmenter.js';
import { InferenceNetwork } from '../../src/model/inference/inference.js';
import { McDropout } from '../../src/model/inference/mc-dropout.js';
import { type Model, readClassNames } from '../../src/model/inference/model-folder.js';
import { segmenterKey } from '../../src/model/inference/segmenter-key.js';
import { SegmenterPool } from '../../src/model/inference/segmenter-pool.js';
import { workerUrl } from '../../src/worker-url.js';
import { colourFrame, trainedLookingNetwork } from './support.js';

const network = trainedLookingNetwork(3);
const model: Model = { kind: 'deeplab', network };
const options = { draws: 2, seed: 5 };
/** Where native TensorFlow is installed, `auto` would take that. */
const onWasm = { backend: 'wasm' } as const;

const frame = (id: string, width = 48, height = 32) => colourFrame(id, { width, height });

/** Replaces the inference worker by a few lines of JavaScript. */
function poolOf(script: string, workers = 1, backend: ThreadBackend = 'wasm'): SegmenterPool {
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const size = { width: 48, height: 32 };
  return new SegmenterPool({ backend, model, options, size }, workers, url);
}
const READY = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ kind: 'ready', classes: 3 });`;

describe('worker url', () => {
  test('points from sources into the build, and beside a built module', () => {
    const source = new URL('../../src/model/inference/segmenter-pool.ts', import.meta.url).href;
    expect(workerUrl(source, './inference-worker.js').href).toBe(
      new URL('../../dist/src/model/inference/inference-worker.js', import.meta.url).href,
    );
    expect(workerUrl('file:///x/dist/src/model/a.js', './b.js').href).toBe('file:///x/dist/src/model/b.js');
  });
});

const built = fileURLToPath(
  workerUrl(new URL('../../src/model/inference/x.ts', import.meta.url).href, './inference-worker.js'),
);

describe.skipIf(!existsSync(built))('segmenter (needs `npm run build` first)', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'viewal-segmenter-'));
    await saveNetwork(folder, network, 1);
    await startBackend('wasm');
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('gives what MC dropout gives in this thread, whichever worker works', async () => {
    const segmenter = await createSegmenter({ model: folder, ...options, ...onWasm, workers: 2 });
    const frames = Array.from({ length: 6 }, (_, i) => frame(`${i}`, 48, 32 + i));
    const before = frames.map(({ colour }) => colour.slice());
    const maps = await Promise.all(frames.map((f) => segmenter.predict(f)));
    await segmenter.close();
    expect(frames.map(({ colour }) => colour)).toEqual(before);
    const mcDropout = new McDropout(network, options);
    expect(maps).toEqual(frames.map((f) => mcDropout.predict(f)));
    mcDropout.dispose();
    expect(segmenter.classes).toBe(3);
    expect(segmenter.concurrency).toBe(2);
    expect(segmenter.key).toBe(segmenterKey(model, options, 'wasm'));
  });

  test.each([1, 2])(
    'gives maps without dropout and features alike, mixed, with %i workers',
    async (workers) => {
      const segmenter = await createSegmenter({ model: folder, draws: 0, seed: 5, ...onWasm, workers });
      const frames = Array.from({ length: 6 }, (_, i) => frame(`${i}`, 48, 32 + i));
      const asked = frames.map((f) => [segmenter.describe(f), segmenter.predict(f)] as const);
      const features = await Promise.all(asked.map(([described]) => described));
      const maps = await Promise.all(asked.map(([, predicted]) => predicted));
      await segmenter.close();
      const mcDropout = new McDropout(network, { draws: 0, seed: 5 });
      expect(maps).toEqual(frames.map((f) => mcDropout.predict(f)));
      mcDropout.dispose();
      const inference = new InferenceNetwork(network);
      expect(features).toEqual(frames.map((f) => inference.describe(f)));
      inference.dispose();
      expect(features[0]).toHaveLength(64);
      expect(features[0]).not.toEqual(features[1]);
    },
  );

  test('a frame that fails is rejected by name; the next one works', async () => {
    const segmenter = await createSegmenter({ model: folder, ...options, ...onWasm, workers: 1 });
    const broken = segmenter.predict({ ...frame('1'), colour: new Uint8Array(5) });
    const whole = segmenter.predict(frame('2'));
    await expect(broken).rejects.toThrow('a/1: expected 48×32×3 bytes of colour, got 5');
    expect((await whole).width).toBe(48);
    await segmenter.close();
  });

  test('once closed, what was asked for and what is asked for are rejected', async () => {
    const segmenter = await createSegmenter({ model: folder, ...options, ...onWasm, workers: 1 });
    const pending = [segmenter.predict(frame('1')), segmenter.predict(frame('2'))];
    const outcomes = Promise.allSettled(pending);
    await segmenter.close();
    for (const outcome of await outcomes) expect(outcome.status).toBe('rejected');
    await expect(segmenter.predict(frame('3'))).rejects.toThrow('the segmenter is closed');
  });

  test('a folder without network, or options out of range, are refused', async () => {
    await expect(createSegmenter({ model: join(folder, 'no'), seed: 1 })).rejects.toThrow(
      'holds no network: expected a folder with model.safetensors',
    );
    await expect(createSegmenter({ model: folder, seed: 1, draws: -1 })).rejects.toThrow(
      'Expected a whole number of dropout draws, at least 0, got -1.',
    );
    await expect(createSegmenter({ model: folder, seed: 1, workers: 1.5 })).rejects.toThrow(
      'Expected a whole number of workers, at least 1, got 1.5.',
    );
  });
});

test('a network found unusable on the way stops every frame with a sentence for the user', async () => {
  const pool = poolOf(
    `${READY} parentPort.on('message', () => parentPort.postMessage({ kind: 'refusal', message: 'No good.' }));`,
  );
  await pool.ready();
  const outcomes = await Promise.allSettled([pool.predict(frame('1')), pool.predict(frame('2'))]);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: new UserError('No good.') });
    expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(UserError);
  }
  await expect(pool.predict(frame('3'))).rejects.toThrow(UserError);
  await pool.close();
});

test('class names of a checkpoint are read without its weights', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'viewal-names-'));
  await saveNetwork(folder, network, 1);
  const file = join(folder, MODEL_FILE);
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, bytes.length - 1));
  await expect(loadNetwork(folder)).rejects.toThrow('it ends within tensor');
  expect(await readClassNames(folder)).toEqual(network.classNames);
  await writeFile(file, bytes.subarray(0, 100));
  await expect(readClassNames(folder)).rejects.toThrow('its header runs past its end');
  await rm(folder, { recursive: true });
});

test('a bad frame is rejected as one; the next one works', async () => {
  const pool = poolOf(
    `${READY} parentPort.on('message', ({ frame: { id } }) => parentPort.postMessage(id === '1'
      ? { kind: 'bad frame', file: 'model.json', reason: 'its scores are not finite' }
      : { kind: 'answer', data: new Uint16Array(3) }));`,
  );
  await pool.ready();
  const bad = pool.predict(frame('1'));
  const next = pool.predict(frame('2'));
  await expect(bad).rejects.toThrow(BadFrameError);
  await expect(bad).rejects.toMatchObject({ file: 'model.json', reason: 'its scores are not finite' });
  expect((await next).data).toHaveLength(3);
  await pool.close();
});

test('answers of both kinds reach who asked, each frame asked for once, in turn', async () => {
  // A worker that answers with what it was asked, spelt in numbers.
  const pool = poolOf(
    `${READY} parentPort.on('message', ({ kind, frame: { id } }) => parentPort.postMessage({ kind: 'answer',
      data: kind === 'map' ? Uint16Array.of(Number(id)) : Float32Array.of(Number(id) + 0.5) }));`,
    2,
  );
  await pool.ready();
  const ids = Array.from({ length: 20 }, (_, i) => i);
  const answers = await Promise.all(
    ids.map((id) => (id % 3 === 0 ? pool.predict(frame(`${id}`)) : pool.describe(frame(`${id}`)))),
  );
  expect(answers).toEqual(
    ids.map((id) =>
      id % 3 === 0
        ? { width: 48, height: 32, classes: 3, data: Uint16Array.of(id) }
        : Float32Array.of(id + 0.5),
    ),
  );
  await pool.close();
  await expect(pool.describe(frame('1'))).rejects.toThrow('the segmenter is closed');
});

describe('a worker that dies', () => {
  test('rejects the frame it had, those that wait, and those that come later', async () => {
    const pool = poolOf(`${READY} parentPort.on('message', () => { throw new Error('out of luck'); });`);
    await pool.ready();
    const outcomes = await Promise.allSettled([pool.predict(frame('1')), pool.predict(frame('2'))]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: new Error('a segmentation worker stopped: out of luck'),
      });
    }
    await expect(pool.predict(frame('3'))).rejects.toThrow('out of luck');
    await pool.close();
  });

  test('by ending itself is an error too', async () => {
    const pool = poolOf(`${READY} parentPort.on('message', () => process.exit(3));`, 2);
    await pool.ready();
    const outcomes = await Promise.allSettled([1, 2, 3].map((i) => pool.predict(frame(`${i}`))));
    for (const outcome of outcomes) expect(outcome.status).toBe('rejected');
    await pool.close();
  });

  test('where it computes on a GPU, is a failure of the GPU, in one sentence', async () => {
    const pool = poolOf(
      `${READY} parentPort.on('message', ({ frame: { id } }) => {
        if (id === '2') throw new Error('CUDA_ERROR_ILLEGAL_ADDRESS');
        parentPort.postMessage({ kind: 'failure', message: 'OOM when allocating tensor with shape[20,240,320,13]\\n more' });
      });`,
      1,
      'tensorflow-gpu',
    );
    await pool.ready();
    const full = pool.predict(frame('1'));
    await expect(full).rejects.toBeInstanceOf(GpuError);
    await expect(full).rejects.toMatchObject({
      kind: 'memory',
      message: 'TensorFlow failed on the GPU: a/1: OOM when allocating tensor with shape[20,240,320,13].',
    });
    await expect(pool.predict(frame('2'))).rejects.toMatchObject({
      kind: 'lost',
      message: 'TensorFlow failed on the GPU: a segmentation worker stopped: CUDA_ERROR_ILLEGAL_ADDRESS.',
    });
    await pool.close();
  });

  test('before it was ready fails the start', async () => {
    await expect(poolOf(`throw new Error('no backend')`).ready()).rejects.toThrow(
      'a segmentation worker stopped: no backend',
    );
  });
});

describe('key', () => {
  test('changes with weights, draws, seed and backend, and with nothing else', () => {
    const key = segmenterKey(model, options, 'wasm');
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(
      segmenterKey(
        { kind: 'deeplab', network: { ...network, classNames: ['x', 'y', 'z'] } },
        options,
        'wasm',
      ),
    ).toBe(key);
    const others = [
      segmenterKey(model, { ...options, draws: 0 }, 'wasm'),
      segmenterKey(model, { ...options, draws: 3 }, 'wasm'),
      segmenterKey(model, { ...options, seed: 6 }, 'wasm'),
      segmenterKey(model, options, 'cpu'),
      segmenterKey(model, options, 'webgpu'),
      segmenterKey(model, options, 'tensorflow'),
      segmenterKey(model, options, 'tensorflow-gpu'),
      segmenterKey({ kind: 'deeplab', network: trainedLookingNetwork(3, 2) }, options, 'wasm'),
    ];
    expect(new Set([key, ...others]).size).toBe(9);
  });
});
