import { join } from 'node:path';
import { UserError } from '../errors.js';
import { type DeepLabConfig, parameterSpecs } from './deeplab.js';
import type { HostTensor, Network } from './network.js';
import {
  readSafetensors,
  readSafetensorsMetadata,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
import type { TrainingOptions } from './training/recipe.js';
import type { TrainingState } from './training/state.js';

/** In a model folder: the network, for inference. */
export const MODEL_FILE = 'model.safetensors';
/** In a model folder while training goes on: network, momentum and progress in one file, so that they agree. */
export const TRAINING_FILE = 'training.safetensors';

const FORMAT = 'viewal-deeplab-2';
const VELOCITY = 'velocity/';
const BEST = 'best/';

/** Writes the network of a model folder, making the folder. Whole or not at all. */
export async function saveNetwork(folder: string, network: Network, step: number): Promise<void> {
  await writeSafetensors(join(folder, MODEL_FILE), {
    metadata: { ...describe(network), step: `${step}` },
    tensors: network.tensors,
  });
}

/** @throws UserError if the file is absent, broken, or not a network of ours; the message names file and tensor */
export async function loadNetwork(folder: string): Promise<Network> {
  const file = join(folder, MODEL_FILE);
  return networkOf(await readSafetensors(file), file);
}

/** Names of the classes of a model folder's network, whose tensors are not read. @throws UserError as `loadNetwork` does */
export async function loadClassNames(folder: string): Promise<readonly string[]> {
  const file = join(folder, MODEL_FILE);
  return describedNetwork(await readSafetensorsMetadata(file), file).classNames;
}

/** Writes a state from which training resumes. Whole or not at all. */
export async function saveTraining(folder: string, state: TrainingState): Promise<void> {
  const { network, velocity, step, options, images, best } = state;
  await writeSafetensors(join(folder, TRAINING_FILE), {
    metadata: {
      ...describe(network),
      step: `${step}`,
      images: `${images}`,
      options: JSON.stringify(options),
      ...(best ? { best: JSON.stringify({ step: best.step, epoch: best.epoch, miou: best.miou }) } : {}),
    },
    tensors: new Map([
      ...network.tensors,
      ...prefixed(VELOCITY, velocity),
      ...(best ? prefixed(BEST, best.network.tensors) : []),
    ]),
  });
}

function prefixed(prefix: string, tensors: ReadonlyMap<string, HostTensor>): [string, HostTensor][] {
  return [...tensors].map(([name, tensor]) => [prefix + name, tensor]);
}

/** @throws UserError as `loadNetwork` does */
export async function loadTraining(folder: string): Promise<TrainingState> {
  const file = join(folder, TRAINING_FILE);
  const content = await readSafetensors(file);
  const [tensors, velocity, bestTensors] = ['', VELOCITY, BEST].map(() => new Map<string, HostTensor>());
  for (const [name, tensor] of content.tensors) {
    if (name.startsWith(VELOCITY)) velocity.set(name.slice(VELOCITY.length), tensor);
    else if (name.startsWith(BEST)) bestTensors.set(name.slice(BEST.length), tensor);
    else tensors.set(name, tensor);
  }
  const network = networkOf({ ...content, tensors }, file);
  const specs = parameterSpecs(network.config);
  const learnt = specs.filter(({ role }) => role !== 'mean' && role !== 'variance');
  requireTensors(file, VELOCITY, learnt, velocity);
  const { metadata } = content;
  const options = parseJson<TrainingOptions>(metadata.options);
  const [step, images] = [Number(metadata.step), Number(metadata.images)];
  const best = parseJson<{ step: number; epoch: number; miou: number }>(metadata.best);
  if (!options?.crop || !Number.isInteger(step) || !Number.isInteger(images)) {
    throw new UserError(
      `${file} says not how far training had come; expected a file written while training.`,
    );
  }
  const state = { network, velocity, step, options, images };
  if (best === undefined) return state;
  requireTensors(file, BEST, specs, bestTensors);
  return { ...state, best: { ...best, network: { ...network, tensors: bestTensors } } };
}

function describe({ config, classNames }: Network): Record<string, string> {
  return { format: FORMAT, config: JSON.stringify(config), classNames: JSON.stringify(classNames) };
}

function networkOf({ metadata, tensors }: SafetensorsFile, file: string): Network {
  const described = describedNetwork(metadata, file);
  requireTensors(file, '', parameterSpecs(described.config), tensors);
  return { ...described, tensors };
}

/** What `describe` wrote. */
function describedNetwork(
  metadata: SafetensorsFile['metadata'],
  file: string,
): Pick<Network, 'config' | 'classNames'> {
  if (metadata.format !== FORMAT) {
    throw new UserError(
      `${file} holds no network of this version: expected format ${FORMAT}, found ${metadata.format ?? 'none'}.`,
    );
  }
  const config = parseJson<DeepLabConfig>(metadata.config);
  const classNames = parseJson<string[]>(metadata.classNames);
  if (!config || !isConfig(config) || !Array.isArray(classNames) || classNames.length !== config.classes) {
    throw new UserError(
      `${file} does not say what network it holds: its config or class names are malformed.`,
    );
  }
  return { config, classNames };
}

function isConfig({ width, head, classes }: DeepLabConfig): boolean {
  return (
    (width === 0.35 || width === 1) &&
    (head === 'slim' || head === 'full') &&
    Number.isInteger(classes) &&
    classes >= 2
  );
}

function requireTensors(
  file: string,
  prefix: string,
  specs: readonly { name: string; shape: readonly number[] }[],
  tensors: ReadonlyMap<string, HostTensor>,
): void {
  for (const { name, shape } of specs) {
    const tensor = tensors.get(name);
    if (tensor === undefined)
      throw new UserError(`${file} lacks tensor ${prefix}${name} of shape [${shape}].`);
    if (`${tensor.shape}` !== `${shape}`) {
      throw new UserError(
        `${file}: tensor ${prefix}${name} has shape [${tensor.shape}], expected [${shape}] by its config.`,
      );
    }
  }
  const expected = new Set(specs.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (!expected.has(name))
      throw new UserError(`${file} has a tensor ${prefix}${name} that its config has not.`);
  }
}

function parseJson<T>(text: string | undefined): T | undefined {
  try {
    return JSON.parse(text ?? '') as T;
  } catch {
    return undefined;
  }
}
