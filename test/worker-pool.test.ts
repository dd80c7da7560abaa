import { afterEach, describe, expect, test } from 'vitest';
import { WorkerPool } from '../src/worker-pool.js';

/** Workers of a few lines of JavaScript; `port` is the parent's. */
function poolOf<Request, Reply>(
  script: string,
  workers: number,
  hear?: (message: Reply) => void,
): WorkerPool<Request, Reply> {
  const code = `import { parentPort as port, threadId, workerData } from 'node:worker_threads';${script}`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const pool = new WorkerPool<Request, Reply>('a test worker', url, workers, { factor: 10 }, hear);
  open.push(pool);
  return pool;
}
const open: { close(reason: Error): Promise<void> }[] = [];
const CLOSED = new Error('the pool is closed');
afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close(CLOSED);
});

const TIMES_TEN = `port.on('message', (x) => port.postMessage(x * workerData.factor)); port.postMessage('ready');`;

describe('a worker pool', () => {
  test('answers every request with its own reply, asked before or after it is ready', async () => {
    const pool = poolOf<number, number>(TIMES_TEN, 2);
    const early = [1, 2, 3, 4, 5].map((x) => pool.ask(x));
    await pool.ready;
    const late = [6, 7].map((x) => pool.ask(x));
    expect(await Promise.all([...early, ...late])).toEqual([10, 20, 30, 40, 50, 60, 70]);
  });

  test('keeps all workers busy', async () => {
    // Nobody answers before both have been asked.
    const pool = poolOf<Int32Array, number>(
      `port.on('message', (both) => {
        Atomics.add(both, 0, 1);
        while (Atomics.load(both, 0) < 2);
        port.postMessage(threadId);
      }); port.postMessage('ready');`,
      2,
    );
    const both = new Int32Array(new SharedArrayBuffer(4));
    expect(new Set(await Promise.all([pool.ask(both), pool.ask(both)])).size).toBe(2);
  });

  test('moves buffers', async () => {
    const pool = poolOf<Uint8Array, number>(
      `port.on('message', (bytes) => port.postMessage(bytes.length)); port.postMessage('ready');`,
      1,
    );
    const bytes = new Uint8Array(5);
    expect(await pool.ask(bytes, [bytes.buffer])).toBe(5);
    expect(bytes.length).toBe(0);
  });

  test('goes with a worker that dies: what it was at, what waited and what comes later are told why', async () => {
    const pool = poolOf<number, number>(
      `port.on('message', () => { throw new Error('out of tea'); }); port.postMessage('ready');`,
      1,
    );
    await pool.ready;
    const asked = await Promise.allSettled([pool.ask(1), pool.ask(2)]);
    const reason = new Error('a test worker stopped: out of tea');
    expect(asked).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await expect(pool.ask(3)).rejects.toEqual(reason);
  });

  test('says so where a worker cannot start', async () => {
    const pool = poolOf<number, number>(`process.exit(3);`, 2);
    await expect(pool.ready).rejects.toThrow('a test worker stopped: it ended with code 3');
    await expect(pool.ask(1)).rejects.toThrow('code 3');
  });

  test('ends with what the caller hears in a message, the first one too', async () => {
    const heard: unknown[] = [];
    const pool = poolOf<number, number | string>(TIMES_TEN, 1, (message) => {
      heard.push(message);
      if (message === 20) throw new Error('twenty');
    });
    expect(await pool.ask(1)).toBe(10);
    await expect(pool.ask(2)).rejects.toThrow('twenty');
    expect(heard).toEqual(['ready', 10, 20]);
    const refused = poolOf<number, string>(TIMES_TEN, 2, () => {
      throw new Error('not this one');
    });
    await expect(refused.ready).rejects.toThrow('not this one');
    await expect(refused.ask(1)).rejects.toThrow('not this one');
  });

  test('once closed rejects what was asked and what is', async () => {
    const pool = poolOf<number, number>(`port.on('message', () => {}); port.postMessage('ready');`, 1);
    const asked = Promise.allSettled([pool.ask(1), pool.ask(2)]);
    await pool.close(CLOSED);
    for (const one of await asked) expect(one).toEqual({ status: 'rejected', reason: CLOSED });
    await expect(pool.ask(3)).rejects.toBe(CLOSED);
  });
});
