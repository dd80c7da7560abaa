import sharp, { type OverlayOptions } from 'sharp';
import { type Frame, frameName } from '../frame.js';
import { classMap } from './class-map.js';
import { classColours } from './colour-map.js';
import { depthMap } from './depth-map.js';
import { hatch } from './hatch.js';
import { robustRange } from './heat-map.js';
import { escapeText } from './html.js';

/** Frames on a sheet at most. */
const MOST = 24;
/** Panels side by side at most, so that a sheet fits a screen. */
const PANELS = 9;
/** Pixels: around the sheet and between its cells, and for a line of text. */
const GAP = 8;
const LINE = 18;
/** Of a character of the sheet's text, at most. */
const CHARACTER = 7.5;
const BACKGROUND = '#ffffff';

export interface ContactSheet {
  /** PNG. */
  readonly png: Buffer;
  readonly frames: number;
}

/**
 * Frames side by side: colour, depth in false colour, shared by all, and labels where there are some.
 *
 * @param title of the sheet; what it shows follows
 * @param frames of any sizes, at least one; of more than 24, some spread evenly over them are drawn
 * @param classes how many the labels have
 */
export async function contactSheet(
  title: string,
  frames: readonly Frame[],
  classes: number,
): Promise<ContactSheet> {
  const count = Math.min(frames.length, MOST);
  const drawn = Array.from(
    { length: count },
    (_, i) => frames[Math.floor(((i + 0.5) * frames.length) / count)]!,
  );
  const labelled = drawn.some(({ labels }) => labels !== undefined);
  const panels = labelled ? 3 : 2;
  const width = Math.max(...drawn.map((frame) => frame.width));
  const height = Math.max(...drawn.map((frame) => frame.height));
  const columns = Math.min(count, Math.floor(PANELS / panels));
  const cell = { width: panels * width + GAP, height: LINE + height + GAP };
  const sheet = {
    width: GAP + columns * cell.width,
    height: GAP + LINE + Math.ceil(count / columns) * cell.height,
  };
  const range = robustRange(
    Float32Array.from(drawn.flatMap(({ depth }) => [...depth.filter((z) => z > 0)])),
  )!;
  const colours = classColours(classes);

  const images: OverlayOptions[] = [];
  const texts = [text(GAP, GAP, fitted(say(title, count, range, labelled), sheet.width))];
  drawn.forEach((frame, i) => {
    const left = GAP + (i % columns) * cell.width;
    const top = GAP + LINE + Math.floor(i / columns) * cell.height;
    texts.push(text(left, top, fitted(frameName(frame), cell.width)));
    const pictures = [frame.colour, depthMap(frame, frame.depth, range)];
    if (labelled) pictures.push(frame.labels ? classMap(frame, frame.labels, colours) : nothing(frame));
    pictures.forEach((pixels, k) => {
      const raw = { width: frame.width, height: frame.height, channels: 3 } as const;
      images.push({ input: pixels as Buffer, raw, left: left + k * width, top: top + LINE });
    });
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${sheet.width}" height="${sheet.height}" font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif" font-size="12" fill="#1d1f23">${texts.join('')}</svg>`;
  const png = await sharp({ create: { ...sheet, channels: 3, background: BACKGROUND } })
    .composite([...images, { input: Buffer.from(svg), left: 0, top: 0 }])
    .png({ compressionLevel: 9 })
    .toBuffer();
  return { png, frames: count };
}

function say(
  title: string,
  count: number,
  { low, high }: { readonly low: number; readonly high: number },
  labelled: boolean,
): string {
  const depth = `depth from ${low.toFixed(2)} m, dark, to ${high.toFixed(2)} m, light`;
  return `${title}, ${count} frames: colour, ${depth}${labelled ? ', labels' : ''}`;
}

function nothing({ width, height }: Frame): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) hatch(pixels, i, x, y);
  return pixels;
}

function text(left: number, top: number, line: string): string {
  return `<text x="${left}" y="${top + LINE - 5}">${escapeText(line)}</text>`;
}

/** The end of a name tells frames apart. Control characters are no XML. */
function fitted(line: string, width: number): string {
  const most = Math.floor(width / CHARACTER);
  const plain = line.replace(/\p{C}/gu, '\ufffd');
  return plain.length <= most ? plain : `…${plain.slice(plain.length - most + 1)}`;
}
