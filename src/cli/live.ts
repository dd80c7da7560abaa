import { type Command, Option } from 'commander';
import { tap } from 'rxjs';
import { UserError } from '../errors.js';
import type { LiveSource, SourceCounts } from '../live/live-source.js';
import type { Monitor } from '../stages/monitor.js';
import { addRunOptions, givenRunOptions, number } from './options.js';

interface LiveValues {
  out: string;
  watch?: string;
  play?: string;
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
  ...(await import('../live/playback-source.js')),
  ...(await import('../live/window-options.js')),
  ...(await import('../sources/open.js')),
  ...(await import('../stages/live-run.js')),
  ...(await import('../stages/segmentation.js')),
  ...(await import('./summary.js')),
});

/** `viewal live`: frames as they come, and at the end of each window what to label next. */
export function live(command: Command, monitor: Monitor, signal: AbortSignal): void {
  command
    .description('frames as they come, and at the end of each window the superpixels to label next')
    .requiredOption('--out <run>', 'run folder; the same call goes on where it stopped')
    .addOption(new Option('--watch <folder>', 'a recording that is being written').conflicts('play'))
    .option('--play <recording>', 'a recording, as if its frames came now')
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
    .option('--move <metres>', 'a frame is still, and left out, within this …', number, 0.05)
    .option('--turn <degrees>', '… and within this of an earlier one', number, 5)
    .option('--sharpness <share>', 'a frame below this is blurred, and left out; 0 = none is', number, 0.35);
  addRunOptions(command, [
    ...(['model', 'budget', 'draws', 'voxel', 'superpixelCount'] as const),
    ...(['format', 'size', 'seed', 'backend', 'workers'] as const),
  ])
    .addHelpText(
      'after',
      `
Examples:
  $ viewal live --watch my-recording --model runs/first/model --out runs/live --window 30s --budget 10superpixels
  $ viewal live --play my-recording --rate max --model runs/first/model --out runs/live --window 100frames
`,
    )
    .action(async (values: LiveValues) => {
      const loaded = await load();
      const window = loaded.parseWindow(values.window);
      const horizon = loaded.parseHorizon(values.horizon);
      const given = givenRunOptions(values as unknown as Record<string, unknown>);
      const source = await openSource(loaded, values, given.format);
      // Frames in hand are finished, and the last window is picked.
      signal.addEventListener('abort', () => {
        monitor.note('no more frames are taken; picking from those that came');
        void source.close();
      });
      const run = await loaded.openLiveRun(values.out, given, source, monitor);
      const network = await loaded.networkMaps(run, run.options.model!);
      try {
        const windows = loaded.live(run, { source, network }, { window, ...(horizon ? { horizon } : {}) });
        await windows
          .pipe(
            tap(({ window: number, rows }) => {
              console.log(`Window ${number}, ${said(source.counts)}:`);
              console.log(loaded.pickTable(rows));
            }),
          )
          .forEach(() => {});
      } finally {
        await network.close();
      }
      console.log(`${said(source.counts)}. Windows are in ${run.folder.path}/windows.`);
    });
}

async function openSource(
  {
    FolderSource,
    PlaybackSource,
    KeyframeGate,
    openRecording,
    parseRate,
    arrivedBefore,
  }: Awaited<ReturnType<typeof load>>,
  { watch, play, rate, out, move, turn, sharpness }: LiveValues,
  format: NonNullable<ReturnType<typeof givenRunOptions>['format']> = 'auto',
): Promise<LiveSource & { readonly counts: SourceCounts }> {
  const gate = new KeyframeGate({ move, turn, sharpness });
  const earlier = await arrivedBefore(out);
  if (watch !== undefined) return FolderSource.open(watch, { format, gate, earlier });
  if (play === undefined)
    throw new UserError('Where do frames come from? Expected --watch <folder> or --play <recording>.');
  return new PlaybackSource(await openRecording(play, { format }), { rate: parseRate(rate), gate, earlier });
}

function said({ received, kept, skipped, refused }: SourceCounts): string {
  const left = [
    ...(skipped.still > 0 ? [`${skipped.still} still`] : []),
    ...(skipped.blurred > 0 ? [`${skipped.blurred} blurred`] : []),
    ...(refused > 0 ? [`${refused} bad`] : []),
  ];
  return `${kept} of ${received} frames${left.length > 0 ? ` (${left.join(', ')})` : ''}`;
}
