import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const DATA_SECTION = 11;

/** Ids of a WebAssembly module's sections, in order. */
function sectionIds(module: Uint8Array): number[] {
  const ids: number[] = [];
  // After the magic number and the version: an id, the size in LEB128, and so many bytes.
  for (let at = 8; at < module.length; ) {
    ids.push(module[at++]!);
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = module[at++]!;
      size += (byte & 0x7f) * 2 ** shift;
      more = byte >= 0x80;
    }
    at += size;
  }
  return ids;
}

test('the compiled kernels have no data segment, which would land inside the heap of tfjs', () => {
  const module = readFileSync(new URL('../../../dist/src/model/kernels/kernels.wasm', import.meta.url));
  const ids = sectionIds(module);
  expect(ids).toContain(10); // code
  expect(ids).not.toContain(DATA_SECTION);
});
