import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { LiveDesk } from './desk.js';

/** What `/metrics` tells of scoring and picking. */
export function deskMetrics(registry: Registry, { scenes, status, events, labels }: LiveDesk): void {
  const registers = [registry];
  const scored = new Counter({
    name: 'viewal_frames_scored_total',
    help: 'Frames scored, those looked at anew by another network too',
    registers,
  });
  const windows = new Counter({ name: 'viewal_windows_total', help: 'Windows with picks', registers });
  const picks = new Counter({ name: 'viewal_picks_total', help: 'Superpixels picked', registers });
  new Counter({
    name: 'viewal_labels_total',
    help: 'Superpixels labelled',
    registers,
    collect() {
      this.reset();
      this.inc(labels.count);
    },
  });
  new Gauge({
    name: 'viewal_candidates',
    help: 'Superpixels that may be picked',
    registers,
    collect() {
      this.set(scenes.summaries().reduce((sum, { candidates }) => sum + candidates, 0));
    },
  });
  const seconds = new Histogram({
    name: 'viewal_score_seconds',
    help: 'Seconds from a frame on disk to its scores',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  status.onScored = (latency) => seconds.observe(latency / 1000);
  events.subscribe((event) => {
    if (event.type === 'frame') {
      scored.inc();
      return;
    }
    windows.inc();
    picks.inc(event.rows.length);
  });
}
