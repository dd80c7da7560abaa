#!/usr/bin/env node
import { getEventListeners } from 'node:events';
import { Command } from 'commander';
import { InterruptedError, UserError } from '../errors.js';
import { TRAINING_OPTIONS } from '../stages/options.js';
import { VERSION } from '../version.js';
import { dataset } from './dataset.js';
import { doctor } from './doctor.js';
import { inspect } from './inspect.js';
import { live } from './live.js';
import { consoleMonitor } from './monitor.js';
import {
  addLearningOptions,
  addRunOptions,
  givenLearningOptions,
  givenRunOptions,
  number,
} from './options.js';
import { swapModel } from './swap-model.js';
import { synth } from './synth.js';
import { weights } from './weights.js';

const program = new Command('viewal')
  .description('Tells people with RGB-D recordings which superpixels to label next.')
  .version(VERSION)
  .showHelpAfterError('Run the command with --help for its options and an example.')
  .configureHelp({ sortSubcommands: false });

const monitor = consoleMonitor();
const interrupt = new AbortController();

// Networks, readers and tables take a second to load: only commands that use them do, not --help.
const load = async () => ({
  ...(await import('../../pipelines/compare.js')),
  ...(await import('../../pipelines/learn.js')),
  ...(await import('../stages/comparison/comparison.js')),
  ...(await import('../stages/comparison/report.js')),
  ...(await import('../stages/learning/learning.js')),
  ...(await import('../../pipelines/replay.js')),
  ...(await import('../../pipelines/stages.js')),
  ...(await import('../stages/run.js')),
  ...(await import('../stages/training/posted-labels.js')),
  ...(await import('../stages/train.js')),
  ...(await import('./summary.js')),
});

addRunOptions(
  program
    .command('replay <recording>')
    .description('the whole job: train, infer, score and select, with a report')
    .requiredOption('--out <run>', 'run folder; a killed run goes on where it stopped'),
  [
    ...(['budget', 'labelled', 'model', 'probabilities', 'superpixels', 'draws'] as const),
    ...([
      'voxel',
      'views',
      'superpixelCount',
      'format',
      'topics',
      'size',
      'seed',
      'backend',
      'workers',
    ] as const),
    ...TRAINING_OPTIONS,
  ],
)
  .addHelpText('after', example('viewal replay my-recording --out runs/first --budget 100superpixels'))
  .addHelpText('after', 'To play a recording as if it came now: viewal live --play my-recording --rate 1x')
  .action(async (recording: string, values: { out: string }) => {
    const { openRun, replay, pickTable, runSummary } = await load();
    const run = await openRun(values.out, givenRunOptions(values), {
      recording,
      monitor,
      signal: interrupt.signal,
    });
    const replayed = await replay(run);
    console.log(pickTable(replayed.selections));
    const { text, used } = await runSummary(run, replayed);
    console.log(text);
    if (used === 0)
      throw new UserError('No frame could be used; the warnings above and the frames table say why.');
  });

/** Of active learning, but for seed and workers. */
const LEARN_OPTIONS = [
  ...(['budget', 'draws', 'voxel', 'superpixelCount', 'format', 'topics', 'size', 'backend'] as const),
  ...TRAINING_OPTIONS,
] as const;

const learnCommand = addRunOptions(
  program
    .command('learn <recording>')
    .description("rounds of active learning, with the recording's labels as the annotator")
    .requiredOption('--out <folder>', 'folder of the rounds; a killed run goes on where it stopped'),
  ['seed', 'workers', ...LEARN_OPTIONS],
);
addLearningOptions(learnCommand)
  .addHelpText('after', example('viewal learn my-recording --out runs/learning --rounds 6 --budget 2%'))
  .action(async (recording: string, values: { out: string }) => {
    const { learn, openLearning, roundTable } = await load();
    const learning = await openLearning(
      values.out,
      recording,
      givenRunOptions(values),
      givenLearningOptions(values),
      { monitor, signal: interrupt.signal },
    );
    console.log(roundTable(await learn(learning)));
    console.log(`Rounds are in ${learning.folder.path}.`);
  });

const compareCommand = addRunOptions(
  program
    .command('compare <recording>')
    .description('active learning with several strategies and seeds side by side, and one report')
    .requiredOption('--out <folder>', 'folder of the comparison; the same call goes on where it stopped')
    .option('--strategies <names>', 'all, or some with commas between', 'all')
    .option('--seeds <seeds>', 'how many seeds, from 1 on, or a list: 1,2,5', '3')
    .option(
      '--jobs <n>',
      'strategies and seeds run at a time; one a core where not given, one with TensorFlow',
      number,
    )
    .option('--workers <n>', 'worker threads of each of them (default: 1)', number),
  LEARN_OPTIONS,
);
addLearningOptions(compareCommand, ['strategy'])
  .addHelpText(
    'after',
    example(
      'viewal compare my-recording --out runs/comparison --strategies rand,ent,viewal --seeds 3 --rounds 4',
    ),
  )
  .action(
    async (recording: string, values: { out: string; strategies: string; seeds: string; jobs?: number }) => {
      const { compare, openComparison, comparisonSummary, comparisonPage } = await load();
      const comparison = await openComparison(
        values.out,
        recording,
        values,
        givenRunOptions(values),
        givenLearningOptions(values),
        { monitor, signal: interrupt.signal },
      );
      const compared = await compare(comparison);
      console.log(comparisonSummary(compared));
      console.log(`The report is ${comparisonPage(comparison)}.`);
      if (compared.failed.length > 0)
        throw new UserError(
          `${compared.failed.length} of the runs failed, as said above; the same call tries them again.`,
        );
    },
  );

