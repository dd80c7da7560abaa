import { readFile } from 'node:fs/promises';
import {
  Field,
  Float32,
  LargeBinary,
  type RecordBatch,
  Schema,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import type { CapturedFrame } from '../../src/live/captured-frame.js';
import {
  decodeFrames,
  decodeHead,
  encodeFrames,
  HEAD_BYTES,
  MESSAGE_COLUMNS,
  type MessageColumn,
} from '../../src/live/frame-message.js';
import { jpeg, png, png16, ramp } from '../sources/builders.js';
import { bytesOf, HEIGHT, LABEL, poseAt, sentFrame, WIDTH } from './frames.js';

const LIMITS = { rows: 8, pixels: 1000 };
const PIXELS = WIDTH * HEIGHT;

/** Why a message is refused as a whole. */
function faultOf(message: Uint8Array): string {
  try {
    decodeFrames(message, LIMITS);
  } catch (error) {
    if (error instanceof BadFrameError) return error.message;
    throw error;
  }
  throw new Error('accepted');
}

/** Why the second of three frames is refused; the others are not. */
function rowFaultOf(frame: CapturedFrame): string {
  const [first, second, third] = decodeFrames(encodeFrames([sentFrame(), frame, sentFrame()]), LIMITS);
  expect(first).toEqual(sentFrame());
  expect(third).toEqual(sentFrame());
  if (second === undefined || !('refused' in second)) throw new Error('accepted');
  return second.refused;
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const centre = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => Buffer.byteLength(text) <= 200);
const depth = fc.constantFrom('uint16', 'float32').chain((encoding) => {
  const bytes = PIXELS * (encoding === 'uint16' ? 2 : 4);
  return fc.record({
    encoding: fc.constant(encoding as 'uint16' | 'float32'),
    bytes: fc.uint8Array({ minLength: bytes, maxLength: bytes }),
    scale: positive,
    width: fc.constant(WIDTH),
    height: fc.constant(HEIGHT),
  });
});
const frame: fc.Arbitrary<CapturedFrame> = fc.record({
  scene: name,
  id: name,
  timestamp: finite,
  colour: fc.constant(sentFrame().colour),
  depth: fc.oneof(fc.constant(sentFrame().depth), depth),
  intrinsics: fc.record({ fx: positive, fy: positive, cx: centre, cy: centre }),
  cameraToWorld: fc.tuple(finite, finite, finite).map(([x, y, z]) => poseAt(x, y, z)),
  label: fc.constantFrom(undefined, LABEL),
});

test('what is encoded is decoded, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), (frames) => {
      expect(decodeFrames(encodeFrames(frames), LIMITS)).toEqual(frames);
    }),
    { numRuns: 60 },
  );
});

test('the Arrow library reads what is encoded', () => {
  const table = tableFromIPC(encodeFrames([sentFrame({ label: LABEL }), sentFrame({ id: 'ü' })]));
  expect(table.numRows).toBe(2);
  expect(table.getChild('frame')?.toArray()).toEqual(['1', 'ü']);
  expect(table.getChild('depth_encoding')?.get(1)).toBe('png16');
  expect(table.getChild('depth_width')?.get(0)).toBeNull();
  expect(table.getChild('fx')?.get(0)).toBe(10);
  expect([...table.getChild('camera_to_world')!.get(0)!]).toEqual([...poseAt(0)]);
  expect(table.getChild('label')?.get(0)).toEqual(LABEL);
  expect(table.getChild('label')?.get(1)).toBeNull();
});

/** A message by the Arrow library, with columns replaced, added or (undefined) left out. */
function withColumns(columns: Readonly<Record<string, unknown>>, order?: readonly string[]): Uint8Array {
  const table = tableFromIPC(encodeFrames([sentFrame()]));
  const all = Object.fromEntries(table.schema.fields.map(({ name }) => [name, table.getChild(name)]));
  const chosen = Object.entries({ ...all, ...columns }).filter(([, column]) => column != null);
  if (order !== undefined) chosen.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return tableToIPC(new Table(Object.fromEntries(chosen) as never), 'stream');
}

