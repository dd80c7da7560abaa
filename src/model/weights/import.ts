import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { isMissing } from '../../files.js';
import { assemble } from './assemble.js';
import type { Backbone, ImageClassifier } from './backbone.js';
import { loadBackbone } from './cache.js';
import { HDF5_SIGNATURE, readHdf5 } from './formats/hdf5.js';
import { Malformed } from './formats/malformed.js';
import { readSafetensors } from './formats/safetensors.js';
import type { StoredTensor, StoredTensors } from './formats/stored-tensor.js';
import { groupTensors, parseManifest } from './formats/tfjs-manifest.js';
import { readTflite, TFLITE_IDENTIFIER } from './formats/tflite.js';
import { readLegacyTorch, readTorchArchive } from './formats/torch.js';
import { readZip } from './formats/zip.js';
import { layersOfGraph } from './graph-layers.js';
import { layersOfKeras } from './keras-layers.js';
import type { SourceLayer } from './source-layer.js';
import { layersOfStateDict } from './state-dict.js';

export interface Imported {
  readonly backbone: Backbone;
  /** Undefined where the file holds the backbone alone. */
  readonly classifier: ImageClassifier | undefined;
}

/** What a format's reader makes of a file. */
interface Content {
  readonly layers: readonly SourceLayer[];
  readonly format: string;
}

/** Most bytes that are read of a file, its shards together; MobileNetV2 with an optimiser's state is 42 million. */
const LARGEST_FILE = 2 ** 27;
/** Longest reason that is given; it may hold names from the file. */
const LONGEST_REASON = 400;

const EXPECTED =
  'Keras .h5, .keras or TensorFlow.js model.json, TensorFlow Lite .tflite, or PyTorch .safetensors or .pth';

/** In the folder of a TensorFlow.js model. */
const MODEL_JSON = 'model.json';

/** How the formats of our own files begin, before the version. */
const OWN_BACKBONE = 'viewal-backbone-';
const OWN_NETWORK = 'viewal-deeplab-';

/**
 * Reads MobileNetV2 from a file of another project, or from one that `saveBackbone` wrote. The format is known by the
 * first bytes, not by the name.
 *
 * @param path a file, or the folder of a TensorFlow.js model.json; its shards lie beside it
 * @throws UserError, one sentence, if the file cannot be read, is truncated, corrupt or another network; it names the
 *   layer or tensor at fault
 */
export async function importBackbone(path: string): Promise<Imported> {
  const file = await fileAt(path);
  const hash = createHash('sha256');
  // Of all files together, since a manifest may name one shard many times.
  let left = LARGEST_FILE;
  const read = async (part: string) => {
    const bytes = await readBounded(part, left);
    left -= bytes.length;
    hash.update(bytes);
    return bytes;
  };
  try {
    const bytes = await read(file);
    const own = isSafetensors(bytes) ? `${readSafetensors(bytes).format}` : '';
    if (own.startsWith(OWN_BACKBONE)) return { backbone: await loadBackbone(file), classifier: undefined };
    if (own.startsWith(OWN_NETWORK))
      throw new Malformed('it is a whole network of viewal: use it with --model');
    const { layers, format } = await contentOf(bytes, (shard) => read(join(dirname(file), shard)));
    const { classifier, ...assembled } = assemble(layers);
    const source = `${basename(file)} (${format})`;
    return { backbone: { ...assembled, source, sha256: hash.digest('hex') }, classifier };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new UserError(`${file} cannot be imported: ${onOneLine(error.message)}.`, { cause: error });
  }
}

/** Names in a broken file may be of any length and hold any character. */
function onOneLine(reason: string): string {
  const start = reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason;
  return start.replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd');
}

/** The file itself, or of a folder its model.json. @throws UserError if the folder has none */
async function fileAt(path: string): Promise<string> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  if (!isFolder) return path;
  const file = join(path, MODEL_JSON);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) return file;
  throw new UserError(
    `${path} is a folder without a ${MODEL_JSON}: expected a file that holds MobileNetV2 as ${EXPECTED}.`,
  );
}

