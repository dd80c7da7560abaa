import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { isMissing } from '../../files.js';
import { readSafetensors, writeSafetensors } from '../safetensors.js';
import { backboneSpecs } from './assemble.js';
import { BACKBONE_WIDTHS, type Backbone, type BackboneWidth } from './backbone.js';

const FORMAT = 'viewal-backbone-1';

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
  const { metadata, tensors } = await readSafetensors(file);
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
      `${file} holds no backbone of this version: expected one written by viewal weights, in format ${FORMAT}.`,
    );
  }
  const specs = backboneSpecs(width);
  for (const { name, shape } of specs) {
    const found = tensors.get(name)?.shape;
    if (`${found}` !== `${shape}`) {
      throw new UserError(
        `${file}: tensor ${name} has shape [${found ?? 'none'}], expected [${shape}]; import the weights again.`,
      );
    }
  }
  const own = new Map(specs.map(({ name }) => [name, tensors.get(name)!]));
  return { width, tensors: own, batchNorm, source, sha256: sourceSha256 };
}

/** The cached backbone of a width, or undefined if there is none. @throws UserError if it is broken */
export async function findBackbone(
  width: BackboneWidth,
  folder = weightsFolder(),
): Promise<Backbone | undefined> {
  const file = backboneFile(folder, width);
  return (await filesIn(folder)).includes(file) ? loadBackbone(file) : undefined;
}

/** Every cached backbone, widest first. */
export async function listBackbones(
  folder = weightsFolder(),
): Promise<{ readonly file: string; readonly backbone: Backbone }[]> {
  const present = await filesIn(folder);
  const files = BACKBONE_WIDTHS.map((width) => backboneFile(folder, width)).filter((file) =>
    present.includes(file),
  );
  return Promise.all(files.map(async (file) => ({ file, backbone: await loadBackbone(file) })));
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).map((name) => join(folder, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw new UserError(`Cannot read ${folder}: ${(error as Error).message}.`, { cause: error });
  }
}