test('docs/live.md describes every column (npx vitest -u writes it)', async () => {
  const page = await readFile('docs/live.md', 'utf8');
  const rows = Object.entries<MessageColumn>(MESSAGE_COLUMNS).map(
    ([name, { type, optional, unit, meaning }]) =>
      `| \`${name}\` | ${type}${optional ? ', optional' : ''} | ${unit ?? ''} | ${meaning} |`,
  );
  const table = ['| column | type | unit | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
  const written = page.replace(
    /<!-- columns -->[\s\S]*<!-- \/columns -->/,
    `<!-- columns -->\n\n${table}\n\n<!-- /columns -->`,
  );
  await expect(written).toMatchFileSnapshot('../../docs/live.md');
});

test('columns may come in any order, and optional ones not at all', () => {
  const message = withColumns({ label: null, depth_width: null, depth_height: null }, [
    'depth',
    'fy',
    'scene',
  ]);
  expect(decodeFrames(message, LIMITS)).toEqual([sentFrame()]);
});

test('a message that is none is refused in one sentence', () => {
  const good = encodeFrames([sentFrame()]);
  expect(faultOf(new Uint8Array())).toBe('message: not an Arrow IPC stream that begins with a schema');
  expect(faultOf(Buffer.from('hello, is this on?'))).toBe('message: not an Arrow IPC stream');
  expect(faultOf(good.subarray(0, 1000))).toBe('message: truncated');
  expect(faultOf(good.subarray(0, good.length - 20))).toBe('message: truncated');
  expect(faultOf(Buffer.concat([good, good]))).toBe('message: bytes after the end of the stream');
  expect(faultOf(encodeFrames(Array.from({ length: 9 }, () => sentFrame())))).toBe(
    'message: 9 rows, expected 1 to 8 frames',
  );
  expect(faultOf(encodeFrames([]))).toBe('message: 0 rows, expected 1 to 8 frames');
  const table = tableFromIPC(good);
  expect(faultOf(tableToIPC(new Table(table.schema, [...table.batches, ...table.batches]), 'stream'))).toBe(
    'message: more than one record batch, expected one',
  );
  const empty = new Schema([new Field('scene', new Utf8())]);
  expect(faultOf(tableToIPC(new Table(empty, [] as RecordBatch[]), 'stream'))).toMatch(
    /^message: (no record batch|.* rows)|^column frame: missing/,
  );
});

test('a message of other columns is refused by the name of the column', () => {
  expect(faultOf(withColumns({ fx: null }))).toBe('column fx: missing, expected in every message');
  expect(faultOf(withColumns({ lable: vectorFromArray([null], new Utf8()) }))).toMatch(
    /^column lable: unknown, expected scene, frame, .*, depth$/,
  );
  expect(faultOf(withColumns({ fx: vectorFromArray([1], new Float32()) }))).toBe(
    'column fx: is float32, expected float64',
  );
  expect(faultOf(withColumns({ timestamp: vectorFromArray(['1'], new Utf8()) }))).toBe(
    'column timestamp: is utf8, expected float64',
  );
  expect(faultOf(withColumns({ colour: vectorFromArray([new Uint8Array(3)], new LargeBinary()) }))).toBe(
    'column colour: is large_binary, expected binary',
  );
  expect(faultOf(withColumns({ scene: vectorFromArray(['room']) }))).toBe(
    'column scene: is dictionary, expected utf8',
  );
});

const raw = (encoding: 'uint16' | 'float32', bytes: number, width = WIDTH, height = HEIGHT) => ({
  encoding,
  bytes: new Uint8Array(bytes),
  scale: 1,
  width,
  height,
});
const ofPng = (bytes: Uint8Array) => ({ encoding: 'png', bytes: bytesOf(bytes) }) as const;
const mirrored = poseAt(0);
mirrored[0] = -1;
const stretched = poseAt(0);
stretched[5] = 1.1;
const projective = poseAt(0);
projective[12] = 1;
const { intrinsics } = sentFrame();

test.each<[string, Partial<CapturedFrame>, string]>([
  ['no scene', { scene: '' }, 'row 1, column scene: a name of 0 bytes, expected 1 to 200'],
  ['a long name', { id: 'ü'.repeat(101) }, 'row 1, column frame: a name of 202 bytes, expected 1 to 200'],
  ['no time', { timestamp: NaN }, 'row 1, column timestamp: NaN, expected a finite number'],
  ['an endless time', { timestamp: Infinity }, 'row 1, column timestamp: Infinity, expected a finite number'],
  [
    'colour of no kind',
    { colour: ofPng(new Uint8Array(9)) },
    'row 1, column colour: neither a JPEG nor a PNG image',
  ],
  [
    'colour cut within its header',
    { colour: { encoding: 'jpeg', bytes: sentFrame().colour.bytes.subarray(0, 12) } },
    'row 1, column colour: a JPEG whose header gives no size',
  ],
  [
    'colour that is too big',
    { colour: ofPng(png(40, 30, ramp(1200))) },
    'row 1, column colour: 40×30, expected at most 1000 pixels',
  ],
  [
    'colour of another shape',
    { colour: ofPng(png(8, 8, ramp(64))) },
    'row 1, column colour: 8×8, expected the same width to height ratio as depth at 8×6',
  ],
  [
    'depth as a picture',
    { depth: { ...sentFrame().depth, bytes: LABEL } },
    'row 1, column depth: an 8-bit PNG, expected a 16-bit one',
  ],
  [
    'depth that is no PNG',
    { depth: { ...sentFrame().depth, bytes: new Uint8Array(96) } },
    'row 1, column depth: neither a PNG nor a binary PGM image',
  ],
  [
    'depth that is too big',
    { depth: { ...sentFrame().depth, bytes: bytesOf(png16(40, 30, ramp(1200))) } },
    'row 1, column depth: 40×30, expected at most 1000 pixels',
  ],
  [
    'raw depth that is too short',
    { depth: raw('uint16', 95) },
    'row 1, column depth: 95 bytes, expected 96 for 8×6 of uint16',
  ],
  [
    'raw depth of the other kind',
    { depth: raw('float32', 96) },
    'row 1, column depth: 96 bytes, expected 192 for 8×6 of float32',
  ],
  [
    'raw depth of no width',
    { depth: raw('uint16', 0, 0) },
    'row 1, columns depth_width, depth_height: 0×6, expected both above 0',
  ],
  [
    'raw depth of negative sides',
    { depth: raw('uint16', 96, -8, -6) },
    'row 1, columns depth_width, depth_height: -8×-6, expected both above 0',
  ],
  [
    'raw depth that claims much',
    { depth: raw('uint16', 96, 2 ** 31 - 1, 2 ** 31 - 1) },
    'row 1, column depth: 2147483647×2147483647, expected at most 1000 pixels',
  ],
  [
    'depth in an unknown way',
    { depth: { ...sentFrame().depth, encoding: 'png8' as never } },
    'row 1, column depth_encoding: "png8", expected png16, uint16, float32',
  ],
  [
    'no scale',
    { depth: { ...sentFrame().depth, scale: 0 } },
    'row 1, column depth_scale: 0, expected a number above 0',
  ],
  [
    'no focal length',
    { intrinsics: { ...intrinsics, fx: 0 } },
    'row 1, columns fx, fy: focal lengths 0 and 11, expected both above 0',
  ],
  [
    'no centre',
    { intrinsics: { ...intrinsics, cy: NaN } },
    'row 1, column cy: NaN, expected a finite number',
  ],
  [
    'a lost pose',
    { cameraToWorld: poseAt(NaN) },
    'row 1, column camera_to_world: a number that is not finite',
  ],
  [
    'a far pose',
    { cameraToWorld: poseAt(-Infinity) },
    'row 1, column camera_to_world: a number that is not finite',
  ],
  ['a mirrored pose', { cameraToWorld: mirrored }, /not a rotation$/.source],
  ['a stretched pose', { cameraToWorld: stretched }, /not a rotation$/.source],
  [
    'a projection',
    { cameraToWorld: projective },
    'row 1, column camera_to_world: last row 1 0 0 1, expected 0 0 0 1',
  ],
  [
    'labels of 16 bits',
    { label: bytesOf(png16(8, 6, ramp(48))) },
    'row 1, column label: a 16-bit PNG, expected an 8-bit one',
  ],
  [
    'labels of another shape',
    { label: bytesOf(png(6, 8, ramp(48))) },
    'row 1, column label: 6×8, expected the same width to height ratio as depth at 8×6',
  ],
])('a frame with %s is refused alone', (_, some, expected) => {
  expect(rowFaultOf(sentFrame(some))).toMatch(
    expected.endsWith('$')
      ? new RegExp(expected)
      : new RegExp(`^${expected.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`),
  );
});

test('a null is refused by column and row', () => {
  const [row] = decodeFrames(withColumns({ depth_encoding: vectorFromArray([null], new Utf8()) }), LIMITS);
  expect(row).toMatchObject({
    scene: 'room',
    id: '1',
    refused: 'row 0, column depth_encoding: null, expected a value',
  });
  const [nameless] = decodeFrames(withColumns({ scene: vectorFromArray([null], new Utf8()) }), LIMITS);
  expect(nameless).toEqual({
    scene: undefined,
    id: undefined,
    refused: 'row 0, column scene: null, expected a value',
  });
  const [wide] = decodeFrames(encodeFrames([sentFrame({ depth: raw('uint16', 96) })]), LIMITS);
  expect(wide).not.toHaveProperty('refused');
});

test('sizes are read off headers of every kind', async () => {
  const progressive = await (await import('sharp'))
    .default(await jpeg(16, 12, [1, 2, 3]))
    .withExif({ IFD0: { Copyright: 'x'.repeat(500) } })
    .jpeg({ progressive: true })
    .toBuffer();
  const frames = [
    sentFrame({ colour: { encoding: 'jpeg', bytes: bytesOf(progressive) } }),
    sentFrame({ colour: ofPng(png(16, 12, ramp(192))) }),
  ];
  expect(decodeFrames(encodeFrames(frames), LIMITS)).toEqual(frames);
});

test('the first kilobytes of a stored frame tell whose it is', () => {
  const name = 'ü'.repeat(100);
  const colour = bytesOf(Buffer.concat([sentFrame().colour.bytes, new Uint8Array(50_000)]));
  for (const label of [undefined, LABEL]) {
    const bytes = encodeFrames([
      sentFrame({ scene: name, id: name, colour: { encoding: 'jpeg', bytes: colour }, label }),
    ]);
    expect(decodeHead(bytes.subarray(0, HEAD_BYTES), bytes.length, 'file')).toEqual({
      scene: name,
      id: name,
      labelled: label !== undefined,
      timestamp: 1.5,
      cameraToWorld: poseAt(0),
    });
    expect(() => decodeHead(bytes.subarray(0, HEAD_BYTES), bytes.length - 50_000, 'file')).toThrow(
      'file: truncated',
    );
  }
});

test('damaged messages of any kind are refused or read, quickly, and nothing else', () => {
  const good = encodeFrames([sentFrame({ label: LABEL }), sentFrame({ depth: raw('uint16', 96) })]);
  // The first 3 kB are where the lengths and offsets are.
  const place = fc.oneof(fc.nat(3000), fc.nat(good.length - 9));
  const mutation = fc.oneof(
    fc.tuple(place, fc.nat(255)).map(([at, value]) => (bytes: Uint8Array) => {
      bytes[at] = value;
      return bytes;
    }),
    fc
      .tuple(place, fc.constantFrom(-1, 0, 1, 0x7fffffff, -0x80000000, 0x10000))
      .map(([at, value]) => (bytes: Uint8Array) => {
        new DataView(bytes.buffer).setInt32(at & ~3, value, true);
        return bytes;
      }),
    fc.nat(good.length).map((length) => (bytes: Uint8Array) => bytes.slice(0, length)),
  );
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      let bytes: Uint8Array = new Uint8Array(good);
      for (const mutate of mutations) if (bytes.length === good.length) bytes = mutate(bytes);
      try {
        for (const row of decodeFrames(bytes, LIMITS))
          if (!('refused' in row))
            expect(row.depth.width * row.depth.height).toBeLessThanOrEqual(LIMITS.pixels);
      } catch (error) {
        if (!(error instanceof BadFrameError)) throw error;
        expect(error.message.length).toBeLessThan(400);
      }
    }),
    { numRuns: 10_000 },
  );
});
