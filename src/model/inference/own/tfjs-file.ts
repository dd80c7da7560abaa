import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { UserError } from '../../../errors.js';
import { staysInside } from '../../../files.js';
import { describeIssue } from './schema-issue.js';

/** The file of a TensorFlow.js model; its weights lie in shards beside it. */
export const TFJS_FILE = 'model.json';

/** What the colours 0 to 255 are brought to before a network sees them. */
const INPUT_RANGES = ['-1..1', '0..1', '0..255'] as const;
export type InputRange = (typeof INPUT_RANGES)[number];

/** What a TensorFlow.js model says of itself under `userDefinedMetadata`. */
interface TfjsMetadata {
  readonly input: InputRange;
  /** One name per class, in the order of the scores. */
  readonly classNames?: readonly string[] | undefined;
}

/** A TensorFlow.js model at rest. Plain data, so that a worker can be started with it. */
export interface TfjsModel extends TfjsMetadata {
  readonly kind: 'layers' | 'graph';
  /** The path of its model.json, for messages. */
  readonly file: string;
  /** A Keras model config (layers) or a GraphDef (graph), as JSON. */
  readonly topology: Readonly<Record<string, unknown>>;
  /** Names of a graph's inputs and outputs. */
  readonly signature: Readonly<Record<string, unknown>> | undefined;
  readonly specs: readonly io.WeightsManifestEntry[];
  /** The weights' bytes in the order of `specs`: shared, so that workers do not each hold a copy of the file. */
  readonly weights: SharedArrayBuffer;
  /** Hex digest of model.json and the weights' bytes. */
  readonly digest: string;
}

const BYTES = { float32: 4, int32: 4, bool: 1 } as const;
const QUANTISED_BYTES = { float16: 2, uint16: 2, uint8: 1 } as const;

const weightSchema = z.object({
  name: z.string().min(1),
  shape: z.array(z.int().min(0)),
  dtype: z.enum(Object.keys(BYTES) as (keyof typeof BYTES)[]),
  quantization: z
    .object({
      dtype: z.enum(Object.keys(QUANTISED_BYTES) as (keyof typeof QUANTISED_BYTES)[]),
      scale: z.number().optional(),
      min: z.number().optional(),
    })
    .optional(),
  group: z.enum(['model', 'optimizer']).optional(),
});

const groupSchema = z.object({ paths: z.array(z.string().min(1)), weights: z.array(weightSchema) });

const record = z.record(z.string(), z.unknown());

const metadataSchema = z.object({
  input: z.enum(INPUT_RANGES).default('-1..1'),
  classes: z.array(z.string()).min(2).optional(),
});

const fileSchema = z.object({
  format: z.enum(['layers-model', 'graph-model']).optional(),
  modelTopology: record,
  signature: record.optional(),
  weightsManifest: z.array(groupSchema).default([]),
  userDefinedMetadata: record.nullish(),
});

type TfjsFile = z.output<typeof fileSchema>;
type Group = z.output<typeof groupSchema>;

/**
 * Reads model.json and every shard that it names. The bytes' numbers are not looked at.
 *
 * @param file path of a model.json
 * @throws UserError if a file is absent, truncated, too long or malformed; the message names it, and the weight
 */
export async function readTfjsModel(file: string): Promise<TfjsModel> {
  const { text, content } = await readModelJson(file);
  const { modelTopology, signature, weightsManifest } = content;
  const sizes = await Promise.all(weightsManifest.map((group) => shardSizes(file, group)));
  const weights = new SharedArrayBuffer(sizes.flat().reduce((sum, size) => sum + size, 0));
  const hash = createHash('sha256').update(text);
  let offset = 0;
  for (const [g, { paths }] of weightsManifest.entries()) {
    for (const [i, path] of paths.entries()) {
      const bytes = new Uint8Array(weights, offset, sizes[g][i]);
      await readShard(shardPath(file, path), bytes);
      hash.update(bytes);
      offset += bytes.length;
    }
  }
  return {
    kind: kindOf(content),
    file,
    ...metadataOf(content, file),
    topology: modelTopology,
    signature,
    specs: weightsManifest.flatMap((group) => group.weights as io.WeightsManifestEntry[]),
    weights,
    digest: hash.digest('hex'),
  };
}

/** What a model.json says of itself, without reading its weights. @throws UserError */
export async function readTfjsMetadata(file: string): Promise<TfjsMetadata> {
  return metadataOf((await readModelJson(file)).content, file);
}

