import type { CapturedFrame } from '../../src/live/captured-frame.js';
import { LiveRecording, type LiveRecordingOptions } from '../../src/live/live-recording.js';
import { NetworkSource, type NetworkSourceOptions } from '../../src/live/network-source.js';
import { temporaryFolder } from '../sample.js';
import { jpeg, png, png16, ramp } from '../sources/builders.js';

/** Of the frames below. */
export const WIDTH = 8;
export const HEIGHT = 6;

export const bytesOf = (buffer: Uint8Array) => new Uint8Array(buffer);
const COLOUR = { encoding: 'jpeg', bytes: bytesOf(await jpeg(WIDTH, HEIGHT, [200, 100, 50])) } as const;
const DEPTH = bytesOf(
  png16(
    WIDTH,
    HEIGHT,
    ramp(WIDTH * HEIGHT, (i) => 1000 + i),
  ),
);
export const LABEL = bytesOf(
  png(
    WIDTH,
    HEIGHT,
    ramp(WIDTH * HEIGHT, (i) => (i === 0 ? 255 : i % 2)),
  ),
);

/** Standing at (x, y, z) metres, axes as the world's. */
export function poseAt(x: number, y = 0, z = 0): Float64Array {
  return Float64Array.of(1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1);
}

/** A good frame; millimetres, 1 m and a little more everywhere. */
export function sentFrame(some: Partial<CapturedFrame> = {}): CapturedFrame {
  return {
    scene: 'room',
    id: '1',
    timestamp: 1.5,
    colour: COLOUR,
    depth: { encoding: 'png16', bytes: DEPTH, scale: 1000, width: WIDTH, height: HEIGHT },
    intrinsics: { fx: 10, fy: 11, cx: 3.5, cy: 2.5 },
    cameraToWorld: poseAt(0),
    label: undefined,
    ...some,
  };
}

export const KEEP_ALL: NetworkSourceOptions['gate'] = { judge: async () => undefined, keep: () => {} };

export async function newRecording(options: LiveRecordingOptions = {}): Promise<LiveRecording> {
  return LiveRecording.open(await temporaryFolder(), options);
}

/** A source that keeps all, with a reader that takes all. */
export async function newSource(
  options: LiveRecordingOptions = {},
  {
    waiting = 32,
    isRead = true,
    gate = KEEP_ALL,
  }: { waiting?: number; isRead?: boolean; gate?: NetworkSourceOptions['gate'] } = {},
): Promise<NetworkSource> {
  const source = new NetworkSource(await newRecording(options), {
    gate,
    waiting,
  });
  if (isRead) void drain(source);
  return source;
}

async function drain(source: NetworkSource): Promise<void> {
  for await (const _ of source.arrivals());
}
