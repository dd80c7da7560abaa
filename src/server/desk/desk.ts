import type { Observable, Subject } from 'rxjs';
import type { LiveEvent, LiveWindow } from '../../live/live-event.js';
import type { LiveScenes } from '../../live/live-scenes.js';
import type { LiveSource, SourceCounts } from '../../live/live-source.js';
import type { LiveStatus } from '../../live/live-status.js';
import type { LiveLabels } from '../../stages/live/labels.js';
import type { LiveNetworks } from '../../stages/live/networks.js';
import type { LivePictures } from '../../stages/live/pictures.js';
import type { Run } from '../../stages/run.js';
import { page } from '../page.js';
import type { LiveServer } from '../server.js';
import { feed } from './feed.js';
import { labels } from './labels.js';
import { deskMetrics } from './metrics.js';
import { network } from './network.js';
import { scenes } from './scenes.js';
import { state } from './state.js';
import { windows } from './windows.js';

/** A live run, as people and programs see it and speak to it. */
export interface LiveDesk {
  readonly run: Run;
  readonly source: LiveSource & { readonly counts: SourceCounts };
  readonly scenes: LiveScenes;
  readonly status: LiveStatus;
  readonly events: Observable<LiveEvent>;
  /** Takes what is to be called with a window that ends now. */
  readonly asked: Subject<(window: LiveWindow) => void>;
  readonly labels: LiveLabels;
  readonly networks: LiveNetworks;
  readonly pictures: LivePictures;
  /** When windows end, as it was given. */
  readonly window: string;
}

/** Adds what docs/live.md says of a live run's state, scenes, windows, labels and networks to a server, and a page that shows it. */
export function addDesk({ app, metrics }: LiveServer, desk: LiveDesk): void {
  deskMetrics(metrics.registry, desk);
  state(app, desk);
  scenes(app, desk);
  feed(app, desk);
  windows(app, desk);
  labels(app, desk);
  network(app, desk);
  page(app);
}
