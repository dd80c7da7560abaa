import { InterruptedError, UserError } from '../errors.js';
import { frameName } from '../frame.js';
import { digest } from '../hash.js';
import { chooseTrainingBackend } from '../model/backend.js';
import type { TrainingOptions } from '../model/training/recipe.js';
import type { ImageSet } from '../model/training/samples.js';
import { initialState, type TrainingState } from '../model/training/state.js';
import { Trainer } from '../model/training/trainer.js';
import type { Backbone } from '../model/weights/backbone.js';
import { percent } from '../percent.js';
import type { FrameEntry } from '../sources/recording.js';
import type { Run } from './run.js';
import { TrainingFiles } from './training/files.js';
import { pretrainedBackbone, startingNetwork, whyRandom } from './training/initialise.js';
import { labelledImages } from './training/labelled-images.js';
import { networkConfig, trainingRecipe } from './training/plan.js';

/** Raised when the same inputs come to give another network. */
const VERSION = 2;
/** Milliseconds between two saves: what a killed process loses at most. */
const SAVE_EVERY = 10_000;

/**
 * Trains the network on the run's training frames, from scratch (paper, §3.1), and writes the model folder and the
 * history and validation tables. The network is the best on the validation frames, where there are any, else the last.
 * Does nothing where all are current; goes on where an interrupted or killed process stopped; takes the network of
 * another run that has trained on the same, where runs share theirs.
 *
 * @returns the model folder: the run's own, or the one given as an option
 * @throws UserError where there is nothing to train on
 * @throws InterruptedError when the run's signal aborts, once all is saved
 */
export async function trainStage(run: Run): Promise<string> {
  const { folder, options, recording, monitor } = run;
  if (options.model !== null) return options.model;
  const [training, validation] = [run.training, run.validation].map((names) =>
    recording.frames.filter((entry) => names.has(frameName(entry))),
  );
  requireLabels(run, training);
  const { width } = networkConfig(options, recording.classes.length);
  const backbone = await pretrainedBackbone(options, width);
  const key = trainingKey(run, backbone, training, validation);
  const files = new TrainingFiles(run, key);
  const common = run.networks && new TrainingFiles({ folder: run.networks.within(key), monitor }, key);
  if (!(await files.isDone())) {
    if (common && (await common.isDone())) {
      await files.begin();
      await files.copyFrom(common);
    } else await trainAnew(run, files, backbone, training, validation);
  }
  if (common && !(await common.isDone())) await common.copyFrom(files);
  return folder.modelFolder;
}

async function trainAnew(
  run: Run,
  files: TrainingFiles,
  backbone: Backbone | undefined,
  training: readonly FrameEntry[],
  validation: readonly FrameEntry[],
): Promise<void> {
  const { options, monitor } = run;
  const images = await labelledImages(run, training, 'trained on');
  const held = validation.length > 0 ? await labelledImages(run, validation, 'validated on') : undefined;
  const recipe = trainingRecipe(options, images.count);
  requireConvergence(run, recipe);
  const state = (await resumed(run, files, images)) ?? (await begun(run, files, images, recipe, backbone));
  monitor.note(
    `training on ${images.count} frames, ${held ? `validating on ${held.count}` : 'validating on none'}`,
  );
  await trainFrom(run, state, files, images, held);
}

function requireLabels({ recording }: Run, training: readonly FrameEntry[]): void {
  if (training.length === 0)
    throw new UserError(
      `${recording.path} has no labelled frames to train on: expected labels, or a --model, or --probabilities <folder>.`,
    );
  if (recording.classes.length < 2)
    throw new UserError(
      `Expected labels of at least 2 classes, ${recording.path} has ${recording.classes.length}.`,
    );
}

/** Digest of all that bears on the network. */
function trainingKey(
  { options, recording, trainingLabels }: Run,
  backbone: Backbone | undefined,
  training: readonly FrameEntry[],
  validation: readonly FrameEntry[],
): string {
  const labels = (frames: readonly FrameEntry[]) =>
    frames.map((entry) => [frameName(entry), entry.fingerprint, entry.labelFingerprint]);
  return digest(
    'train',
    VERSION,
    networkConfig(options, recording.classes.length),
    recording.classes,
    trainingRecipe(options, training.length),
    // What `auto` finds may come and go with the machine's cache: a network made with it stays.
    options.init === 'auto' ? 'auto' : (backbone?.sha256 ?? 'random'),
    // A GPU may come and go: what `auto` had trained on one stays, and it may go on with it on wasm.
    options.backend === 'auto' ? 'wasm' : options.backend,
    options.size,
    trainingLabels?.key ?? labels(training),
    labels(validation),
  );
}

