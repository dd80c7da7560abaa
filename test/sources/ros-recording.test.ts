import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bag } from '@foxglove/rosbag';
import { McapIndexedReader, McapStreamReader, type McapTypes } from '@mcap/core';
import { loadDecompressHandlers } from '@mcap/support';
import { describe, expect, it } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import type { Frame } from '../../src/frame.js';
import { random } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';
import type { Recording } from '../../src/sources/recording.js';
import { jpeg, png16, ramp, writeRecording } from './builders.js';
import { lz4, mcap, mcapBytes } from './mcap-files.js';
import { COLOUR, DEPTH, drive, INFO, millimetres, OPTICAL, red } from './ros-drive.js';
import { type Messages, type Recorded, ROS1, ROS2 } from './ros-messages.js';
import { type BagKind, bag } from './rosbag-files.js';

const SIZE = { width: 8, height: 6 };

/** Every way in which a recording of ROS may lie in a file. */
const WAYS: readonly [
  name: string,
  ending: string,
  messages: Messages,
  pack: (m: Recorded[]) => Uint8Array,
][] = [
  ['MCAP without chunks', 'mcap', ROS2, (m) => mcapBytes(m, { perChunk: 0 })],
  ['MCAP in chunks', 'mcap', ROS2, (m) => mcapBytes(m)],
  ['MCAP in chunks without checksums', 'mcap', ROS2, (m) => mcapBytes(m, { checksums: false })],
  ['MCAP in chunks of lz4', 'mcap', ROS2, (m) => mcapBytes(m, { pack: 'lz4' })],
  ['MCAP in chunks of zstd', 'mcap', ROS2, (m) => mcapBytes(m, { pack: 'zstd' })],
  ['MCAP of messages of ROS 1', 'mcap', ROS1, (m) => mcapBytes(m, { encoding: 'ros1' })],
  ['a bag', 'bag', ROS1, (m) => bag(m)],
  ['a bag in chunks of lz4', 'bag', ROS1, (m) => bag(m, { pack: 'lz4' })],
];

async function written(name: string, bytes: Uint8Array): Promise<string> {
  return join(await writeRecording({ [name]: bytes }), name);
}

async function readAll(recording: Recording): Promise<Map<string, Frame>> {
  const frames = new Map<string, Frame>();
  for (const entry of recording.frames) frames.set(entry.id, await recording.read(entry, SIZE));
  return frames;
}

/** Whether a frame is, to the bit, the one of that time. */
function expectDriven(frame: Frame, t: number): void {
  expect(frame).toMatchObject({ ...SIZE, timestamp: t, intrinsics: { fx: 8, fy: 9, cx: 3.5, cy: 2.5 } });
  expect(frame.labels).toBeUndefined();
  expect([...frame.colour]).toEqual([...red.data]);
  expect([...frame.depth]).toEqual(ramp(48, (i) => Math.fround((1000 + i) / 1000)));
  expect(frame.cameraToWorld[3]).toBeCloseTo(t, 9);
  expect([...frame.cameraToWorld].toSpliced(3, 1)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0.5, 0, 0, 0, 1]);
}

describe.each(WAYS)('a recording of ROS: %s', (_, ending, messages, pack) => {
  it('is read to exact frames, in any order and at once', async () => {
    const path = await written(`kitchen.${ending}`, pack(drive(1.2, messages)));
    const recording = await openRecording(path);
    expect(recording).toMatchObject({
      path,
      format: ending === 'bag' ? 'rosbag' : 'mcap',
      classes: [],
      bad: [],
    });
    expect(recording.frames.map(({ id }) => id)).toEqual(
      ramp(12, (i) => i + 1).map((i) => `${Math.floor(i / 10)}.${i % 10}00000000`),
    );
    const backwards = recording.frames.toReversed();
    const frames = await Promise.all(backwards.map((entry) => recording.read(entry, SIZE)));
    for (const [i, frame] of frames.entries()) {
      expect(frame.scene).toBe('kitchen');
      expectDriven(frame, (12 - i) / 10);
      expect(await recording.readTime!(backwards[i]!)).toBe(frame.timestamp);
      expect(await recording.readPose!(backwards[i]!)).toEqual(frame.cameraToWorld);
      expect(await recording.readColourDelay!(backwards[i]!)).toBeCloseTo(0.004, 6);
    }
    expect(new Set(recording.frames.map(({ fingerprint }) => fingerprint)).size).toBe(12);
  });

  it('has other fingerprints when the file is another', async () => {
    const path = await written(`a.${ending}`, pack(drive(0.5, messages)));
    const prints = async () => (await openRecording(path)).frames.map(({ fingerprint }) => fingerprint);
    const before = await prints();
    expect(await prints()).toEqual(before);
    const { atime, mtimeMs } = await stat(path);
    await utimes(path, atime, new Date(mtimeMs + 5000));
    const after = await prints();
    for (const [i, print] of after.entries()) expect(print).not.toBe(before[i]);
  });
});

