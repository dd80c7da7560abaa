import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { UserError } from '../../errors.js';
import { isMissing, writeAtomically } from '../../files.js';

/** A published file whose content is known beforehand. */
export interface PublishedFile {
  readonly url: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Milliseconds without a byte after which a download is given up. */
const PATIENCE = 30_000;

/**
 * Downloads a file into a temporary beside `path`, checks its length and SHA-256, and renames it: `path` appears
 * whole and right or not at all. Never writes more bytes than are expected.
 *
 * @param onBytes called with the number of bytes of each piece that has come
 * @param patience milliseconds without a byte after which it is given up
 * @throws UserError if the server cannot be reached, does not have the file, goes silent, or sends another file
 */
export async function download(
  { url, bytes, sha256 }: PublishedFile,
  path: string,
  onBytes: (count: number) => void = () => {},
  patience = PATIENCE,
): Promise<void> {
  await writeAtomically(path, async (temporary) => {
    const hash = createHash('sha256');
    const file = await open(temporary, 'w');
    let received = 0;
    try {
      for await (const piece of piecesOf(url, patience)) {
        received += piece.length;
        if (received > bytes) throw new UserError(`${url} is longer than the ${bytes} bytes expected of it.`);
        hash.update(piece);
        // Unlike write(), all of it.
        await file.writeFile(piece);
        onBytes(piece.length);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    if (received < bytes) throw new UserError(`${url} ended after ${received} of ${bytes} bytes; try again.`);
    const found = hash.digest('hex');
    if (found !== sha256)
      throw new UserError(`${url} has SHA-256 ${found}, expected ${sha256}; it was not kept.`);
  });
}

/** Whether the very file lies at `path` already. @throws UserError if what lies there cannot be read */
export async function isDownloaded({ bytes, sha256 }: PublishedFile, path: string): Promise<boolean> {
  try {
    if ((await stat(path)).size !== bytes) return false;
    return (
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex') === sha256
    );
  } catch (error) {
    if (isMissing(error)) return false;
    throw new UserError(`Cannot read ${path}: ${(error as Error).message}.`, { cause: error });
  }
}

async function* piecesOf(url: string, patience: number): AsyncGenerator<Uint8Array> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), patience);
  let isReached = false;
  try {
    const response = await fetch(url, { signal: abort.signal });
    isReached = true;
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new UserError(
        `${url} cannot be had: the server answered ${response.status} ${response.statusText}.`,
      );
    }
    for await (const piece of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), patience);
      yield piece;
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const advice = isReached
      ? ''
      : '; without a network, fetch it on another machine and run viewal weights import on it here';
    throw new UserError(`Cannot download ${url}: ${reasonOf(error, patience)}${advice}.`, { cause: error });
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

function reasonOf(error: unknown, patience: number): string {
  const { name, message, cause } = error as Error;
  if (name === 'AbortError') return `nothing came for ${patience / 1000} s`;
  const { code, message: detail } = (cause ?? {}) as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'it cannot be reached from here';
    case 'ECONNREFUSED':
      return 'the connection was refused';
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection was cut';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'the server does not answer';
    default:
      return detail || message;
  }
}
