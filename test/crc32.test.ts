import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32, crc32ByTable } from '../src/crc32.js';

test('CRC-32 is what its definition says, in native code and by the table', () => {
  // The check value of the catalogue of CRC algorithms, CRC-32/ISO-HDLC.
  for (const crc of [crc32, crc32ByTable]) expect(crc(Buffer.from('123456789'))).toBe(0xcbf43926);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => crc32(bytes) === crc32ByTable(bytes)));
});
