import { existsSync } from 'node:fs';
import sharp from 'sharp';
import type { CapturedFrame } from '../src/live/captured-frame.js';
import { openRecording } from '../src/sources/open.js';
import { SAMPLE } from './figure.js';

/** Real frames of a moving depth camera beside the checkout, 640×480. */
const SEVEN_SCENES = '../shared/data/7scenes-sample';
export const CAMERA = { width: 640, height: 480 };

/** Frames as a 640×480 depth camera sends them: JPEG and 16-bit PNG. */
export async function capturedFrames(): Promise<CapturedFrame[]> {
  const recording = await openRecording(existsSync(SEVEN_SCENES) ? SEVEN_SCENES : SAMPLE);
  return Promise.all(
    recording.frames.slice(0, 40).map(async (entry, i): Promise<CapturedFrame> => {
      const { colour, depth, intrinsics, cameraToWorld } = await recording.read(entry, CAMERA);
      const raw = { ...CAMERA, channels: 3 } as const;
      const millimetres = Uint16Array.from(depth, (z) => Math.round(1000 * z));
      return {
        ...{ scene: entry.scene, id: entry.id, timestamp: i / 30, intrinsics, cameraToWorld },
        colour: { encoding: 'jpeg', bytes: await sharp(colour, { raw }).jpeg({ quality: 90 }).toBuffer() },
        depth: {
          ...{ encoding: 'png16', ...CAMERA, scale: 1000 },
          bytes: await sharp(millimetres, { raw: { ...CAMERA, channels: 1 } })
            .toColourspace('grey16')
            .png({ compressionLevel: 3 })
            .toBuffer(),
        },
      };
    }),
  );
}

/** The frame under another name, from a camera some centimetres away. */
export function moved(frame: CapturedFrame, scene: string, id: string, next: () => number): CapturedFrame {
  const cameraToWorld = frame.cameraToWorld.map((x, at) =>
    at % 4 === 3 && at < 12 ? x + 0.1 * (next() - 0.5) : x,
  );
  return { ...frame, scene, id, cameraToWorld };
}
