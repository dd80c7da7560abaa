import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../src/random.js';
import { decodeLzfse } from '../../src/sources/record3d/lzfse.js';
import { END, lzfse, lzfseBlock, lzvnBlock, rawBlock } from './lzfse-encoder.js';

const bytes = (...values: readonly (number | string)[]) =>
  Buffer.concat(values.map((value) => (typeof value === 'string' ? Buffer.from(value) : Buffer.of(value))));
const stream = (...blocks: readonly Uint8Array[]) => Buffer.concat([...blocks, END]);
const EOS = bytes(6, 0, 0, 0, 0, 0, 0, 0);
const decoded = (input: Uint8Array, size: number) => Buffer.from(decodeLzfse(input, size)).toString('latin1');

describe('LZFSE', () => {
  it('takes raw blocks', () => {
    expect(decoded(stream(rawBlock(bytes('one ')), rawBlock(bytes('two'))), 7)).toBe('one two');
    expect(decoded(END, 0)).toBe('');
  });

  // By hand from the opcodes' definition, each with literals L, match M, distance D.
  it.each<[what: string, opcodes: Uint8Array, text: string]>([
    ['literals', bytes(0xe3, 'abc', EOS.toString('latin1')), 'abc'],
    ['many literals', bytes(0xe0, 4, 'abcdefghijklmnopqrst'), 'abcdefghijklmnopqrst'],
    ['small distance: L 3, M 4, D 3', bytes(0b11_001_000, 3, 'abc'), 'abcabca'],
    ['small distance without literals', bytes(0xe2, 'ab', 0b00_010_000, 2), 'abababa'],
    ['medium: L 2, M 3 + (1 << 2 | 2), D 1', bytes(0b101_10_001, 0b000001_10, 0, 'xy'), `xy${'y'.repeat(9)}`],
    ['large: L 1, M 8, D 1', bytes(0b01_101_111, 1, 0, 'z'), 'z'.repeat(9)],
    ['previous distance: L 1, M 3', bytes(0b11_000_000, 3, 'abc', 0b01_000_110, '-'), 'abcabc-bc-'],
    ['match alone', bytes(0b11_000_000, 3, 'abc', 0xf2), 'abcabcab'],
    ['many matched alone', bytes(0b01_000_000, 1, 'a', 0xf0, 5), 'a'.repeat(4 + 21)],
    ['nothing', bytes(0x0e, 0x16, 0xe1, 'a'), 'a'],
  ])('takes the LZVN opcode of %s', (_, opcodes, text) => {
    expect(decoded(stream(lzvnBlock(opcodes, text.length)), text.length)).toBe(text);
  });

  it('lets matches reach into the block before', () => {
    const blocks = [rawBlock(bytes('abcd')), lzvnBlock(bytes(0b01_000_000, 5, '-'), 4)];
    expect(decoded(stream(...blocks), 8)).toBe('abcd-abc');
  });

  it.each<[what: string, opcodes: Uint8Array, reason: string]>([
    ['an opcode that is none', bytes(0x70), 'opcode'],
    ['another that is none', bytes(0x1e), 'opcode'],
    ['a match before the start', bytes(0b01_000_000, 2, 'a'), 'before the start'],
    ['a distance of 0', bytes(0b01_000_000, 0, 'a'), 'before the start'],
    ['no distance before', bytes(0xe1, 'a', 0xf1), 'before the start'],
    ['literals that are not there', bytes(0xef, 'a'), 'beyond'],
    ['half an opcode', bytes(0xe1, 'a', 0b00_000_111, 1), 'cut short'],
    ['more than was asked for', bytes(0xe1, 'a', 0b00_000_000, 1, 0xf0, 255), 'more than the expected 8'],
    ['less than was asked for', bytes(0xe1, 'a'), '1 bytes, expected 8'],
  ])('refuses LZVN with %s', (_, opcodes, reason) => {
    expect(() => decodeLzfse(stream(lzvnBlock(opcodes, 8)), 8)).toThrow(reason);
  });

  it.each([1, 2] as const)('takes blocks of LZFSE proper, version %i', (version) => {
    const text = Array.from({ length: 3000 }, (_, i) => `line ${i % 37} of ${i}\n`).join('');
    expect(decoded(stream(lzfseBlock(bytes(text), version)), text.length)).toBe(text);
  });

  it('gives back whatever was encoded', () => {
    const content = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      fc
        .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 400 })))
        .map((runs) =>
          Uint8Array.from(runs.flatMap(([run, times]) => new Array(times).fill([...run]).flat())),
        )
        .filter(({ length }) => length > 0),
    );
    fc.assert(
      fc.property(content, fc.constantFrom(1 as const, 2 as const), (original, version) => {
        const read = decodeLzfse(stream(lzfseBlock(original, version)), original.length);
        expect(Buffer.compare(read, original)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  // Made by the reference encoder (pyliblzfse 0.4.1, which wraps https://github.com/lzfse/lzfse).
  it.each<[what: string, original: Uint8Array, base64: string]>([
    ['a raw block', bytes('a'), 'YnZ4LQEAAABhYnZ4JA=='],
    [
      'LZVN',
      bytes('hello hello hello'.repeat(3)),
      'YnZ4bjMAAAAYAAAA5mhlbGxvIDgG8TgR8AfhbwYAAAAAAAAAYnZ4JA==',
    ],
    [
      'LZFSE, depth as floats',
      Buffer.from(
        Float32Array.from({ length: 1536 }, (_, k) => (k % 5 ? 1 + ((k * k * 31) % 97) / 64 : 1)).buffer,
      ),
      'YnZ4MgAYAAD8AJAIALsAIDIIgCx2SAFwtAAAAD8YEAM/wAswAQAhgiAQ1uURWTewBZ8BQQCu6RGsPdqDsU/Obl3rP1gfgAgAAAAAAADw84wBHHB0wAFwwAFwdMDBAYODg4MjAAAAAAAAAHgvvggAAAAAAAAAAAAAAAAAAADg5eCIAw4YwBFwxAFwwAAADoADAGAAgwPgAAA44oAj4IgDAAAABscAHHHAAUcAHHIAAADAEQMAAAAdUOpjfqd2yUnJ5tZEy4VvGsuWEo1PV90DKdG+EPv6+INFeMjZGLdgSeb8wQYqrwWKetlnTpOdciwsRSURxWr6ejPMpDZqOcJnm2bKz30LxISjPKcIsiiwjD7tYxj2wmrZYTAmtTS0sSNwCVbCHoxAZu1gb+Yz51SA/SlqLMW13RjDJRlvZAIAAAAAAAAAAAAAmheICfD//z/kcKN/d8Q5cIcgxOAiBeB7yADWmjHBJTNSTIiRAsIMFKmNoCGvZNmQOugwbsiW7BMgZYEqIUMwZ9yQrXNjzCFb8TwjkGDGFLI0uIzBbsaAQAwoZCmiZwQKM6CQoiwCSA/PDmMM+RvbPIaW6BIjwnGZEYH0IRMwTpCFHh91hkTdiKGyNmIohI0YCncjRkLTiJEwNGIkpDYxFD6JkVBHjIS9xEiISIyEi8RY6EMMhDXEWAgjhsJLYiiEEGNhIQaCyODEAIslU+CuBRwh4y2AKuMLBbhqAQf+qiBGIgMkD4KQh48UoN4jBdj7QJrCL4EnB08ihOemFFnEQmQLDcUq5QbyFA4jKgxPkD2CgugEuBEQQk8wGjGBMxgy+dE8bgzuQYpTg13gk9MClBvTqXUqdtVxnVFvenj4YnZ4JA==',
    ],
  ])('reads what the reference encoder wrote: %s', (_, original, base64) => {
    const read = decodeLzfse(Buffer.from(base64, 'base64'), original.length);
    expect(Buffer.compare(read, original)).toBe(0);
  });

  it('reads or refuses damaged streams, and takes no more memory than asked for', () => {
    const next = random(7);
    const original = bytes(Array.from({ length: 200 }, (_, i) => `sample ${i % 23} ${i}`).join());
    for (const sound of [lzfse(original), stream(lzfseBlock(original, 1)), stream(rawBlock(original))]) {
      for (let i = 0; i < 400; i++) {
        const damaged = Buffer.from(sound);
        damaged[Math.floor(next() * damaged.length)]! ^= 1 + Math.floor(next() * 255);
        const cut = sound.subarray(0, Math.floor(next() * sound.length));
        expect(() => decodeLzfse(cut, original.length)).toThrow(/LZFSE/);
        try {
          expect(decodeLzfse(damaged, original.length)).toHaveLength(original.length);
        } catch (error) {
          expect((error as Error).message).toMatch(/^(?:LZ|no LZFSE)/);
        }
      }
    }
  });
});