const DAMAGED = WAYS.filter(([name]) => !/without checksums|messages of ROS 1/.test(name));
describe.each(DAMAGED)('a damaged recording of ROS: %s', (_, ending, messages, pack) => {
  it('cut off gives the frames before the cut, to the bit', async () => {
    const whole = pack(drive(0.5, messages));
    const next = random(3);
    let best = 0;
    const path = await written(`cut.${ending}`, whole);
    for (let i = 0; i < 200; i++) {
      await writeFile(path, whole.subarray(0, Math.floor(next() * whole.length)));
      const cut = await opened(path);
      if (cut === undefined) continue;
      for (const [n, entry] of cut.frames.entries()) expect(entry.id).toBe(`0.${n + 1}00000000`);
      best = Math.max(best, cut.frames.length);
    }
    expect(best).toBeGreaterThanOrEqual(3);
  });

  it('with a byte changed gives frames and reports', async () => {
    const whole = pack(drive(0.5, messages));
    const next = random(4);
    let read = 0;
    const path = await written(`flipped.${ending}`, whole);
    for (let i = 0; i < 200; i++) {
      const bytes = Uint8Array.from(whole);
      bytes[Math.floor(next() * bytes.length)]! ^= 1 + Math.floor(next() * 255);
      await writeFile(path, bytes);
      const recording = await opened(path);
      for (const entry of recording?.frames ?? []) {
        try {
          await recording!.read(entry, SIZE);
          read++;
        } catch (error) {
          if (!(error instanceof BadFrameError)) throw error;
        }
      }
    }
    expect(read).toBeGreaterThan(300);
  });
});

/** A damaged recording, opened; undefined where a sentence says that it cannot be. */
async function opened(path: string): Promise<Recording | undefined> {
  try {
    return await openRecording(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/\.$/);
    return undefined;
  }
}

describe('checksums of an MCAP file', () => {
  it('keep changed pixels from being taken for what was recorded', async () => {
    const whole = mcapBytes(drive(0.8));
    // Red, green and blue of some pixel: nothing but the checksum can tell.
    const at = whole.indexOf(red.data, whole.length >> 1) + 50;
    whole[at]! ^= 1;
    const recording = await openRecording(await written('a.mcap', whole));
    const results = await Promise.allSettled(recording.frames.map((entry) => recording.read(entry, SIZE)));
    const bad = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(bad.length).toBeGreaterThan(0);
    expect(bad.length).toBeLessThan(4);
    for (const { reason } of bad) {
      expect(reason).toBeInstanceOf(BadFrameError);
      expect(reason.message).toMatch(/^a\.mcap: a chunk whose checksum is wrong at byte \d+$/);
    }
    for (const result of results)
      if (result.status === 'fulfilled') expectDriven(result.value, result.value.timestamp);
  });

  it('of a packed chunk cost the frames in it, and no others', async () => {
    for (const pack of ['lz4', 'zstd'] as const) {
      const whole = mcapBytes(drive(1.2), { pack });
      whole[whole.indexOf(red.data, whole.length >> 1) + 50]! ^= 1;
      const recording = await openRecording(await written('a.mcap', whole));
      expect(recording.frames.length).toBeGreaterThanOrEqual(9);
      expect(recording.bad.map(({ reason }) => reason).join()).toMatch(/a chunk whose checksum is wrong/);
      for (const frame of (await readAll(recording)).values()) expectDriven(frame, frame.timestamp);
    }
  });
});

