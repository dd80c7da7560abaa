import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { isMissing } from '../../files.js';
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../safetensors.js';
import { backboneSpecs } from './assemble.js';
import { BACKBONE_WIDTHS, type Backbone, type BackboneWidth } from './backbone.js';

const FORMAT = 'viewal-backbone-1';
const WHAT_TO_DO = 'import or fetch the weights again';

/** Where weights are kept: `weights` in $VIEWAL_CACHE, else in $XDG_CACHE_HOME/viewal, else in ~/.cache/viewal. */
export function weightsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { VIEWAL_CACHE: own, XDG_CACHE_HOME: shared } = environment;
  // An empty variable counts as unset, as the XDG Base Directory Specification says.
  return join(own || join(shared || join(homedir(), '.cache'), 'viewal'), 'weights');
}

function backboneFile(folder: string, width: BackboneWidth): string {
  return join(folder, `mobilenet_v2_${width}.safetensors`);
}

/** Keeps a backbone, in place of any other of its width. Whole or not at all. @returns its file */
export async function saveBackbone(backbone: Backbone, folder = weightsFolder()): Promise<string> {
  const { width, tensors, batchNorm, source, sha256 } = backbone;
  const file = backboneFile(folder, width);
  await writeSafetensors(file, {
    metadata: { format: FORMAT, width: `${width}`, batchNorm, source, sourceSha256: sha256 },
    tensors,
  });
  return file;
}

/** @throws UserError if the file is absent, broken or no backbone of ours; the message names file and tensor */
export async function loadBackbone(file: string): Promise<Backbone> {
  const { metadata, tensors } = await readWhole(file);
  const { format, batchNorm, source, sourceSha256 } = metadata;
  const width = BACKBONE_WIDTHS.find((w) => `${w}` === metadata.width);
  const isWhole = source !== undefined && sourceSha256 !== undefined;
  if (
    format !== FORMAT ||
    width === undefined ||
    (batchNorm !== 'kept' && batchNorm !== 'folded') ||
    !isWhole
  ) {
    throw new UserError(
      `${file} holds no backbone of this version: expected one written by viewal weights, in format ${FORMAT}; ${WHAT_TO_DO}.`,
    );
  }
  const specs = backboneSpecs(width);
  for (const { name, shape } of specs) {
    const found = tensors.get(name)?.shape;
    if (`${found}` !== `${shape}`) {
      throw new UserError(
        `${file}: tensor ${name} has shape [${found ?? 'none'}], expected [${shape}]; ${WHAT_TO_DO}.`,
      );
    }
  }
  const own = new Map(specs.map(({ name }) => [name, tensors.get(name)!]));
  return { width, tensors: own, batchNorm, source, sha256: sourceSha256 };
}

async function readWhole(file: string): Promise<SafetensorsFile> {
  try {
    return await readSafetensors(file);
  } catch (error) {
    // One with a cause could not be read at all.
    if (!(error instanceof UserError) || error.cause !== undefined) throw error;
    throw new UserError(`${file} is broken; ${WHAT_TO_DO}.`, { cause: error });
  }
}

/** The cached backbone of a width, or undefined if there is none. @throws UserError if it is broken */
export async function findBackbone(
  width: BackboneWidth,
  folder = weightsFolder(),
): Promise<Backbone | undefined> {
  const file = backboneFile(folder, width);
  const isAbsent = await access(file).then(() => false, isMissing);
  return isAbsent ? undefined : loadBackbone(file);
}

/** A file of the cache: what it holds, or why it is of no use. */
export type CachedBackbone =
  | { readonly file: string; readonly backbone: Backbone }
  | { readonly file: string; readonly width: BackboneWidth; readonly error: UserError };

/** Every cached backbone, widest first. */
export async function listBackbones(folder = weightsFolder()): Promise<CachedBackbone[]> {
  const cached: CachedBackbone[] = [];
  for (const width of BACKBONE_WIDTHS) {
    const file = backboneFile(folder, width);
    try {
      const backbone = await findBackbone(width, folder);
      if (backbone !== undefined) cached.push({ file, backbone });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      cached.push({ file, width, error });
    }
  }
  return cached;
}
