import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import type { CapturedFrame } from '../../src/live/captured-frame.js';
import { McapCapture, type McapFrame, type McapOptions } from '../../src/live/mcap-capture.js';
import { decodeGrey } from '../../src/sources/images.js';
import { colourOf, depthOf } from '../../src/sources/ros/images.js';
import { chooseTopics } from '../../src/sources/ros/topics.js';
import { TransformTree } from '../../src/sources/ros/transforms.js';
import { jpeg, png16, ramp } from '../sources/builders.js';
import { mcap } from '../sources/mcap-files.js';
import { COLOUR, DEPTH, drive, INFO, millimetres, OPTICAL, red, shorts } from '../sources/ros-drive.js';
import { type Motion, type Recorded, ROS2 } from '../sources/ros-messages.js';

const { compressed, image, info } = ROS2;

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const captureOf = (bytes: Uint8Array, options: Partial<McapOptions> = {}, size = 777) =>
  new McapCapture(inPieces(bytes, size), { name: 'a.mcap', scene: 's', ...options });

/** All frames of a file, and what was thrown after them. */
async function framesOf(capture: McapCapture): Promise<{ frames: McapFrame[]; error: unknown }> {
  const frames: McapFrame[] = [];
  try {
    for await (const frame of capture.frames()) frames.push(frame);
  } catch (error) {
    return { frames, error };
  }
  return { frames, error: undefined };
}

const said = ({ error }: { error: unknown }) => {
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
};