/** @throws UserError if training is to converge on validation frames and there are none */
function requireConvergence({ options, validation, monitor }: Run, recipe: TrainingOptions): void {
  if (recipe.patience === null || validation.size > 0) return;
  if (options.patience !== null)
    throw new UserError('Option patience: expected frames to validate on, for instance --validation 10%.');
  monitor.note(
    `no frame is held out to validate on: training takes all of ${recipe.steps} steps and keeps the last network`,
  );
}

/** The state that an earlier process saved, if it is of this training and these images. */
async function resumed(
  { monitor }: Run,
  files: TrainingFiles,
  images: ImageSet,
): Promise<TrainingState | undefined> {
  const state = await files.resume();
  if (state === undefined) return undefined;
  if (state.images !== images.count) {
    const change = `it had begun on ${state.images} images, ${images.count} can be read now`;
    monitor.warn(`training begins anew: ${change}`);
    return undefined;
  }
  monitor.note(`going on with training after step ${state.step}`);
  return state;
}

async function begun(
  { options, recording, monitor }: Run,
  files: TrainingFiles,
  images: ImageSet,
  recipe: TrainingOptions,
  backbone: Backbone | undefined,
): Promise<TrainingState> {
  await files.begin();
  const config = networkConfig(options, recording.classes.length);
  monitor.note(`training starts from ${backbone?.source ?? (await whyRandom(options, config.width))}`);
  const { classes } = recording;
  const network = await startingNetwork(config, classes, backbone, images, recipe, options.backend);
  return initialState(network, recipe, images.count);
}

/** Trains to the end, saving now and then, and writes the network. */
async function trainFrom(
  { options, monitor, signal }: Run,
  state: TrainingState,
  files: TrainingFiles,
  images: ImageSet,
  held: ImageSet | undefined,
): Promise<void> {
  const { steps } = state.options;
  const { backend } = options;
  const { name, reason } = await chooseTrainingBackend(backend);
  if (name !== backend) monitor.note(`training is on ${name}: ${reason}`);
  const trainer = await Trainer.open(state, images, held, {
    backend,
    ...(options.workers ? { workers: options.workers } : {}),
    onFallback: (line) => monitor.warn(line),
  });
  const progress = monitor.begin('train', steps, 'steps', state.step);
  const onAbort = () => monitor.note('saving the training as it is; interrupt again to end at once');
  signal?.addEventListener('abort', onAbort);
  let saved = performance.now();
  let miou = state.best === undefined ? '' : `, best mIoU ${percent(state.best.miou)}`;
  try {
    for await (const step of trainer.run()) {
      if (!Number.isFinite(step.loss)) throw diverged(`the loss of step ${step.step} is ${step.loss}`);
      files.add(step);
      if (step.validation) miou = `, mIoU ${percent(step.validation.miou)}`;
      progress.advance(1, `loss ${step.loss.toFixed(3)}${miou}`);
      const isDue = performance.now() - saved >= SAVE_EVERY;
      if ((signal?.aborted || isDue) && !trainer.isDone()) {
        await files.save(await trainer.state());
        saved = performance.now();
        if (signal?.aborted) throw new InterruptedError();
      }
    }
    const end = await trainer.state();
    requireFinite(end);
    if (end.step < steps) monitor.note(converged(end));
    else if (end.best)
      monitor.note(
        `the network after step ${end.best.step} is kept: validation mIoU ${percent(end.best.miou)}`,
      );
    await files.finish(end);
    if (signal?.aborted) throw new InterruptedError();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    progress.end();
    await trainer.close();
  }
}

/** A step's loss is of before it: what the last step did shows in the network alone. */
function requireFinite({ network }: TrainingState): void {
  for (const [name, { data }] of network.tensors)
    if (!data.every(Number.isFinite)) throw diverged(`after the last step ${name} is not finite`);
}

function diverged(how: string): UserError {
  return new UserError(`Training diverged: ${how}; expected a lower --learning-rate.`);
}

function converged({ best, options, step }: TrainingState): string {
  return `training converged after step ${step}: the validation mIoU has not risen above ${percent(best!.miou)} for ${options.patience} epochs`;
}
