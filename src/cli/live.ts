import { join, parse } from 'node:path';
import { type Command, Option } from 'commander';
import { defer, fromEvent, of, Subject } from 'rxjs';
import { UserError } from '../errors.js';
import { KEYFRAME_DEFAULTS } from '../live/keyframe-options.js';
import type { LiveEvent, LiveWindow } from '../live/live-event.js';
import type { LiveSource, SourceCounts } from '../live/live-source.js';
import type { LiveStatus } from '../live/live-status.js';
import { type LimitName, parseLimit, type ServerLimits } from '../server/options.js';
import type { FrameEntry } from '../sources/recording.js';
import type { Monitor } from '../stages/monitor.js';
import { addRunOptions, givenRunOptions, number } from './options.js';

type Limits = Partial<Record<LimitName, number>>;

interface LiveValues {
  out: string;
  listen?: string;
  limit: Limits;
  token?: string;
  watch?: string;
  play?: string;
  mcap?: string;
  rate: string;
  window: string;
  horizon: string;
  move: number;
  turn: number;
  sharpness: number;
}

// As in main.ts: loaded by this command alone.
const load = async () => ({
  ...(await import('../../pipelines/live.js')),
  ...(await import('../live/folder-source.js')),
  ...(await import('../live/keyframes.js')),
  ...(await import('../live/live-recording.js')),
  ...(await import('../live/live-status.js')),
  ...(await import('../live/mcap-source.js')),
  ...(await import('../live/network-source.js')),
  ...(await import('../live/playback-source.js')),
  ...(await import('../live/window-options.js')),
  ...(await import('../model/inference/model-folder.js')),
  ...(await import('../server/desk/desk.js')),
  ...(await import('../server/options.js')),
  ...(await import('../server/server.js')),
  ...(await import('../sources/open.js')),
  ...(await import('../sources/ros/topics.js')),
  ...(await import('../stages/live/labels.js')),
  ...(await import('../stages/live/networks.js')),
  ...(await import('../stages/live/pictures.js')),
  ...(await import('../stages/live/run.js')),
  ...(await import('../stages/live/tables.js')),
  ...(await import('./summary.js')),
});

/** `viewal live`: frames as they come, and at the end of each window what to label next. */
export function live(command: Command, monitor: Monitor, signal: AbortSignal): void {
  command
    .description('frames as they come, and at the end of each window the superpixels to label next')
    .requiredOption('--out <run>', 'run folder; the same call goes on where it stopped')
    .addOption(
      new Option(
        '--listen <address>',
        'a page to look at and label on, and frames that devices send, at an address such as 127.0.0.1:8700 (docs/live.md)',
      ),
    )
    .addOption(
      new Option(
        '--token <secret>',
        'what devices and people must show; needed where others than this machine may reach the address',
      ).env('VIEWAL_TOKEN'),
    )
    .addOption(
      new Option(
        '--limit <name=value>',
        'at most so much of message, pixels, clients, credit, waiting, scenes or disk; may be repeated (docs/live.md)',
      )
        .argParser((text: string, before: Limits = {}) => {
          const [name, value] = parseLimit(text);
          return { ...before, [name]: value };
        })
        .default({}, 'see docs/live.md'),
    )
    .addOption(
      new Option('--watch <folder>', 'frames of a recording that is being written').conflicts([
        'play',
        'mcap',
      ]),
    )
    .addOption(
      new Option('--play <recording>', 'frames of a recording, as if they came now').conflicts('mcap'),
    )
    .option(
      '--mcap <file>',
      'frames of an MCAP file of ROS 2 that is being written; - for the standard input',
    )
    .option('--rate <rate>', 'of playing: 1x, 2x, 0.5x, or max', '1x')
    .option(
      '--window <length>',
      'when windows end: 30s, 5min, 100frames, or scene: when one goes quiet',
      '30s',
    )
    .option(
      '--horizon <length>',
      'how long a superpixel may be asked for after its frame came: none, 10min or 500frames',
      'none',
    )
    .option(
      '--move <metres>',
      'a frame is still, and left out, within this …',
      number,
      KEYFRAME_DEFAULTS.move,
    )
    .option('--turn <degrees>', '… and within this of an earlier one', number, KEYFRAME_DEFAULTS.turn)
    .option(
      '--sharpness <share>',
      'a frame below this is blurred, and left out; 0 = none is',
      number,
      KEYFRAME_DEFAULTS.sharpness,
    );
  addRunOptions(command, [
    ...(['model', 'budget', 'draws', 'voxel', 'superpixelCount'] as const),
    ...(['format', 'topics', 'size', 'seed', 'backend', 'workers'] as const),
  ])
    .addHelpText(
      'after',
      `
Examples:
  $ viewal live --listen 127.0.0.1:8700 --model runs/first/model --out runs/live --window 30s --budget 10superpixels
  $ viewal live --watch my-recording --model runs/first/model --out runs/live --window 30s --budget 10superpixels
  $ viewal live --play my-recording --rate max --model runs/first/model --out runs/live --window 100frames
  $ ssh robot cat bag.mcap | viewal live --mcap - --model runs/first/model --out runs/live --budget 10superpixels
`,
    )
    .action(async (values: LiveValues) => {
      const loaded = await load();
      const window = loaded.parseWindow(values.window);
      const horizon = loaded.parseHorizon(values.horizon);
      const given = givenRunOptions(values as unknown as Record<string, unknown>);
      const address = values.listen === undefined ? undefined : loaded.parseAddress(values.listen);
      const status = new loaded.LiveStatus();
      const { path, open } = await sourceOf(loaded, values, given, status, monitor);
      const { run, source } = await loaded.openLiveRun(values.out, given, path, open, monitor);
      status.windows = await loaded.windowTable(run).last();
      const networks = await loaded.LiveNetworks.open(run);
      const scenes = loaded.liveScenes(run);
      const labels = await loaded.LiveLabels.open(
        run,
        (await loaded.readClassNames(run.options.model!)) ?? [],
      );
      const events = new Subject<LiveEvent>();
      const asked = new Subject<(window: LiveWindow) => void>();
      const ingest = source instanceof loaded.NetworkSource ? source : undefined;
      const server =
        address &&
        (await loaded.createServer(ingest, {
          ...{ address, token: values.token, log: true, limits: serverLimits(values.limit) },
        }));
      let url: string | undefined;
      if (server !== undefined) {
        const pictures = new loaded.LivePictures(run, scenes);
        loaded.addDesk(server, {
          ...{ run, source, scenes, status, events, asked, labels, networks, pictures },
          window: values.window,
        });
        url = await server.listen();
        monitor.note(`${url} shows what comes and takes labels`);
        if (ingest !== undefined)
          monitor.note(`frames are taken at ${url.replace(/^http/, 'ws')}/ingest and ${url}/frames`);
      }
      // Frames in hand are finished, and the last window is picked.
      signal.addEventListener('abort', () => {
        monitor.note('no more frames are taken; picking from those that came');
        void source.close();
      });
      /** People go on labelling what was picked when a recording is over. */
      const until = defer(() => {
        if (url === undefined || signal.aborted) return of('now');
        monitor.note(`no more frames come; ${url} is there until Ctrl-C`);
        return fromEvent(signal, 'abort');
      });
      const input = {
        ...{ source: status.follow(source), scenes, labels: labels.taken },
        ...{ network: networks.first, networks: networks.changes, asked, until },
      };
      const show = (event: LiveEvent) => {
        if (event.type === 'frame') status.arrived(event);
        else {
          status.windows = event.window;
          console.log(`Window ${event.window}, ${said(source.counts)}:\n${loaded.pickTable(event.rows)}`);
        }
        events.next(event);
      };
      try {
        await loaded.live(run, input, { window, ...(horizon ? { horizon } : {}) }).forEach(show);
      } finally {
        await server?.app.close();
        await networks.close();
      }
      console.log(`${said(source.counts)}. Windows are in ${run.folder.path}/windows.`);
    });
}

