import { createRequire } from 'node:module';
import type { McapTypes } from '@mcap/core';
import { loadDecompressHandlers } from '@mcap/support';

/**
 * The longest record, and the longest chunk unpacked, that is taken in. Recorders write chunks of a few megabytes; a
 * damaged length must not make us read all that follows into memory.
 */
export const LONGEST = 2 ** 27;

/** What is wrong with what is longer. */
export function tooLong(what: string, most: number): Error {
  return new Error(`${what} of more than ${most / 2 ** 20} MB`);
}

/** The usual decompressors (lz4, zstd, bz2), each refusing to unpack more than `LONGEST`. */
export async function boundedHandlers(): Promise<McapTypes.DecompressHandlers> {
  const handlers = { ...(await loadDecompressHandlers()), lz4: await loadLz4() };
  return Object.fromEntries(
    Object.entries(handlers).map(([name, unpack]) => [
      name,
      (bytes: Uint8Array, size: bigint) => {
        if (size > LONGEST) throw tooLong('a chunk', LONGEST);
        return unpack(bytes, size);
      },
    ]),
  );
}

type Lz4 = ((bytes: Uint8Array, size: number) => Uint8Array) & { readonly isLoaded: Promise<unknown> };

/**
 * The module that @mcap/support uses keeps one context for the process, and does not reset it after a damaged frame: all frames after it
 * fail, sound ones too. So a module that failed is dropped for another, which has been made ready before.
 */
let spare: Lz4 | undefined;
let current: Lz4 | undefined;
let loading: Promise<void> | undefined;

async function loadLz4(): Promise<(bytes: Uint8Array, size: bigint) => Uint8Array> {
  loading ??= (async () => {
    current ??= await freshLz4();
    spare ??= await freshLz4();
  })();
  await loading;
  return (bytes, size) => {
    const unpack = current ?? spare;
    if (unpack === undefined) throw new Error('no decompressor is ready');
    try {
      return new Uint8Array(unpack(bytes, Number(size)));
    } catch (error) {
      current = spare;
      spare = undefined;
      loading = undefined;
      throw error;
    }
  };
}

async function freshLz4(): Promise<Lz4> {
  const require = createRequire(createRequire(import.meta.url).resolve('@mcap/support'));
  const path = require.resolve('@foxglove/wasm-lz4');
  delete require.cache[path];
  const unpack = require(path) as Lz4;
  await unpack.isLoaded;
  return unpack;
}
