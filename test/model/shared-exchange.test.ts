import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { alone } from '../../src/model/training/exchange.js';
import { allocateShared, type SharedMemory } from '../../src/model/training/shared-exchange.js';
import { workerUrl } from '../../src/worker-url.js';

const built = workerUrl(
  new URL('../../src/model/training/x.ts', import.meta.url).href,
  './shared-exchange.js',
);

/** Runs `body` in as many threads, each with its exchange; resolves to what each posts. */
function inThreads<T>(shared: SharedMemory, body: string): Promise<T[]> {
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { SharedExchange } from '${built.href}';
    const { shared, index } = workerData;
    const exchange = new SharedExchange(shared, index);
    parentPort.postMessage((() => { ${body} })());`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  return Promise.all(
    Array.from(
      { length: shared.replicas },
      (_, index) =>
        new Promise<T>((resolve, reject) => {
          const worker = new Worker(url, { workerData: { shared, index } });
          worker.on('message', resolve);
          worker.on('error', reject);
        }),
    ),
  );
}

test('a replica alone has the whole batch', () => {
  const mine = Float32Array.of(1, 2, 3, 4);
  expect(alone(2).gather(mine)).toBe(mine);
  expect(alone(2).total(mine)).toBe(mine);
});

describe.skipIf(!existsSync(fileURLToPath(built)))('shared exchange (needs `npm run build` first)', () => {
  test('every replica sees all images in order, a thousand times over, however unevenly the threads run', async () => {
    const results = await inThreads<boolean>(
      allocateShared(4, 8, 3, 1),
      `let right = true;
       for (let round = 0; round < 1000; round++) {
         if (round % 97 === index) for (let i = 0; i < 1e6; i++); // be late now and then
         const length = 1 + (round % 3);
         const mine = Float32Array.from({ length: 2 * length }, (_, i) => 1000 * round + 2 * length * index + i);
         const all = exchange.gather(mine);
         right &&= all.length === 8 * length && all.every((value, i) => value === 1000 * round + i);
       }
       return right;`,
    );
    expect(results).toEqual([true, true, true, true]);
  });

  test('totals are summed by a balanced tree, the same bits for all', async () => {
    const results = await inThreads<Float32Array>(
      allocateShared(4, 4, 1, 3),
      `return exchange.total(Float32Array.from([[1e8, 1, 0.1], [1, 2, 0.2], [-1e8, 3, 0.3], [1, 4, 0.4]][index])).slice();`,
    );
    const f = Math.fround;
    const tree = (a: number, b: number, c: number, d: number) => f(f(f(a) + f(b)) + f(f(c) + f(d)));
    for (const sum of results)
      expect([...sum]).toEqual([tree(1e8, 1, -1e8, 1), 10, tree(0.1, 0.2, 0.3, 0.4)]);
  });

  test('totals of one round are not mixed with those of the next, however late a thread reads', async () => {
    const results = await inThreads<boolean>(
      allocateShared(4, 4, 1, 20_000),
      `let right = true;
       for (let round = 0; round < 50; round++) {
         if (round % 4 === index) for (let i = 0; i < 1e6; i++); // be late now and then
         const sum = exchange.total(new Float32Array(20000).fill(round + index));
         right &&= sum.every((value) => value === 4 * round + 6);
       }
       return right;`,
    );
    expect(results).toEqual([true, true, true, true]);
  });

  test('more values than there is room for are refused', async () => {
    const [message] = await inThreads<string>(
      allocateShared(1, 2, 3, 3),
      `try { exchange.gather(new Float32Array(7)); } catch (error) { return error.message; }`,
    );
    expect(message).toBe('more values than the exchange holds');
  });
});
