import sharp from 'sharp';
import { BadFrameError } from '../../errors.js';
import type { Size } from '../../frame.js';
import type { CapturedColour, CapturedDepth } from '../../live/captured-frame.js';
import { isJpeg, isPng } from '../image-header.js';
import { decodeColour, decodeGrey } from '../images.js';
import type { RosCompressedImage, RosImage } from './messages.js';

/** Channels of the colour encodings, and which of them are red, green and blue. */
const COLOURS: Readonly<
  Record<string, readonly [channels: number, red: number, green: number, blue: number]>
> = {
  rgb8: [3, 0, 1, 2],
  bgr8: [3, 2, 1, 0],
  rgba8: [4, 0, 1, 2],
  bgra8: [4, 2, 1, 0],
  mono8: [1, 0, 0, 0],
  // OpenCV's name for three bytes says nothing of their order, which is blue first there.
  '8UC3': [3, 2, 1, 0],
};

/**
 * Colour as a file: a compressed image's own bytes, or a raw one's as a PNG, which loses nothing.
 * @param topic for errors
 * @throws BadFrameError where it is no colour image, or not whole
 */
export async function colourOf(image: RosImage | RosCompressedImage, topic: string): Promise<CapturedColour> {
  if (!('encoding' in image)) return compressedColour(image, topic);
  const { width, height, data } = rgbOf(image, topic);
  const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
  return { encoding: 'png', bytes };
}

/**
 * @returns data: H×W×3
 * @throws BadFrameError where it is no colour image, or not whole
 */
export async function decodeRosColour(
  image: RosImage | RosCompressedImage,
  topic: string,
): Promise<Size & { data: Uint8Array }> {
  if ('encoding' in image) return rgbOf(image, topic);
  return decodeColour(compressedColour(image, topic).bytes, topic);
}

function compressedColour({ format, data }: RosCompressedImage, topic: string): CapturedColour {
  if (isJpeg(data)) return { encoding: 'jpeg', bytes: data };
  if (isPng(data)) return { encoding: 'png', bytes: data };
  throw new BadFrameError(topic, `format "${format.slice(0, 60)}", expected JPEG or PNG`);
}

function rgbOf(image: RosImage, topic: string): Size & { data: Uint8Array } {
  const kind = Object.hasOwn(COLOURS, image.encoding) ? COLOURS[image.encoding] : undefined;
  if (kind === undefined) {
    const known = Object.keys(COLOURS).join(', ');
    throw new BadFrameError(
      topic,
      `encoding "${image.encoding.slice(0, 60)}", expected colour as one of ${known}`,
    );
  }
  const [channels, red, green, blue] = kind;
  const { width, height, step, data } = requireWhole(image, channels, topic);
  // As we have it: a copy, as what is read is kept by others.
  if (channels === 3 && red === 0 && step === width * 3) {
    return { width, height, data: data.slice(0, height * step) };
  }
  const rgb = new Uint8Array(width * height * 3);
  let out = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = y * step; x < width; x++, at += channels) {
      rgb[out++] = data[at + red];
      rgb[out++] = data[at + green];
      rgb[out++] = data[at + blue];
    }
  }
  return { width, height, data: rgb };
}

/** Bytes of a value of the depth encodings. */
const DEPTHS: Readonly<Record<string, number>> = { '32FC1': 4, '16UC1': 2, mono16: 2 };

/**
 * Depth as it is stored: 32FC1 in metres (what is not finite, and what is below 0, becomes 0), 16UC1 in millimetres, or
 * either as image_transport's compressedDepth.
 * @throws BadFrameError where it is no depth image, or not whole
 */
export async function depthOf(image: RosImage | RosCompressedImage, topic: string): Promise<CapturedDepth> {
  if (!('encoding' in image)) return compressedDepth(image, topic);
  const { encoding, is_bigendian, data } = image;
  const bytes = Object.hasOwn(DEPTHS, encoding) ? DEPTHS[encoding] : undefined;
  if (bytes === undefined) {
    throw new BadFrameError(topic, `encoding "${encoding.slice(0, 60)}", expected depth as 32FC1 or 16UC1`);
  }
  const { width, height, step } = requireWhole(image, bytes, topic);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = is_bigendian === 0;
  if (bytes === 4) {
    const metres = new Float32Array(width * height);
    for (let y = 0, out = 0; y < height; y++) {
      for (let x = 0; x < width; x++) metres[out++] = view.getFloat32(y * step + x * 4, little);
    }
    return inMetres(metres, width, height);
  }
  const common = { encoding: 'uint16', width, height, scale: 1000 } as const;
  if (little && step === width * 2) return { ...common, bytes: data.subarray(0, height * step) };
  const millimetres = new DataView(new ArrayBuffer(width * height * 2));
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < width; x++, out += 2) {
      millimetres.setUint16(out, view.getUint16(y * step + x * 2, little), true);
    }
  }
  return { ...common, bytes: new Uint8Array(millimetres.buffer) };
}

/** Bytes of image_transport's header: what the PNG stands for (int32), and two parameters (float32). */
const HEADER = 12;

/**
 * image_transport's compressedDepth: a header, then a 16-bit PNG. Of 16UC1 that holds the millimetres themselves; of 32FC1 it
 * holds inverse depth, d = A / (q − B), with 0 for no measurement.
 */
async function compressedDepth({ format, data }: RosCompressedImage, topic: string): Promise<CapturedDepth> {
  const bare = isPng(data);
  const bytes = bare ? data : data.subarray(HEADER);
  if (!isPng(bytes)) {
    throw new BadFrameError(
      topic,
      `format "${format.slice(0, 60)}", expected depth as a 16-bit PNG (compressedDepth png)`,
    );
  }
  const quantised = !bare && format.startsWith('32FC1');
  if (!quantised) {
    const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 26) throw new BadFrameError(topic, 'truncated');
    if (header.getUint8(24) !== 16) {
      throw new BadFrameError(topic, `a PNG of ${header.getUint8(24)} bits, expected 16`);
    }
    // Width and height lie at a fixed place of a PNG's header.
    const [width, height] = [header.getUint32(16), header.getUint32(20)];
    return { encoding: 'png16', bytes, width, height, scale: 1000 };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [a, b] = [view.getFloat32(4, true), view.getFloat32(8, true)];
  const { width, height, data: stored } = await decodeGrey(bytes, topic);
  const metres = new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i++) if (stored[i] !== 0) metres[i] = a / (stored[i] - b);
  return inMetres(metres, width, height);
}

/** @param metres is written to: what is no measurement becomes 0 */
function inMetres(metres: Float32Array, width: number, height: number): CapturedDepth {
  for (let i = 0; i < metres.length; i++) {
    // Drivers write NaN for none, and infinities for too near and too far (REP 117).
    if (!(metres[i] > 0 && metres[i] < Number.POSITIVE_INFINITY)) metres[i] = 0;
  }
  // Typed arrays are little-endian on every machine that Node runs on but s390x.
  return { encoding: 'float32', bytes: new Uint8Array(metres.buffer), width, height, scale: 1 };
}

function requireWhole(image: RosImage, bytesPerPixel: number, topic: string): RosImage {
  const { width, height, step, data } = image;
  if (width === 0 || height === 0) throw new BadFrameError(topic, 'an image without pixels');
  if (step < width * bytesPerPixel || data.length < step * (height - 1) + width * bytesPerPixel) {
    throw new BadFrameError(
      topic,
      `${data.length} bytes in rows of ${step}, expected ${height} rows of ${width * bytesPerPixel} or more`,
    );
  }
  return image;
}