describe('independent readers', () => {
  it('see the same messages in our MCAP files', async () => {
    const messages = drive(0.5);
    for (const pack of [undefined, 'lz4', 'zstd'] as const) {
      const reader = new McapStreamReader({ decompressHandlers: await loadDecompressHandlers() });
      reader.append(mcapBytes(messages, pack ? { pack } : {}));
      const found: McapTypes.Message[] = [];
      for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord())
        if (record.type === 'Message') found.push(record);
      expect(reader.done()).toBe(true);
      expect(found.map(({ data }) => Buffer.from(data))).toEqual(
        messages.map(({ bytes }) => Buffer.from(bytes)),
      );
    }
  });

  it('write MCAP files with an index that give the same frames', async () => {
    const bytes = await mcap(drive(1.2), { pack: 'zstd' });
    const indexed = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt(bytes.length),
        read: async (at, length) => bytes.subarray(Number(at), Number(at + length)),
      },
      decompressHandlers: await loadDecompressHandlers(),
    });
    let depths = 0;
    for await (const _ of indexed.readMessages({ topics: [DEPTH] })) depths++;
    const recording = await openRecording(await written('a.mcap', bytes));
    expect(recording.frames).toHaveLength(depths);
    for (const frame of (await readAll(recording)).values()) expectDriven(frame, frame.timestamp);
  });

  it('see the same messages in our bags', async () => {
    const messages = drive(0.5, ROS1);
    for (const pack of [undefined, 'lz4'] as const) {
      const bytes = bag(messages, pack ? { pack } : {});
      const file = {
        size: () => bytes.length,
        read: async (at: number, length: number) => bytes.subarray(at, at + length),
      };
      const handlers = await loadDecompressHandlers();
      const reader = new Bag(file, {
        parse: false,
        decompress: { lz4: (data, size) => handlers.lz4!(data, BigInt(size)) },
      });
      await reader.open();
      const found: string[] = [];
      for await (const { topic, data } of reader.messageIterator())
        found.push(`${topic} ${Buffer.from(data).toString('hex')}`);
      const ours = messages.map(({ topic, bytes: data }) => `${topic} ${Buffer.from(data).toString('hex')}`);
      expect(found.sort()).toEqual(ours.sort());
    }
  });
});

describe('bags of ROS 1', () => {
  it('packed with bz2 are read', async () => {
    const kind: BagKind = { pack: 'bz2', perChunk: 100, packed: () => Buffer.from(BZ2, 'base64') };
    const recording = await openRecording(await written('a.bag', bag(drive(0.2, ROS1), kind)));
    expect(recording.frames).toHaveLength(2);
    for (const frame of (await readAll(recording)).values()) expectDriven(frame, frame.timestamp);
  });

  it('whose recorder was killed are read without an index', async () => {
    const bytes = bag(drive(0.8, ROS1));
    bytes
      .fill(0, 13 + 4 + 4, 13 + 8)
      .fill(0, bytes.indexOf('index_pos=') + 10, bytes.indexOf('index_pos=') + 18);
    const path = await written('a.bag.active', bytes.subarray(0, bytes.length - 3000));
    const recording = await openRecording(path);
    expect(recording.frames.length).toBeGreaterThanOrEqual(6);
    expect(recording.frames[0]!.scene).toBe('a');
    for (const frame of (await readAll(recording)).values()) expectDriven(frame, frame.timestamp);
  });

  it('of older formats are named', async () => {
    const old = await written('a.bag', Buffer.from('#ROSBAG V1.2\nop=2'));
    await expect(openRecording(old)).rejects.toThrow(/found "#ROSBAG V1\.2"; rosbag fix makes one/);
    await expect(openRecording(await written('a.bag', Buffer.from('x')))).rejects.toThrow(
      /is no bag of ROS 1/,
    );
  });
});