type Source = LiveSource & { readonly counts: SourceCounts };

/** Where frames come from, by the options. */
async function sourceOf(
  loaded: Awaited<ReturnType<typeof load>>,
  { listen, limit, watch, play, mcap, rate, out, move, turn, sharpness }: LiveValues,
  { format = 'auto', topics = null, model }: ReturnType<typeof givenRunOptions>,
  status: LiveStatus,
  monitor: Monitor,
): Promise<{ readonly path: string; readonly open: () => Promise<Source> }> {
  const gate = new loaded.KeyframeGate({ move, turn, sharpness });
  const earlier = await loaded.arrivedBefore(out);
  if (watch !== undefined)
    return { path: watch, open: () => loaded.FolderSource.open(watch, { format, gate, earlier }) };
  if (play !== undefined) {
    const options = { rate: loaded.parseRate(rate), gate, earlier };
    return {
      path: play,
      open: async () =>
        new loaded.PlaybackSource(await loaded.openRecording(play, { format, topics }), options),
    };
  }
  const path = join(out, 'recording');
  const openStored = async () => {
    const classes = model == null ? undefined : await loaded.readClassNames(model);
    return loaded.LiveRecording.open(path, {
      ...(classes ? { classes } : {}),
      ...(limit.scenes ? { scenes: limit.scenes } : {}),
      ...(limit.disk ? { bytes: limit.disk } : {}),
      onStored: (frame) => gate.keep(frame),
    });
  };
  const stored = {
    gate,
    ...(limit.waiting ? { waiting: limit.waiting } : {}),
    onKept: (frame: FrameEntry) => status.came(frame),
    onError: (error: unknown) => monitor.warn((error as Error).message),
  };
  if (mcap !== undefined) {
    const [input, scene] = mcap === '-' ? [process.stdin, 'stdin'] : [mcap, parse(mcap).name];
    const options = {
      ...{ name: mcap === '-' ? 'The standard input' : mcap, scene, ...stored },
      ...(topics === null ? {} : { topics: loaded.parseTopics(topics) }),
    };
    return { path, open: async () => loaded.McapSource.open(input, await openStored(), options) };
  }
  if (listen === undefined)
    throw new UserError(
      'Where do frames come from? Expected --listen <address>, --watch <folder>, --play <recording> or --mcap <file>.',
    );
  return {
    path,
    open: async () => new loaded.NetworkSource(await openStored(), stored),
  };
}

function serverLimits({ message, pixels, clients, credit }: Limits): Partial<ServerLimits> {
  return {
    ...(message ? { messageBytes: message } : {}),
    ...(pixels ? { pixels } : {}),
    ...(clients ? { clients } : {}),
    ...(credit ? { credit } : {}),
  };
}

function said({ received, kept, skipped, refused }: SourceCounts): string {
  const left = [
    ...(skipped.still > 0 ? [`${skipped.still} still`] : []),
    ...(skipped.blurred > 0 ? [`${skipped.blurred} blurred`] : []),
    ...(refused > 0 ? [`${refused} bad`] : []),
  ];
  return `${kept} of ${received} frames${left.length > 0 ? ` (${left.join(', ')})` : ''}`;
}