/** @param most bytes that may be read */
async function readBounded(file: string, most: number): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > most) {
      throw new UserError(
        `${file} has ${size} bytes, expected MobileNetV2 in at most ${LARGEST_FILE}, all its files together.`,
      );
    }
    return await readFile(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = isMissing(error) ? 'no such file' : (error as Error).message;
    throw new UserError(`Cannot read ${file}: ${reason}; expected MobileNetV2 as ${EXPECTED}.`, {
      cause: error,
    });
  }
}

async function contentOf(bytes: Buffer, shard: (path: string) => Promise<Buffer>): Promise<Content> {
  const starts = (signature: string, at = 0) =>
    bytes.toString('latin1', at, at + signature.length) === signature;
  // First, since its length before the JSON may begin like any other format.
  if (isSafetensors(bytes)) return stateDictContent(readSafetensors(bytes).tensors);
  if (starts(TFLITE_IDENTIFIER, 4)) return { layers: readTflite(bytes), format: 'TensorFlow Lite' };
  if (starts(HDF5_SIGNATURE)) return { layers: layersOfKeras(readHdf5(bytes)), format: 'Keras HDF5' };
  if (starts('PK\x03\x04')) return archiveContent(bytes);
  if (starts('\x80')) return stateDictContent(readLegacyTorch(bytes));
  if (/^\s*\{/.test(bytes.toString('latin1', 0, 64))) return tfjsContent(bytes, shard);
  throw new Malformed(`it is none of the formats known here: ${EXPECTED}`);
}

/** Eight bytes of length, which is below 2^56, then JSON. */
function isSafetensors(bytes: Buffer): boolean {
  return bytes[7] === 0 && bytes[8] === '{'.charCodeAt(0);
}

function archiveContent(bytes: Buffer): Content {
  const keras = readZip(bytes).get('model.weights.h5');
  if (keras === undefined) return stateDictContent(readTorchArchive(bytes));
  return { layers: layersOfKeras(readHdf5(keras())), format: 'Keras' };
}

function stateDictContent(tensors: StoredTensors): Content {
  const { layers, project } = layersOfStateDict(tensors);
  return { layers, format: `PyTorch, ${project}` };
}

async function tfjsContent(bytes: Buffer, shard: (path: string) => Promise<Buffer>): Promise<Content> {
  const model = parseJson(bytes.toString('utf8'));
  const tensors = new Map<string, StoredTensor>();
  for (const group of parseManifest(model)) {
    const shards: Buffer[] = [];
    for (const path of group.paths) shards.push(await shard(path));
    for (const [name, tensor] of groupTensors(group, Buffer.concat(shards))) {
      if (tensors.has(name)) throw new Malformed(`it has weight ${name} twice`);
      tensors.set(name, tensor);
    }
  }
  const topology = model.modelTopology as { node?: unknown } | null | undefined;
  return topology?.node === undefined
    ? { layers: layersOfKeras(tensors, epsilonsOf(topology)), format: 'TensorFlow.js LayersModel' }
    : { layers: layersOfGraph(topology, tensors), format: 'TensorFlow.js GraphModel' };
}

/** The ε of every batch norm of a LayersModel that states one. */
function epsilonsOf(topology: unknown): Map<string, number> {
  type Layer = { config?: { name?: unknown; epsilon?: unknown } } | null;
  const layers = (topology as { model_config?: { config?: { layers?: unknown } } } | null | undefined)
    ?.model_config?.config?.layers;
  const epsilons = new Map<string, number>();
  for (const layer of Array.isArray(layers) ? (layers as Layer[]) : []) {
    const { name, epsilon } = layer?.config ?? {};
    if (typeof name === 'string' && typeof epsilon === 'number' && epsilon > 0) epsilons.set(name, epsilon);
  }
  return epsilons;
}

function parseJson(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw new Malformed('it is no JSON');
  }
}