describe('frames of an MCAP file', () => {
  let bytes: Uint8Array;
  beforeAll(async () => {
    bytes = await mcap(drive(3));
  });

  it('are the images with the poses between the transforms told', async () => {
    const capture = captureOf(bytes);
    const { frames, error } = await framesOf(capture);
    expect(error).toBeUndefined();
    expect(capture.topics).toEqual({ colour: COLOUR, depth: DEPTH, info: INFO });
    expect(capture.lost).toEqual({ colour: 0, camera: 0, pose: 0 });
    expect(frames.map(({ id }) => id)).toEqual(
      ramp(30, (i) => i + 1).map((i) => `${Math.floor(i / 10)}.${i % 10}00000000`),
    );
    for (const { timestamp, cameraToWorld } of frames) {
      expect(cameraToWorld[3]).toBeCloseTo(timestamp, 9);
      expect([...cameraToWorld].toSpliced(3, 1)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0.5, 0, 0, 0, 1]);
    }
    const frame: CapturedFrame = await frames[4]!.capture();
    expect(frame).toMatchObject({
      scene: 's',
      id: '0.500000000',
      intrinsics: { fx: 8, fy: 9, cx: 3.5, cy: 2.5 },
      depth: { encoding: 'uint16', scale: 1000, width: 8, height: 6 },
      colour: { encoding: 'png' },
    });
    expect(frame.depth.bytes).toEqual(millimetres.data);
    expect([...(await sharp(frame.colour.bytes).raw().toBuffer())]).toEqual([...red.data]);
    expect(await frames[4]!.grey()).toMatchObject({ width: 8, height: 6 });
  });

  it('are of topics that come a little later, too', async () => {
    // Transforms were told a minute before, and depth that is not aligned is the first to come.
    const other = image('/camera/depth/image_rect_raw', 0.1, 'camera_depth_optical_frame', millimetres);
    const [still, ...others] = drive(3);
    const capture = captureOf(
      await mcap([still!, { ...other, time: 60 }, ...others.map((m) => ({ ...m, time: m.time + 60 }))]),
    );
    expect((await framesOf(capture)).frames).toHaveLength(30);
    expect(capture.topics?.depth).toBe(DEPTH);
  });

  it('are the same however the bytes come', async () => {
    const { frames } = await framesOf(captureOf(bytes, {}, 1 << 20));
    const ids = frames.map(({ id, cameraToWorld }) => [id, ...cameraToWorld]);
    for (const size of [1, 13, 4096]) {
      const again = await framesOf(captureOf(bytes, {}, size));
      expect(again.frames.map(({ id, cameraToWorld }) => [id, ...cameraToWorld])).toEqual(ids);
    }
  });

  it.each(['lz4', 'zstd'] as const)('are the same out of chunks packed with %s', async (pack) => {
    const packed = captureOf(await mcap(drive(3), { pack }));
    const { frames, error } = await framesOf(packed);
    expect(error).toBeUndefined();
    expect(frames).toHaveLength(30);
    expect((await frames[29]!.capture()).depth.bytes).toEqual(millimetres.data);
  });

  it('asks for no more bytes than it needs for the frame asked for', async () => {
    let asked = 0;
    const long = await mcap(drive(60));
    async function* counted() {
      for await (const piece of inPieces(long, 1000)) {
        asked += piece.length;
        yield piece;
      }
    }
    const frames = new McapCapture(counted(), { name: 'a.mcap', scene: 's' }).frames();
    await frames.next();
    // A second is looked at in advance.
    expect(asked).toBeLessThan(long.length / 20);
    await frames.return(undefined);
  });

  it('cut off anywhere give the frames before, and a sentence', async () => {
    const short = await mcap(drive(1.5));
    const all = (await framesOf(captureOf(short))).frames.map(({ id }) => id);
    let before = 0;
    for (let length = 0; length < short.length; length += 997) {
      const cut = await framesOf(captureOf(short.subarray(0, length)));
      const ids = cut.frames.map(({ id }) => id);
      expect(ids).toEqual(all.slice(0, ids.length));
      expect(ids.length).toBeGreaterThanOrEqual(before);
      before = ids.length;
      expect(said(cut)).toMatch(
        /^a\.mcap (is cut off after \d+ messages, which are kept|is no MCAP file: it is empty)\.$/,
      );
    }
    expect(before).toBe(15);
  });

  it('damaged anywhere never crash: frames, then nothing or a sentence', async () => {
    const short = await mcap(drive(1.2));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(short.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const damaged = Uint8Array.from(short);
          for (const [at, value] of changes) damaged[at] = value;
          const result = await framesOf(captureOf(damaged, {}, 4096));
          if (result.error !== undefined) said(result);
        },
      ),
      { numRuns: 60 },
    );
    const other = await framesOf(captureOf(new TextEncoder().encode('not an MCAP file at all')));
    expect(said(other)).toMatch(/^a\.mcap is no MCAP file: /);
  });

  it('whose messages are garbage are refused with a reason, or counted', async () => {
    const messages = drive(1.2);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(messages.length - 1), fc.nat(1e6), fc.nat(255)), {
          minLength: 1,
          maxLength: 20,
        }),
        async (changes) => {
          const damaged = messages.map((message) => ({ ...message, bytes: message.bytes.slice() }));
          // The first bytes of a message say most: sizes, encodings, times.
          for (const [i, at, value] of changes) {
            const { bytes } = damaged[i]!;
            bytes[at % Math.min(bytes.length, 100)] = value;
          }
          const result = await framesOf(captureOf(await mcap(damaged), {}, 1 << 16));
          if (result.error !== undefined) said(result);
          for (const frame of result.frames) {
            await frame.capture().catch((error) => expect(error).toBeInstanceOf(BadFrameError));
            await frame.grey().catch((error) => expect(error).toBeInstanceOf(BadFrameError));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('do not make it read all of a file into memory whose record claims to be endless', async () => {
    let asked = 0;
    const start = bytes.slice(0, 9);
    start.set([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a, 0x05]);
    async function* endless() {
      yield Buffer.concat([start, Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0)]);
      for (const piece = new Uint8Array(2 ** 24); ; asked += piece.length) yield piece;
    }
    const result = await framesOf(new McapCapture(endless(), { name: 'a.mcap', scene: 's' }));
    expect(said(result)).toMatch(/a record of more than 128 MB/);
    expect(asked).toBeLessThanOrEqual(2 ** 28);
  });

  it('of a depth without colour near it, or a pose around it, are left out and counted', async () => {
    const messages = drive(2).filter(
      ({ topic, time }) =>
        !(topic === COLOUR && time === 0.5) && !(topic === '/tf' && time > 1.05 && time < 1.35),
    );
    const capture = captureOf(await mcap(messages));
    const { frames, error } = await framesOf(capture);
    expect(error).toBeUndefined();
    // Transforms are told at 1.01 and then at 1.41: what lies between is more than 0.2 s from one to the other.
    expect(capture.lost).toEqual({ colour: 1, camera: 0, pose: 4 });
    expect(frames).toHaveLength(15);
    expect((await framesOf(captureOf(await mcap(messages), { gap: 0.5 }))).frames).toHaveLength(19);
  });

  it('wait for transforms that come late, but not for ever', async () => {
    const late = drive(2).sort((a, b) => {
      const delay = ({ topic, time }: Recorded) => time + (topic === '/tf' ? 0.8 : 0);
      return delay(a) - delay(b);
    });
    const { frames } = await framesOf(captureOf(await mcap(late)));
    expect(frames).toHaveLength(20);
    const endless = captureOf(await mcap(drive(6).filter(({ topic, time }) => topic !== '/tf' || time < 1)));
    expect((await framesOf(endless)).frames).toHaveLength(9);
    expect(endless.lost.pose).toBe(51);
  });

  it('have the id of their time, and intrinsics at the depth’s size', async () => {
    const messages = drive(1.2).map((message) =>
      message.topic === INFO ? info(INFO, message.time, 16, 12, [16, 0, 7.5, 0, 18, 5.5, 0, 0, 1]) : message,
    );
    const { frames } = await framesOf(captureOf(await mcap(messages)));
    const { intrinsics } = await frames[0]!.capture();
    // Edges map to edges: (7.5 + ½) / 2 − ½.
    expect(intrinsics).toEqual({ fx: 8, fy: 9, cx: 3.5, cy: 2.5 });
    const bad = drive(1.2).map((message) =>
      message.topic === INFO ? info(INFO, message.time, 8, 6, new Array(9).fill(0)) : message,
    );
    const uncalibrated = await framesOf(captureOf(await mcap(bad)));
    await expect(uncalibrated.frames[0]!.capture()).rejects.toThrow(BadFrameError);
  });
});