async function readModelJson(file: string): Promise<{ text: Buffer; content: TfjsFile }> {
  const text = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`Cannot read ${file}: ${reasonOf(error)}.`, { cause: error });
  });
  let json: unknown;
  try {
    json = JSON.parse(text.toString('utf8'));
  } catch {
    throw new UserError(`${file} is not JSON: expected a TensorFlow.js model.`);
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    throw new UserError(
      `${file} is no TensorFlow.js model that can be used: ${describeIssue(json, parsed.error.issues[0])}.`,
    );
  }
  return { text, content: parsed.data };
}

function kindOf({ format, modelTopology }: TfjsFile): TfjsModel['kind'] {
  // Files of early versions do not state their format; only a GraphDef has nodes.
  return (format ?? ('node' in modelTopology ? 'graph-model' : 'layers-model')) === 'graph-model'
    ? 'graph'
    : 'layers';
}

function metadataOf({ userDefinedMetadata }: TfjsFile, file: string): TfjsMetadata {
  const parsed = metadataSchema.safeParse(userDefinedMetadata ?? {});
  if (!parsed.success) {
    const issue = describeIssue(userDefinedMetadata, parsed.error.issues[0]);
    throw new UserError(`${file}, userDefinedMetadata: ${issue}.`);
  }
  return { input: parsed.data.input, classNames: parsed.data.classes };
}

/** Sizes of a group's shards, bytes, which together are those of its weights. */
async function shardSizes(file: string, { paths, weights }: Group): Promise<number[]> {
  const lengths = weights.map(byteLength);
  const expected = lengths.reduce((sum, length) => sum + length, 0);
  const sizes: number[] = [];
  let read = 0;
  for (const path of paths) {
    const size = await sizeOf(file, path, () => weightAt(read));
    sizes.push(size);
    read += size;
  }
  if (read < expected) {
    const shard = paths[shortest(sizes)] ?? '';
    throw new UserError(
      `${shardPath(file, shard)} is truncated: the weights that ${file} lists take ${expected} bytes and ${read} are there; ${weightAt(read)} is cut off.`,
    );
  }
  if (read > expected) {
    throw new UserError(
      `${shardPath(file, paths.at(-1)!)} is too long: the weights that ${file} lists take ${expected} bytes and ${read} are there.`,
    );
  }
  return sizes;

  function weightAt(offset: number): string {
    let end = 0;
    const at = lengths.findIndex((length) => {
      end += length;
      return end > offset;
    });
    return `weight ${weights[Math.max(at, 0)]?.name ?? '(none)'}`;
  }
}

/** Writers cut shards of one size, all but the last: an odd one before it is the truncated one. */
function shortest(sizes: readonly number[]): number {
  const whole = Math.max(...sizes.slice(0, -1));
  const odd = sizes.slice(0, -1).findIndex((size) => size < whole);
  return odd < 0 ? sizes.length - 1 : odd;
}

function byteLength({ shape, dtype, quantization }: Group['weights'][number]): number {
  const each = quantization ? QUANTISED_BYTES[quantization.dtype] : BYTES[dtype];
  return shape.reduce((product, n) => product * n, each);
}

async function sizeOf(file: string, path: string, weight: () => string): Promise<number> {
  const shard = shardPath(file, path);
  try {
    return (await stat(shard)).size;
  } catch (error) {
    const reason = reasonOf(error as NodeJS.ErrnoException);
    throw new UserError(`Cannot read ${shard}, where ${file} has its ${weight()}: ${reason}.`, {
      cause: error,
    });
  }
}

function shardPath(file: string, path: string): string {
  if (!staysInside(path)) throw new UserError(`${file} names a weight file outside its own folder: ${path}.`);
  return join(dirname(file), path);
}

async function readShard(shard: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(shard).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`Cannot read ${shard}: ${reasonOf(error)}.`, { cause: error });
  });
  try {
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) throw new UserError(`${shard} became shorter while it was read.`);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'EISDIR') return 'it is a folder';
  return message;
}

/** A model as tfjs loads it. */
export function tfjsArtifacts({ topology, signature, specs, weights }: TfjsModel): io.ModelArtifacts {
  return {
    modelTopology: topology,
    weightSpecs: [...specs],
    // tfjs only ever slices the bytes, which copies them: that they are shared makes no difference to it.
    weightData: weights as unknown as ArrayBuffer,
    ...(signature ? { signature: signature as io.ModelArtifacts['signature'] & object } : {}),
  };
}

/** What an error of tfjs says before it goes into possible reasons, without its full stop. */
export function firstSentence({ message }: Error): string {
  return message.split('\n')[0].replace(/\.\s.*$|\.$/s, '');
}