describe('images as they are recorded', () => {
  it('compressed: JPEG colour, PNG depth', async () => {
    for (const messages of [ROS2, ROS1]) {
      const colour = await jpeg(8, 6, [9, 90, 190]);
      const depths = png16(
        8,
        6,
        ramp(48, (i) => 500 + i),
      );
      const all = drive(0.5, messages).map((message) => {
        const { topic, time } = message;
        if (topic === COLOUR)
          return messages.compressed(`${COLOUR}/compressed`, time, OPTICAL, 'jpeg', colour);
        if (topic !== DEPTH) return message;
        const data = Buffer.concat([new Uint8Array(12), depths]);
        const format = '16UC1; compressedDepth png';
        return messages.compressed(`${DEPTH}/compressedDepth`, time, OPTICAL, format, data);
      });
      const bytes = messages === ROS2 ? mcapBytes(all, { pack: 'zstd' }) : bag(all);
      const recording = await openRecording(await written(messages === ROS2 ? 'a.mcap' : 'a.bag', bytes));
      const frames = [...(await readAll(recording)).values()];
      expect(frames).toHaveLength(5);
      expect([...frames[0]!.depth]).toEqual(ramp(48, (i) => Math.fround((500 + i) / 1000)));
      // JPEG keeps one colour to within a shade or two.
      for (const [i, shade] of [9, 90, 190].entries())
        expect(Math.abs(frames[0]!.colour[i]! - shade)).toBeLessThanOrEqual(3);
    }
  });

  it('in metres, with NaN for no measurement, and a camera calibrated at another size', async () => {
    const metres = {
      ...millimetres,
      encoding: '32FC1',
      data: new Uint8Array(Float32Array.from(ramp(48, (i) => (i % 5 === 0 ? Number.NaN : i / 8))).buffer),
    };
    const messages = drive(0.5).map((message) => {
      if (message.topic === DEPTH) return ROS2.image(DEPTH, message.time, OPTICAL, metres);
      return message.topic === INFO
        ? ROS2.info(INFO, message.time, 16, 12, [16, 0, 7.5, 0, 18, 5.5, 0, 0, 1])
        : message;
    });
    const recording = await openRecording(await written('a.mcap', mcapBytes(messages)));
    const frame = await recording.read(recording.frames[2]!, SIZE);
    expect([...frame.depth]).toEqual(ramp(48, (i) => (i % 5 === 0 ? 0 : i / 8)));
    expect(frame.intrinsics).toEqual({ fx: 8, fy: 9, cx: 3.5, cy: 2.5 });
  });

  it('bad ones cost their frame: an unknown encoding, a camera that is not calibrated', async () => {
    const strange = drive(0.5).map((message) =>
      message.topic === COLOUR && message.time === 0.3
        ? ROS2.image(COLOUR, 0.304, OPTICAL, { ...red, encoding: 'bayer_rggb8' }, 0.3)
        : message,
    );
    const recording = await openRecording(await written('a.mcap', mcapBytes(strange)));
    expect(recording.frames).toHaveLength(5);
    await expect(recording.read(recording.frames[2]!, SIZE)).rejects.toThrow(
      `a.mcap, ${COLOUR}: encoding "bayer_rggb8"`,
    );
    const zero = drive(0.5).map((message) =>
      message.topic === INFO ? ROS2.info(INFO, message.time, 8, 6, new Array(9).fill(0)) : message,
    );
    const uncalibrated = await openRecording(await written('a.mcap', mcapBytes(zero)));
    await expect(uncalibrated.read(uncalibrated.frames[0]!, SIZE)).rejects.toThrow(/focal lengths 0 and 0/);
  });
});

