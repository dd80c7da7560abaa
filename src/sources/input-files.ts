import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BadFrameError, UserError } from '../errors.js';

/** The entries of a folder, links followed, each list in code-unit order. */
export interface Folder {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/**
 * Lists a folder of a recording. Hidden entries are left out: file managers and version control put them there.
 * @throws UserError where the folder cannot be listed
 */
export async function listFolder(path: string): Promise<Folder> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(folderFault(path, error));
  });
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    // Big data sets are often kept as links to another disk. A dangling one counts as a file: reading it tells.
    const isFolder = entry.isSymbolicLink()
      ? await stat(join(path, entry.name)).then(
          (target) => target.isDirectory(),
          () => false,
        )
      : entry.isDirectory();
    (isFolder ? folders : files).push(entry.name);
  }
  return { files: files.sort(), folders: folders.sort() };
}

function folderFault(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return `There is no recording at ${path}: expected a folder.`;
    case 'ENOTDIR':
      return `${path} is a file: expected the folder of a recording.`;
    case 'EACCES':
    case 'EPERM':
      return `${path} cannot be read: expected a folder that you have permission to read.`;
    default:
      return `${path} cannot be read (${error.code ?? error.message}): expected the folder of a recording.`;
  }
}

/**
 * Reads a whole file.
 * @param shown how messages name the file
 * @throws BadFrameError where it cannot be read
 */
export async function readBytes(path: string, shown: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new BadFrameError(shown, fileFault(error as NodeJS.ErrnoException));
  }
}

/**
 * Reads a text file that the recording as a whole depends on.
 * @param name relative to the recording
 * @throws UserError where it cannot be read
 */
export async function readText(path: string, name: string): Promise<string> {
  try {
    // TextDecoder drops the byte order mark that some editors put first.
    return new TextDecoder().decode(await readFile(join(path, name)));
  } catch (error) {
    throw new UserError(`${join(path, name)}: ${fileFault(error as NodeJS.ErrnoException)}.`);
  }
}

/** Why a file cannot be read, in a few words. */
export function fileFault(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'missing';
    case 'EISDIR':
      return 'a folder, expected a file';
    case 'EACCES':
    case 'EPERM':
      return 'cannot be read: permission denied';
    default:
      return `cannot be read (${error.code ?? error.message})`;
  }
}
