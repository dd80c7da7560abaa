import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { NetworkSource } from '../live/network-source.js';

/** What `/metrics` tells. Other parts of the server add their own to `registry`. */
export class Metrics {
  readonly registry = new Registry();
  readonly clients = this.#gauge('viewal_clients', 'WebSocket connections that send frames');
  readonly receivedBytes = new Counter({
    name: 'viewal_received_bytes_total',
    help: 'Bytes of messages received',
    registers: [this.registry],
  });
  readonly ingestSeconds = new Histogram({
    name: 'viewal_ingest_seconds',
    help: 'Seconds from a whole message to the answer to one of its frames, by answer',
    labelNames: ['status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  /** @param source undefined = the server takes no frames */
  constructor(source: NetworkSource | undefined) {
    collectDefaultMetrics({ register: this.registry });
    if (source === undefined) return;
    const { recording } = source;
    this.#counter('received', 'Frames received, good and bad', () => source.counts.received);
    this.#counter('kept', 'Frames stored', () => source.counts.kept);
    this.#counter('repeated', 'Frames that had come before', () => source.counts.repeated);
    this.#counter('refused', 'Frames and messages that were no good', () => source.counts.refused);
    new Counter({
      name: 'viewal_frames_skipped_total',
      help: 'Frames that bring nothing, by reason',
      labelNames: ['reason'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [reason, frames] of Object.entries(source.counts.skipped)) this.inc({ reason }, frames);
      },
    });
    this.#gauge(
      'viewal_frames_waiting',
      'Frames stored and in hand that are not taken yet',
      () => source.waiting,
    );
    this.#gauge('viewal_recording_frames', 'Frames on disk', () => recording.frames.length);
    this.#gauge('viewal_recording_scenes', 'Scenes on disk', () => recording.scenes);
    this.#gauge('viewal_recording_bytes', 'Bytes of the frames on disk', () => recording.bytes);
  }

  #gauge(name: string, help: string, value?: () => number): Gauge {
    const registers = [this.registry];
    if (value === undefined) return new Gauge({ name, help, registers });
    return new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }

  #counter(name: string, help: string, value: () => number): void {
    new Counter({
      name: `viewal_frames_${name}_total`,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  }
}