describe('frames of which something is missing', () => {
  it('are bad, with a reason, and the others are read', async () => {
    const messages = drive(2).filter(
      ({ topic, time }) =>
        !(topic === COLOUR && time === 0.5) && !(topic === '/tf' && time > 1.05 && time < 1.35),
    );
    const recording = await openRecording(await written('a.mcap', mcapBytes(messages)));
    expect(recording.frames).toHaveLength(15);
    expect(recording.bad).toHaveLength(5);
    expect(recording.bad[0]).toEqual({
      scene: 'a',
      id: '0.500000000',
      file: 'a.mcap',
      reason: 'no colour image within 0.02 s of the depth image',
    });
    expect(recording.bad[1]).toMatchObject({
      id: '1.100000000',
      reason: 'no pose: no transforms to map around its time',
    });
  });

  it('may wait long for their transforms, which SLAM tells late', async () => {
    const late = drive(12).toSorted((a, b) => {
      const delay = ({ topic, time }: Recorded) => time + (topic === '/tf' ? 8 : 0);
      return delay(a) - delay(b);
    });
    const recording = await openRecording(await written('a.mcap', mcapBytes(late)));
    expect(recording.frames).toHaveLength(120);
  });

  it('all of them are an error that says what was expected', async () => {
    const path = await written('a.mcap', mcapBytes(drive(1.5).filter(({ topic }) => topic !== '/tf')));
    await expect(openRecording(path)).rejects.toThrow(
      /15 of 15 depth images have no pose, expected transforms/,
    );
    const none = await written('a.mcap', mcapBytes([]));
    await expect(openRecording(none)).rejects.toThrow(/no topic of depth images\..*It has no topics\.$/);
  });

  it('come once: two depth images of one time are not two frames', async () => {
    const messages = drive(0.5).flatMap((message) =>
      message.topic === DEPTH ? [message, message] : [message],
    );
    const colours = messages.flatMap((message) =>
      message.topic === COLOUR ? [message, message] : [message],
    );
    const recording = await openRecording(await written('a.mcap', mcapBytes(colours)));
    expect(new Set(recording.frames.map(({ id }) => id)).size).toBe(recording.frames.length);
    expect(recording.frames).toHaveLength(5);
  });
});

describe('topics that a user names', () => {
  /** Two cameras on one robot, each with all that a frame takes; the other one's depth is 10 cm more. */
  const LEFT = '/left/aligned_depth_to_color/image_raw';
  const two = drive(1).flatMap((message) => {
    const other = message.topic.replace('/camera/', '/left/');
    return other === message.topic ? [message] : [message, { ...message, topic: other }];
  });

  it('decide where more than one camera would do, in a file and in a folder, of ROS 2 and ROS 1', async () => {
    const path = await written('a.mcap', mcapBytes(two));
    await expect(openRecording(path)).rejects.toThrow(
      /depth may be .* or .*such as --topics colour=<topic>,depth=<topic>,info=<topic>/,
    );
    const recording = await openRecording(path, { topics: `depth=${LEFT}` });
    expect(recording.frames).toHaveLength(10);
    const named = `colour=${COLOUR}, depth=${DEPTH},info=${INFO}`;
    expect((await openRecording(path, { topics: named })).frames).toHaveLength(10);
    const folder = await writeRecording({ 'metadata.yaml': '', 'a_0.mcap': mcapBytes(two) });
    expect((await openRecording(folder, { topics: `depth=${LEFT}` })).frames).toHaveLength(10);
    const ros1 = drive(1, ROS1).flatMap((message) => {
      const other = message.topic.replace('/camera/', '/left/');
      return other === message.topic ? [message] : [message, { ...message, topic: other }];
    });
    const bagPath = await written('a.bag', bag(ros1));
    expect((await openRecording(bagPath, { topics: `depth=${LEFT}` })).frames).toHaveLength(10);
  });

  it('are refused in a sentence where they are none', async () => {
    const path = await written('a.mcap', mcapBytes(two));
    await expect(openRecording(path, { topics: 'depth=/nowhere' })).rejects.toThrow(
      'there is no topic /nowhere',
    );
    for (const topics of ['/left/depth', 'deep=/a', 'depth=/a,depth=/b', ''])
      await expect(openRecording(path, { topics })).rejects.toThrow(
        'Option topics: expected colour=<topic>, depth=<topic>, info=<topic>',
      );
    await expect(openRecording('data/sample', { topics: 'depth=/a' })).rejects.toThrow(
      'data/sample (own) has no topics',
    );
  });
});

