import { getEventListeners } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { InterruptedError, UserError } from '../src/errors.js';
import type { RunEnd, RunMessage, RunThreadData } from '../src/stages/comparison/run-thread.js';
import { openLearning } from '../src/stages/learning/learning.js';
import type { Monitor } from '../src/stages/monitor.js';
import { RunFolder } from '../src/tables/run-folder.js';
import { learn } from './learn.js';

// A module with top-level effects, meant only to be a thread's entry: one run of a comparison.
const port = parentPort!;
const { out, recording, options, learning, shared, networks } = workerData as RunThreadData;
const tell = (message: RunMessage) => port.postMessage(message);

const monitor: Monitor = {
  note() {},
  warn: (line) => tell({ kind: 'warning', line }),
  begin(stage) {
    tell({ kind: 'stage', stage });
    return { advance() {}, end() {} };
  },
  close() {},
};

/** Ends the thread and those that it has started; what was told before arrives. */
function end(how: RunEnd): never {
  tell(how);
  process.exit();
}

/** Training saves and ends by itself; whatever else is under way is saved frame by frame. */
const interrupt = new AbortController();
port.on('message', () => {
  const isHeard = getEventListeners(interrupt.signal, 'abort').length > 0;
  interrupt.abort();
  if (!isHeard) end({ kind: 'interrupted' });
});

try {
  const opened = await openLearning(out, recording, options, learning, {
    monitor,
    signal: interrupt.signal,
    shared: RunFolder.inside(shared),
    networks: RunFolder.inside(networks),
  });
  await learn(opened, (row) => tell({ kind: 'round', row }));
  end({ kind: 'finished' });
} catch (error) {
  if (error instanceof InterruptedError) end({ kind: 'interrupted' });
  const reason = error instanceof Error ? error.message : String(error);
  end({
    kind: 'failed',
    reason: error instanceof UserError ? reason : `something unexpected happened: ${reason}`,
  });
}
