import { basename, dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { NetworkSource } from '../../live/network-source.js';
import type { LiveDesk } from './desk.js';

/** Where a live run stands, as JSON. */
export interface LiveState {
  readonly recording: string;
  /** Of the network that looks at frames as they come: its run's, or its folder's where that is not of a run. */
  readonly model: string;
  /** What the scores that it makes say as their model. */
  readonly model_key: string;
  readonly window: string;
  readonly budget: string;
  readonly frames: {
    readonly received: number;
    readonly kept: number;
    readonly repeated: number;
    readonly refused: number;
    readonly skipped: { readonly still: number; readonly blurred: number };
    /** On disk, not taken yet; null where the source does not tell. */
    readonly waiting: number | null;
    readonly scored: number;
  };
  /** Frames a second over the last ten. */
  readonly rate: { readonly received: number; readonly scored: number };
  /** From disk to scene, seconds, of the last 500 frames. */
  readonly latency: { readonly p50: number; readonly p95: number } | null;
  /** Number of the last window; 0 before the first. */
  readonly windows: number;
  /** Superpixels that people labelled since the start. */
  readonly labels: number;
  readonly scenes: readonly {
    readonly scene: string;
    readonly frames: number;
    readonly candidates: number;
    readonly newest: string | null;
    readonly is_awake: boolean;
  }[];
}

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
