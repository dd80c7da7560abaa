import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { loadClassNames, loadNetwork, MODEL_FILE } from '../checkpoint.js';
import type { Network } from '../network.js';
import { readTfjsMetadata, readTfjsModel, TFJS_FILE, type TfjsModel } from './own/tfjs-file.js';

/** What `--model` may name, read: a checkpoint of ours, or the user's own TensorFlow.js network. */
export type Model = { readonly kind: 'deeplab'; readonly network: Network } | TfjsModel;

/**
 * Reads a model folder: model.safetensors (a checkpoint of ours), else model.json (a TensorFlow.js model).
 *
 * @param path the folder, or the path of a model.json itself
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

function find(path: string): Found {
  if (isFile(join(path, MODEL_FILE))) return { checkpoint: path };
  const tfjs = [path, join(path, TFJS_FILE)].find((file) => file.endsWith('.json') && isFile(file));
  if (tfjs !== undefined) return { tfjs };
  throw new UserError(
    `${path} holds no network: expected a folder with ${MODEL_FILE} (a checkpoint of ours) or ${TFJS_FILE} (a TensorFlow.js model).`,
  );
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
