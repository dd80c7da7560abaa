import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { threadId } from 'node:worker_threads';
import { UserError } from './errors.js';

/** Files that are being written end in the numbers of their process, their thread and the file, and this. */
const TEMPORARY = '.partial';
let written = 0;

/** Whether a file was left half written by a process that is no more; another run may be at work on the others. */
export function isLeftover(path: string): boolean {
  const pid = /\.(\d+)(?:-\d+)+\.partial$/.exec(path)?.[1];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * Writes a file so that it appears whole or not at all: into a temporary beside it, then renamed.
 *
 * @param write makes the temporary file at the path it is given
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function writeAtomically(
  path: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${process.pid}-${threadId}-${written++}${TEMPORARY}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw explain(error, path);
  }
}

/** Writes bytes or text atomically; see `writeAtomically`. */
export async function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  await writeAtomically(path, async (temporary) => {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Makes a file's content outlast a power failure, whoever wrote it. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes what was made and renamed in a folder outlast a power failure: until then only the files' contents do.
 * Windows has no such call and needs none.
 */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Whether a path that a file from elsewhere names stays inside that file's own folder, on every system: such a file must
 * not make us read others of the user's.
 */
export function staysInside(path: string): boolean {
  return !/(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:/.test(path);
}

/** Whether an error from the file system says that nothing is there. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function explain(error: unknown, path: string): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new UserError(
        `The disk is full: could not write ${path}. Free some space and run the same command again; what is done is kept.`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new UserError(`Could not write ${path}: expected a folder that this user may write to.`, {
        cause: error,
      });
    case 'ENOTDIR':
    case 'EEXIST':
      return new UserError(`Could not write ${path}: expected a folder, but a file is in the way.`, {
        cause: error,
      });
    default:
      return error;
  }
}
