import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { loadClassNames, loadNetwork, MODEL_FILE } from '../checkpoint.js';
import type { Network } from '../network.js';
import { readTfjsMetadata, readTfjsModel, TFJS_FILE, type TfjsModel } from './own/tfjs-file.js';

/** What `--model` may name, read: a checkpoint of ours, or the user's own TensorFlow.js network. */
export type Model = { readonly kind: 'deeplab'; readonly network: Network } | TfjsModel;

/**
 * Reads a model folder: model.safetensors (a checkpoint of ours), else model.json (a TensorFlow.js model).
 *
 * @param path the folder, or the path of a model.safetensors or model.json itself
 * @throws UserError if there is neither, or it cannot be read whole
 */
export async function loadModel(path: string): Promise<Model> {
  const { checkpoint, tfjs } = find(path);
  return tfjs === undefined
    ? { kind: 'deeplab', network: await loadNetwork(checkpoint) }
    : await readTfjsModel(tfjs);
}

/**
 * Names of the classes that a model folder's network tells apart; undefined where it does not name them. No
 * weights are read.
 * @throws UserError as `loadModel` does
 */
export async function readClassNames(path: string): Promise<readonly string[] | undefined> {
  const { checkpoint, tfjs } = find(path);
  return tfjs === undefined ? loadClassNames(checkpoint) : (await readTfjsMetadata(tfjs)).classNames;
}

type Found =
  | { readonly checkpoint: string; readonly tfjs?: never }
  | { readonly tfjs: string; checkpoint?: never };

/** Where a run folder, which users name instead, has its own network. */
const MODEL_OF_RUN = 'model';

/** Names of files that hold pretrained weights, not a network that can be run here. */
const WEIGHTS_FILE = /\.(tflite|h5|keras|pth|pt|safetensors)$/i;

function find(path: string): Found {
  const found = findIn(path);
  if (found !== undefined) return found;
  const expected = `expected a folder with ${MODEL_FILE} (a checkpoint of ours) or ${TFJS_FILE} (a TensorFlow.js model)`;
  if (isFile(path) && WEIGHTS_FILE.test(path)) {
    throw new UserError(
      `${path} holds no network that can be used as it is: ${expected}; to train from its weights, where they are MobileNetV2's, run viewal weights import on it, or train with --init ${path}.`,
    );
  }
  const model = join(path, MODEL_OF_RUN);
  const advice = findIn(model) === undefined ? expected : `it is a run folder, whose network is ${model}`;
  throw new UserError(`${path} holds no network: ${advice}.`);
}

function findIn(path: string): Found | undefined {
  if (isFile(join(path, MODEL_FILE))) return { checkpoint: path };
  if (basename(path) === MODEL_FILE && isFile(path)) return { checkpoint: dirname(path) };
  const tfjs = [path, join(path, TFJS_FILE)].find((file) => file.endsWith('.json') && isFile(file));
  return tfjs === undefined ? undefined : { tfjs };
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