const stage = (name: string, description: string, options: Parameters<typeof addRunOptions>[1]) =>
  addRunOptions(
    program
      .command(`${name} <run>`)
      .description(description)
      .option('--recording <folder>', 'the recording, for a run folder that is new')
      .addHelpText(
        'after',
        example(`viewal ${name} runs/first${name === 'train' ? ' --recording my-recording' : ''}`),
      ),
    options,
  );

type StageValues = { recording?: string; model?: null };

const open = async (out: string, values: StageValues) =>
  (await load()).openRun(out, givenRunOptions(values as Record<string, unknown>), {
    resume: true,
    monitor,
    signal: interrupt.signal,
    ...(values.recording === undefined ? {} : { recording: values.recording }),
  });

stage('train', 'stage 1: train the network on the labelled frames', [
  ...(['labelled', 'labels', 'format', 'topics', 'size', 'seed', 'backend', 'workers'] as const),
  ...TRAINING_OPTIONS,
]).action(async (out: string, values: StageValues) => {
  // A network that the run was given before makes way for the one to be trained.
  const run = await open(out, { ...values, model: null });
  const { trainStage, withPostedLabels } = await load();
  console.log(`The network is in ${await trainStage(await withPostedLabels(run))}.`);
});

stage('infer', 'stage 2: class probabilities of every frame, by MC dropout', [
  ...(['model', 'draws', 'seed', 'backend', 'workers', 'format', 'topics', 'size'] as const),
]).action(async (out: string, values: StageValues) => {
  const run = await open(out, values);
  await (await load()).infer(run);
  console.log(`Probability maps are in ${run.folder.path}/probabilities.`);
});

stage('score', 'stage 3: superpixels, point store, view entropy and view divergence', [
  ...([
    'superpixelCount',
    'superpixels',
    'probabilities',
    'voxel',
    'views',
    'format',
    'topics',
    'size',
  ] as const),
]).action(async (out: string, values: StageValues) => {
  const run = await open(out, values);
  await (await load()).score(run);
  console.log(`Scores are in ${run.folder.path}/scores.`);
});

stage('select', 'stage 4: the superpixels to label', ['budget', 'labelled']).action(
  async (out: string, values: StageValues) => {
    const run = await open(out, values);
    const { select, pickTable } = await load();
    const selections = await select(run);
    console.log(pickTable(selections));
    console.log(`Selections are in ${run.folder.path}/selections.`);
  },
);

stage('report', 'stage 5: report.html', []).action(async (out: string, values: StageValues) => {
  const run = await open(out, values);
  console.log(`The report is ${await (await load()).report(run)}.`);
});

live(program.command('live'), monitor, interrupt.signal);
swapModel(program.command('swap-model'));
inspect(program.command('inspect'), monitor);
dataset(program.command('dataset'), monitor);
synth(program.command('synth'), monitor);
weights(program.command('weights'), monitor);
doctor(program.command('doctor'));

function example(line: string): string {
  return `\nExample:\n  $ ${line}\n`;
}

/** Work that listens saves and ends by itself; whatever else is under way is saved frame by frame and ends here. */
function onInterrupt(signal: 'SIGINT' | 'SIGTERM'): void {
  const isSecond = interrupt.signal.aborted;
  const isHeard = !isSecond && getEventListeners(interrupt.signal, 'abort').length > 0;
  interrupt.abort(signal);
  if (isHeard) return;
  monitor.close();
  const second = 'ended at once; the same call goes on from what was saved last';
  console.error(`\n${isSecond ? second : new InterruptedError().message}`);
  process.exit(signal === 'SIGINT' ? 130 : 143);
}
process.on('SIGINT', onInterrupt);
process.on('SIGTERM', onInterrupt);

try {
  await program.parseAsync();
} catch (error) {
  monitor.close();
  if (error instanceof InterruptedError) console.error(error.message);
  else if (error instanceof UserError) console.error(`error: ${error.message}`);
  else if (process.env.VIEWAL_DEBUG) console.error(error);
  else
    console.error(
      `error: something unexpected happened: ${(error as Error).message} (VIEWAL_DEBUG=1 shows where)`,
    );
  process.exitCode =
    error instanceof InterruptedError ? (interrupt.signal.reason === 'SIGTERM' ? 143 : 130) : 1;
}
