import { basename, dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { NetworkSource } from '../../live/network-source.js';
import type { LiveDesk } from './desk.js';
import type { LiveState } from './messages.js';

export function stateOf({ run, source, scenes, status, labels, networks, window }: LiveDesk): LiveState {
  const waiting = source instanceof NetworkSource ? source.waiting : null;
  return {
    recording: nameOf(run, source.recording.path),
    model: networkName(networks.folder),
    model_key: networks.key,
    window,
    budget: run.options.budget,
    frames: { ...source.counts, waiting, scored: status.scored },
    rate: status.rate,
    latency: status.latency,
    windows: status.windows,
    labels: labels.count,
    scenes: scenes.summaries().map(({ isAwake, newest = null, ...scene }) => ({
      ...{ ...scene, newest, is_awake: isAwake },
    })),
  };
}

/** Of frames that come by the network, the run's: they are stored in its folder, under a name that all runs give them. */
function nameOf({ folder }: LiveDesk['run'], recording: string): string {
  return basename(dirname(recording) === folder.path ? folder.path : recording);
}

/** A run has its network in `model`. */
function networkName(folder: string): string {
  return basename(folder) === 'model' ? basename(dirname(folder)) : basename(folder);
}

/** `GET /state`, `GET /classes`. */
export function state(app: FastifyInstance, desk: LiveDesk): void {
  app.get('/state', async () => stateOf(desk));
  app.get('/classes', async () => desk.labels.classes);
}
