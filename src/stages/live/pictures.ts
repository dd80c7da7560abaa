import sharp from 'sharp';
import type { Frame } from '../../frame.js';
import type { LiveScenes } from '../../live/live-scenes.js';
import { HEAT } from '../../report/colour-map.js';
import { cropBox } from '../../report/figure.js';
import { outlineOf } from '../../report/outline.js';
import type { Superpixels } from '../../superpixels/superpixels.js';
import { type FrameId, superpixelTable } from '../../tables/frame-tables.js';
import type { Run } from '../run.js';

/** Frames kept decoded: the pictures of a page's queue are of few. */
const KEPT = 16;
/** Width of the picture of a superpixel, pixels. */
const CROP_WIDTH = 320;

interface Looked {
  readonly frame: Frame;
  readonly superpixels: Superpixels;
}

/** Pictures of the frames of a live run, drawn when they are asked for; undefined where there is no such frame. */
export class LivePictures {
  /** By name, the one asked for last at the end. */
  readonly #looked = new Map<string, Promise<Looked | undefined>>();

  constructor(
    private readonly run: Run,
    private readonly scenes: LiveScenes,
  ) {}

  /** The frame at working size, JPEG. */
  async colour(id: FrameId): Promise<Buffer | undefined> {
    const looked = await this.#look(id);
    return looked && photograph(looked.frame).jpeg({ quality: 85 }).toBuffer();
  }

  /** Each superpixel in the colour of its view entropy, from 0 to the most that is possible; clear where it has none. PNG. */
  async entropy(id: FrameId): Promise<Buffer | undefined> {
    const looked = await this.#look(id);
    const scored = await this.scenes.look(id.scene, (scene) => ({
      ...{ entropies: scene.entropies(id.id), classes: scene.classes! },
    }));
    if (looked === undefined || scored?.entropies === undefined) return undefined;
    const { entropies, classes } = scored;
    const { width, height, ids } = looked.superpixels;
    const most = Math.log(classes);
    const pixels = new Uint8Array(4 * width * height);
    for (let i = 0; i < ids.length; i++) {
      const entropy = entropies[ids[i]]?.viewEntropy ?? Number.NaN;
      if (Number.isNaN(entropy) || !(looked.frame.depth[i] > 0)) continue;
      const colour = 3 * Math.round(255 * Math.min(entropy / most, 1));
      pixels.set(HEAT.subarray(colour, colour + 3), 4 * i);
      pixels[4 * i + 3] = 255;
    }
    return sharp(pixels, { raw: { width, height, channels: 4 } })
      .png()
      .toBuffer();
  }

  /** A superpixel, outlined, with what lies around it; JPEG. */
  async crop(id: FrameId, superpixel: number): Promise<Buffer | undefined> {
    const looked = await this.#look(id);
    const outline = looked && outlineOf(looked.superpixels, superpixel);
    if (outline === undefined) return undefined;
    const box = cropBox(looked!.frame, outline);
    const height = Math.min(Math.floor(box.height), looked!.frame.height - box.y);
    const scale = CROP_WIDTH / box.width;
    const line = (colour: string, width: number) =>
      `<path d="${outline.path}" fill="none" stroke="${colour}" stroke-width="${width / scale}" stroke-linejoin="round"/>`;
    const drawn = `<svg xmlns="http://www.w3.org/2000/svg" width="${CROP_WIDTH}" height="${Math.round(height * scale)}" viewBox="${box.x} ${box.y} ${box.width} ${height}">${line('#fff', 5)}${line('#e0007a', 2.5)}</svg>`;
    return photograph(looked!.frame)
      .extract({ left: box.x, top: box.y, width: box.width, height })
      .resize(CROP_WIDTH, Math.round(height * scale), { fit: 'fill', kernel: 'lanczos3' })
      .composite([{ input: Buffer.from(drawn) }])
      .jpeg({ quality: 85 })
      .toBuffer();
  }

  /** The border of a superpixel as SVG path data, in pixels of the frame. */
  async outline(id: FrameId, superpixel: number): Promise<string | undefined> {
    const looked = await this.#look(id);
    return looked && outlineOf(looked.superpixels, superpixel)?.path;
  }

  #look(id: FrameId): Promise<Looked | undefined> {
    const name = JSON.stringify([id.scene, id.id]);
    const known = this.#looked.get(name) ?? this.#read(id);
    this.#looked.delete(name);
    this.#looked.set(name, known);
    // What could not be read may come yet.
    known.then(
      (found) => found ?? this.#looked.delete(name),
      () => this.#looked.delete(name),
    );
    for (const [oldest] of this.#looked) {
      if (this.#looked.size <= KEPT) break;
      this.#looked.delete(oldest);
    }
    return known;
  }

  async #read({ scene, id }: FrameId): Promise<Looked | undefined> {
    const entry = this.run.recording.frames.find((one) => one.scene === scene && one.id === id);
    if (entry === undefined) return undefined;
    const superpixels = await superpixelTable(this.run.folder).read(entry);
    if (superpixels === undefined) return undefined;
    return { frame: await this.run.recording.read(entry, this.run.size), superpixels };
  }
}

function photograph({ colour, width, height }: Frame) {
  return sharp(colour, { raw: { width, height, channels: 3 } });
}