describe('a bag of ROS 2', () => {
  it('is a folder with metadata.yaml, of one file or several in turn', async () => {
    const messages = drive(2.4);
    const third = messages.length / 3;
    const files: Record<string, string | Uint8Array> = { 'metadata.yaml': 'rosbag2_bagfile_information:\n' };
    // Ten is read after nine.
    for (const [i, n] of [8, 9, 10].entries())
      files[`walk_${n}.mcap`] = mcapBytes(messages.slice(Math.floor(i * third), Math.floor((i + 1) * third)));
    const path = await writeRecording(files);
    const recording = await openRecording(path);
    expect(recording).toMatchObject({ format: 'mcap', bad: [] });
    expect(recording.frames).toHaveLength(24);
    for (const frame of (await readAll(recording)).values()) expectDriven(frame, frame.timestamp);
    expect((await openRecording(path, { format: 'mcap' })).frames).toHaveLength(24);
  });

  it('kept otherwise is named, with a way out', async () => {
    const database = await writeRecording({ 'metadata.yaml': '', 'a_0.db3': 'SQLite format 3' });
    await expect(openRecording(database)).rejects.toThrow(/a_0\.db3 is no MCAP file: .* ros2 bag convert/);
  });

  it('is told from other files by its first bytes, too', async () => {
    const path = await written('a.mcap', Buffer.from('something else'));
    await expect(openRecording(path)).rejects.toThrow(/is no MCAP file: it does not begin as one\.$/);
    const folder = await writeRecording({ 'metadata.yaml': '' });
    await mkdir(join(folder, 'a.mcap'));
    await expect(openRecording(folder)).rejects.toThrow(/is not in any known layout/);
    const bagFolder = await writeRecording({ 'a.bag': bag(drive(0.2, ROS1)) });
    expect(await openRecording(bagFolder)).toMatchObject({
      format: 'rosbag',
      path: join(bagFolder, 'a.bag'),
    });
  });
});

describe('bombs', () => {
  const opens = async (name: string, bytes: Uint8Array) => {
    const before = process.memoryUsage.rss();
    const recording = await opened(await written(name, bytes));
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 29);
    return recording;
  };

  it.each(['lz4', 'zstd'] as const)(
    'of %s are refused: chunks that unpack to more than they say, or say',
    async (pack) => {
      for (const lie of [-100, 2 ** 30, 2 ** 47]) {
        expect(await opens('a.mcap', mcapBytes(drive(0.5), { pack, lie }))).toBeUndefined();
      }
      // A zstd frame of one block that repeats a byte 2^20 times (RFC 8878, 3.1.1.2), as often as there is room for.
      const runs = Buffer.alloc(4 * 4000);
      for (let i = 0; i < 4000; i++) {
        runs.writeUIntLE(((2 ** 17) << 3) | (1 << 1) | Number(i === 3999), i * 4, 3);
      }
      const bomb = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]), runs]);
      expect(await opens('a.mcap', chunkOf('zstd', bomb, 2 ** 20))).toBeUndefined();
    },
  );

  it('of bags are refused likewise', async () => {
    for (const lie of [-100, 2 ** 31]) {
      expect(await opens('a.bag', bag(drive(0.5, ROS1), { pack: 'lz4', lie }))).toBeUndefined();
      const bz2: BagKind = { pack: 'bz2', perChunk: 100, packed: () => Buffer.from(BZ2, 'base64'), lie };
      expect(await opens('a.bag', bag(drive(0.2, ROS1), bz2))).toBeUndefined();
    }
  });

  it('do not spoil the unpacking of the next', async () => {
    const sound = await written('sound.bag', bag(drive(0.5, ROS1), { pack: 'lz4' }));
    for (let i = 0; i < 3; i++) {
      const packed = (chunk: Uint8Array) =>
        lz4(chunk).map((byte, at) => (at > 6 && at < 20 ? byte ^ 0xff : byte));
      await opens('a.bag', bag(drive(0.5, ROS1), { pack: 'lz4', packed }));
      expect((await openRecording(sound)).frames).toHaveLength(5);
    }
  });

  it('of thousands of damaged records are told in a few lines', async () => {
    const whole = mcapBytes(drive(0.5), { perChunk: 0 });
    const empty = Buffer.alloc(9 * 10_000);
    for (let i = 0; i < 10_000; i++) empty[9 * i] = 3;
    const end = whole.length - 13 - 29 - 8;
    const recording = await opens(
      'a.mcap',
      Buffer.concat([whole.subarray(0, end), empty, whole.subarray(end)]),
    );
    expect(recording?.frames).toHaveLength(5);
    expect(recording?.bad).toHaveLength(20);
  });
});