describe('what an MCAP file lacks is told in a sentence', () => {
  const reasonOf = async (messages: readonly Recorded[], options: Partial<McapOptions> = {}) =>
    said(await framesOf(captureOf(await mcap(messages), options)));
  const only = (...topics: string[]) => drive(1.5).filter(({ topic }) => topics.includes(topic));

  it('topics, with a list of those that there are', async () => {
    expect(await reasonOf(only(COLOUR, INFO, '/tf'))).toBe(
      'a.mcap: no topic of depth images. Expected one topic each of colour, depth and camera information, or to be told ' +
        `which to take, such as --topics colour=<topic>,depth=<topic>,info=<topic>. Its topics: ${INFO} (sensor_msgs/msg/CameraInfo), ${COLOUR} (sensor_msgs/msg/Image), ` +
        '/tf (tf2_msgs/msg/TFMessage).',
    );
    expect(await reasonOf(drive(1), { topics: { depth: '/depht' } })).toMatch(
      /^a\.mcap: there is no topic \/depht\./,
    );
    expect(await reasonOf([])).toMatch(/It has no topics\.$/);
  });

  it('poses', async () => {
    expect(await reasonOf(drive(1.5).filter(({ topic }) => topic !== '/tf'))).toBe(
      'a.mcap has no frame: 15 of 15 depth images have no pose, expected transforms on /tf and /tf_static from the ' +
        "camera's frame to one that it moves in around their times.",
    );
    expect(await reasonOf(drive(1.5), { world: 'mars' })).toMatch(/from the camera's frame to mars around/);
  });

  it('colour in time', async () => {
    expect(await reasonOf(drive(1.5), { tolerance: 0.001 })).toMatch(
      /no colour image within 0\.001 s of any of 15/,
    );
  });

  it('registration of depth to colour', async () => {
    const apart = drive(1.5).map((message) =>
      message.topic === COLOUR ? image(COLOUR, message.time, 'elsewhere', red) : message,
    );
    expect(await reasonOf(apart)).toMatch(
      /seen from camera_color_optical_frame and .* from elsewhere; expected depth/,
    );
    const told = captureOf(await mcap(apart), { topics: { colour: COLOUR, depth: DEPTH } });
    expect((await framesOf(told)).frames).toHaveLength(15);
  });

  it('ROS 2 messages', async () => {
    const json = await mcap(drive(1.5), { messageEncoding: 'json', schemaEncoding: 'jsonschema' });
    expect(said(await framesOf(captureOf(json)))).toMatch(
      /is encoded as "json", expected messages of ROS 2 \(cdr\) or ROS 1 \(ros1\)/,
    );
  });

  it('nothing, where a message is no good: it is counted', async () => {
    const messages = drive(1.5);
    const at = messages.findIndex(({ topic }) => topic === DEPTH);
    messages[at] = { ...messages[at]!, bytes: messages[at]!.bytes.slice(0, 40) };
    const capture = captureOf(await mcap(messages));
    expect((await framesOf(capture)).frames).toHaveLength(14);
    expect(capture.unread).toBe(1);
  });
});

describe('chooseTopics', () => {
  const I = 'sensor_msgs/msg/Image';
  const C = 'sensor_msgs/msg/CompressedImage';
  const N = 'sensor_msgs/msg/CameraInfo';
  const choose = (topics: Record<string, string>, asked = {}) =>
    chooseTopics(new Map(Object.entries(topics)), asked);

  it('knows a RealSense, aligned depth first', () => {
    expect(
      choose({
        '/camera/camera/color/image_raw': I,
        '/camera/camera/color/image_raw/compressed': C,
        '/camera/camera/color/camera_info': N,
        '/camera/camera/depth/image_rect_raw': I,
        '/camera/camera/depth/camera_info': N,
        '/camera/camera/aligned_depth_to_color/image_raw': I,
        '/camera/camera/aligned_depth_to_color/image_raw/compressedDepth': C,
        '/camera/camera/aligned_depth_to_color/camera_info': N,
        '/camera/camera/infra1/image_rect_raw': I,
      }),
    ).toEqual({
      colour: '/camera/camera/color/image_raw/compressed',
      depth: '/camera/camera/aligned_depth_to_color/image_raw',
      info: '/camera/camera/aligned_depth_to_color/camera_info',
    });
  });

  it('knows an Azure Kinect, and a ZED', () => {
    expect(
      choose({
        '/rgb/image_raw': I,
        '/rgb/camera_info': N,
        '/ir/image_raw': I,
        '/depth_to_rgb/image_raw': I,
        '/depth_to_rgb/camera_info': N,
      }),
    ).toEqual({
      colour: '/rgb/image_raw',
      depth: '/depth_to_rgb/image_raw',
      info: '/depth_to_rgb/camera_info',
    });
    expect(
      choose({
        '/zed/zed_node/rgb/image_rect_color/compressed': C,
        '/zed/zed_node/rgb/camera_info': N,
        '/zed/zed_node/depth/depth_registered/compressedDepth': C,
      }),
    ).toEqual({
      colour: '/zed/zed_node/rgb/image_rect_color/compressed',
      depth: '/zed/zed_node/depth/depth_registered/compressedDepth',
      info: '/zed/zed_node/rgb/camera_info',
    });
  });

  it('does not guess between two cameras, unless one of their topics is named', () => {
    const two = {
      '/a/color': I,
      '/a/depth': I,
      '/a/camera_info': N,
      '/b/color': I,
      '/b/depth': I,
      '/b/camera_info': N,
    };
    expect(choose(two)).toBe('depth may be /a/depth or /b/depth');
    const b = { colour: '/b/color', depth: '/b/depth', info: '/b/camera_info' };
    expect(choose(two, { depth: '/b/depth' })).toEqual(b);
    expect(choose(two, { colour: '/b/color' })).toEqual(b);
  });
});

describe('images', () => {
  const raw = (encoding: string, data: Uint8Array, step: number, is_bigendian = 0) => ({
    width: 2,
    height: 2,
    encoding,
    is_bigendian,
    step,
    data,
  });
  const pixels = async (encoding: string, data: number[], step: number) => [
    ...(await sharp((await colourOf(raw(encoding, Uint8Array.from(data), step), '/c')).bytes)
      .raw()
      .toBuffer()),
  ];

  it('of every colour order, with padded rows', async () => {
    const rgb = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    expect(await pixels('rgb8', [1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0], 8)).toEqual(rgb);
    expect(await pixels('bgr8', [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10], 6)).toEqual(rgb);
    expect(await pixels('bgra8', [3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0, 12, 11, 10, 0], 8)).toEqual(rgb);
    expect(await pixels('mono8', [1, 2, 3, 4], 2)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    await expect(pixels('bayer_rggb8', [1, 2, 3, 4], 2)).rejects.toThrow(
      /^\/c: encoding "bayer_rggb8", expected/,
    );
    await expect(pixels('rgb8', [1, 2, 3], 6)).rejects.toThrow(/3 bytes in rows of 6, expected 2 rows of 6/);
  });

  it('compressed are left as they are', async () => {
    const bytes = await jpeg(4, 4, [1, 2, 3]);
    expect(await colourOf({ format: 'rgb8; jpeg compressed bgr8', data: bytes }, '/c')).toEqual({
      encoding: 'jpeg',
      bytes,
    });
    await expect(colourOf({ format: 'h264', data: new Uint8Array(9) }, '/c')).rejects.toThrow(
      /format "h264"/,
    );
  });

  it('of depth in metres lose what is no measurement', async () => {
    const metres = [1.5, Number.NaN, Number.POSITIVE_INFINITY, -1];
    const depth = await depthOf(raw('32FC1', new Uint8Array(Float32Array.from(metres).buffer), 8), '/d');
    expect(depth).toMatchObject({ encoding: 'float32', scale: 1, width: 2, height: 2 });
    expect([...new Float32Array(depth.bytes.buffer)]).toEqual([1.5, 0, 0, 0]);
  });

  it('of depth in millimetres, of either byte order, with padded rows', async () => {
    const expected = [1, 256, 770, 65535];
    const little = await depthOf(raw('16UC1', shorts([1, 256, 9, 770, 65535, 9]), 6), '/d');
    expect([...new Uint16Array(little.bytes.buffer)]).toEqual(expected);
    const big = Uint8Array.of(0, 1, 1, 0, 3, 2, 255, 255);
    expect([...new Uint16Array((await depthOf(raw('mono16', big, 4, 1), '/d')).bytes.buffer)]).toEqual(
      expected,
    );
    await expect(depthOf(raw('rgb8', big, 4), '/d')).rejects.toThrow(/encoding "rgb8", expected depth/);
  });

  it('of compressedDepth: millimetres as they are, metres out of inverse depth', async () => {
    const file = png16(2, 2, [0, 1000, 2000, 65535]);
    const header = (a: number, b: number) => {
      const view = new DataView(new ArrayBuffer(12));
      view.setFloat32(4, a, true);
      view.setFloat32(8, b, true);
      return Buffer.concat([new Uint8Array(view.buffer), file]);
    };
    const mm = await depthOf({ format: '16UC1; compressedDepth png', data: header(0, 0) }, '/d');
    expect(mm).toMatchObject({ encoding: 'png16', width: 2, height: 2, scale: 1000 });
    expect([...(await decodeGrey(mm.bytes, 'x')).data]).toEqual([0, 1000, 2000, 65535]);
    const m = await depthOf({ format: '32FC1; compressedDepth png', data: header(3000, -500) }, '/d');
    expect([...new Float32Array(m.bytes.buffer)]).toEqual(
      [0, 3000 / 1500, 3000 / 2500, 3000 / 66035].map(Math.fround),
    );
    await expect(
      depthOf({ format: '16UC1; compressedDepth rvl', data: new Uint8Array(40) }, '/d'),
    ).rejects.toThrow(/expected depth as a 16-bit PNG/);
    await expect(depthOf({ format: 'png', data: file.subarray(0, 20) }, '/d')).rejects.toThrow(/truncated/);
  });

  it('come out of a file compressed as well as raw', async () => {
    const colour = await jpeg(8, 6, [9, 90, 190]);
    const depths = png16(
      8,
      6,
      ramp(48, (i) => 500 + i),
    );
    const messages = drive(1.5).map((message) => {
      const { topic, time } = message;
      if (topic === COLOUR) return compressed(`${COLOUR}/compressed`, time, OPTICAL, 'jpeg', colour);
      if (topic !== DEPTH) return message;
      const data = Buffer.concat([new Uint8Array(12), depths]);
      return compressed(`${DEPTH}/compressedDepth`, time, OPTICAL, '16UC1; compressedDepth png', data);
    });
    const { frames } = await framesOf(captureOf(await mcap(messages)));
    expect(frames).toHaveLength(15);
    const { colour: image, depth } = await frames[0]!.capture();
    expect(Buffer.from(image.bytes).equals(colour)).toBe(true);
    expect(Buffer.from(depth.bytes).equals(depths)).toBe(true);
  });
});

describe('TransformTree', () => {
  /** A turn about z. */
  const turn = (degrees: number): NonNullable<Motion[3]> => [
    0,
    0,
    Math.sin((degrees * Math.PI) / 360),
    Math.cos((degrees * Math.PI) / 360),
  ];

  it('chains transforms from the frame up to the world', () => {
    const tree = new TransformTree(1);
    tree.add('map', 'base', { translation: [10, 0, 0], rotation: turn(90) }, 5);
    tree.add('/base', '/camera', { translation: [1, 0, 0], rotation: turn(0) });
    expect(tree.rootOf('camera')).toBe('map');
    // One metre ahead of a base that looks along y.
    const pose = tree.lookUp('map', 'camera', 5) as Float64Array;
    expect([...pose].map((x) => Math.round(x * 1e12) / 1e12 + 0)).toEqual([
      0, -1, 0, 10, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1,
    ]);
  });

  it('turns evenly between samples, the shorter way, and never goes beyond them', () => {
    const tree = new TransformTree(1);
    const [x, y, z, w] = turn(60);
    tree.add('map', 'c', { translation: [0, 0, 0], rotation: turn(0) }, 1);
    // The same turn as 60°, with the other sign.
    tree.add('map', 'c', { translation: [3, 0, 0], rotation: [-x, -y, -z, -w] }, 2);
    for (const share of [0, 0.25, 0.5, 0.9, 1]) {
      const pose = tree.lookUp('map', 'c', 1 + share) as Float64Array;
      expect(pose[3]).toBeCloseTo(3 * share, 12);
      expect((Math.atan2(pose[4], pose[0]) * 180) / Math.PI).toBeCloseTo(60 * share, 9);
    }
    expect(tree.lookUp('map', 'c', 2.001)).toBe('later');
    expect(tree.lookUp('map', 'c', 0.999)).toBe('never');
    expect(tree.lookUp('elsewhere', 'c', 1.5)).toBe('later');
    tree.add('map', 'c', { translation: [0, 0, 0], rotation: turn(0) }, 3.5);
    expect(tree.lookUp('map', 'c', 3)).toBe('never');
    expect(tree.lookUp('map', 'c', 3.5)).toBeInstanceOf(Float64Array);
  });

  it('takes samples in any order and twice, and remembers a bounded time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 2 }),
        fc.double({ min: 0, max: 10, noNaN: true }),
        (times, t) => {
          const tree = new TransformTree(100);
          for (const time of times) {
            tree.add('map', 'c', { translation: [time / 10, 0, 0], rotation: turn(0) }, time / 10);
          }
          const pose = tree.lookUp('map', 'c', t);
          if (t * 10 > Math.max(...times)) expect(pose).toBe('later');
          else if (t * 10 < Math.min(...times)) expect(pose).toBe('never');
          else expect((pose as Float64Array)[3]).toBeCloseTo(t, 9);
        },
      ),
    );
    const tree = new TransformTree(1);
    for (let i = 0; i < 5000; i++)
      tree.add('map', 'c', { translation: [i, 0, 0], rotation: turn(0) }, i / 100);
    expect(tree.lookUp('map', 'c', 30)).toBe('never');
    expect(tree.lookUp('map', 'c', 41)).toBeInstanceOf(Float64Array);
  });

  it('does not go in circles, nor take what is no transform, nor a camera that nothing moves', () => {
    const tree = new TransformTree(1);
    const still = { translation: [0, 0, 0], rotation: [0, 0, 0, 1] } as const;
    tree.add('a', 'b', still, 1);
    tree.add('b', 'a', still, 1);
    expect(tree.lookUp('map', 'a', 1)).toBe('never');
    expect(tree.rootOf('a')).toBeUndefined();
    tree.add('map', 'c', { ...still, rotation: [0, 0, 0, 0] });
    tree.add('map', 'c', { ...still, translation: [Number.NaN, 0, 0] });
    expect(tree.rootOf('c')).toBeUndefined();
    tree.add('link', 'c', still);
    expect(tree.rootOf('c')).toBeUndefined();
  });
});