/** A file of one chunk. */
function chunkOf(compression: string, packed: Uint8Array, size: number): Buffer {
  const content = Buffer.alloc(8 * 3 + 4 + 4 + compression.length + 8);
  content.writeBigUInt64LE(BigInt(size), 16);
  content.writeUInt32LE(compression.length, 28);
  content.write(compression, 32);
  content.writeBigUInt64LE(BigInt(packed.length), 32 + compression.length);
  const head = Buffer.alloc(9);
  head[0] = 6;
  head.writeBigUInt64LE(BigInt(content.length + packed.length), 1);
  const empty = mcapBytes([]);
  const start = empty.length - 13 - 29 - 8;
  return Buffer.concat([empty.subarray(0, start), head, content, packed, empty.subarray(start)]);
}

/** The chunk of `bag(drive(0.2, ROS1), { perChunk: 100 })`, packed by Python's bz2. */
const BZ2 =
  'QlpoOTFBWSZTWSibj8kAAnV//////9tRc/NCyaIHxv/n3rBkAcAABAEABBBYCABwf///0ANeAAAAHAAAAAAAAAGQ0AAAAAAAAAAH' +
  'AAAAAAAAAGQ0AAAAAAAAAAHAAAAAAAAAGQ0AAAAAAAAAAHAAAAAAAAAGQ0AAAAAAAAAABUlBBGjVPajT0Uye1I9TI0epk9Rk0A00' +
  'aGTQAAABhGmTCeiepuI5JyTSWqFqXKc+l5So0ltz0Z0bA4yPI4/M3eZwWEU8J9f5VVi5wkvepdclNfPnssstu9eonRusT5sH0Ys6' +
  '/bXmo3I2pJpTLHKjBJLlNtHoOY3V7TbvKeayt19joLYJs0qoEfgkpJMygnpqk9ZUEnCSUm4YmFJwVxF0tSWrS1FMaSlk3MPK32Fi' +
  'ScRiUT938Oo6rrOu/l/TsP7dl2n+O27juu8/1vO+8D/m+0TrcWnDkPFcRxmg0JOW22N57kvddF5Dluk9557pvffA+F8Tmua4RsGd' +
  'JR+amw42ySpYkr4T82vw8CTt4X12XExkucWLExuvS5q7SoqlUq8tKSnLjt2Pq0Ft6LkopKij3adpT+OrYvZNvj6+a+TWo+6PvcB1' +
  'o+7M23DyqurpVorv6L+BxIyp2YwlqdlYosLn7KdDZWf1Gr03Hfk1EVJzEUlR2Y4qLpdFOgPBTe8Fh+h1DjnEOw63YaO/tXPE7Cx1' +
  'HD09zJvOvn8NuGSNiNo7sWvHnNVF5qu6bbd3cDvRSTynjqijwozl0WDkVJdMxrRiYDM5TA1DvOrBYyJUUtVVUlkkujMeNF0LctGI' +
  'sWI5EWw5BqxfKLw7iotyppRgmOKjK2ImUwxhPQrURSeGaxYjSY42YtjTjThwJGN/sdpqmvLVRgi1FBZGnGjHJMca5jxEtkmaajUM' +
  '7YkYIqSZJJcjJGZODKjFlmnJN6KRiZCyQoL4xFzHGrGlJjnnSs8a00pMa+O9GCMLPcqcIuVGRGaMRYjDFRUazAeMyxs7/lYqrg7y' +
  '937m3t9Hn6HyTwXpPLJiC5JzkmqTCk3608XO3rmKbWkxl1N+KR3GJTIqe23b0asYbCP/F3JFOFCQKJuPyQ==';
