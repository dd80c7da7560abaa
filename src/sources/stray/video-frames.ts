import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { BadFrameError } from '../../errors.js';
import type { Size } from '../../frame.js';

/** Frames kept after they were passed, for those who ask a little out of order. */
const KEPT = 16;
/** Frames are no wider than this when they arrive: three times the usual working size, 2 MB each. */
const WIDEST = 960;
/** More than such a frame takes, with its header. */
const MAX_BYTES = 2 ** 25;
/** How long ffmpeg may take for one frame, ms. */
const PATIENCE = 60_000;

export type VideoFrame = Size & { readonly data: Uint8Array };

/**
 * Frames of a video by number, as the system's ffmpeg decodes them.
 *
 * A video is read from its beginning on: asking for frames in about their order costs one pass, and going back by more than `KEPT`
 * frames starts another. One frame is asked for at a time; who asks meanwhile waits. A decoder that nobody asks any more waits at
 * its full pipe, using no time, and ends with this process, which it does not keep alive.
 */
export class VideoFrames {
  #decoder: Decoder | undefined;
  readonly #kept = new Map<number, VideoFrame>();
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param path absolute
   * @param shown how messages name the video
   */
  constructor(
    private readonly path: string,
    private readonly shown: string,
  ) {}

  /** @throws BadFrameError where the video has no such frame, or ffmpeg cannot read it */
  frame(number: number): Promise<VideoFrame> {
    const frame = this.#turn.then(() => this.#read(number));
    this.#turn = frame.catch(() => {});
    return frame;
  }

  async #read(number: number): Promise<VideoFrame> {
    const kept = this.#kept.get(number);
    if (kept !== undefined) return kept;
    if (this.#decoder === undefined || this.#decoder.next > number) {
      this.#decoder?.stop();
      this.#kept.clear();
      this.#decoder = new Decoder(this.path);
    }
    for (;;) {
      const at = this.#decoder.next;
      let frame: VideoFrame | undefined;
      try {
        frame = await this.#decoder.read();
      } catch (error) {
        this.#decoder = undefined;
        throw new BadFrameError(this.shown, (error as Error).message);
      }
      if (frame === undefined) {
        this.#decoder = undefined;
        throw new BadFrameError(this.shown, `ends after ${at} frames, before frame ${number}`);
      }
      this.#kept.set(at, frame);
      this.#kept.delete(at - KEPT);
      if (at === number) return frame;
    }
  }
}

/** Whether the system has an ffmpeg that runs. */
export function hasFfmpeg(): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('ffmpeg', ['-version'], { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** One run of ffmpeg over a video: its frames as PPM images, one after the other. */
class Decoder {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);
  #said = '';
  readonly #end: Promise<number | null>;
  /** Number of the frame that `read` gives next. */
  next = 0;

  constructor(path: string) {
    const child = spawn(
      'ffmpeg',
      [
        ...['-nostdin', '-loglevel', 'error'],
        // The video is marked as turned to portrait; its depth is not.
        '-noautorotate',
        ...['-i', path, '-an', '-sn'],
        // Every frame once, at whatever times: as if they came regularly, none is doubled or dropped.
        ...['-vf', `setpts=N/(30*TB),scale='min(${WIDEST},iw)':-2:flags=area`, '-r', '30'],
        ...['-f', 'image2pipe', '-c:v', 'ppm', '-'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    this.#end = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#said = error.message;
        resolve(null);
      });
      child.on('close', resolve);
    });
    child.stderr.on('data', (text: Buffer) => {
      if (this.#said.length < 1000) this.#said += text.toString();
    });
    // A reader that leaves in the middle must not keep the program from ending.
    child.unref();
    (child.stdout as Readable & { unref?: () => void }).unref?.();
    (child.stderr as Readable & { unref?: () => void }).unref?.();
    this.#chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /**
   * @returns the next frame, undefined where there is no more
   * @throws Error that says what ffmpeg said
   */
  async read(): Promise<VideoFrame | undefined> {
    const ref = this.#child.stdout as Readable & { ref?: () => void; unref?: () => void };
    // Whoever waits for a frame is kept alive by it.
    ref.ref?.();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.stop();
        reject(new Error(`ffmpeg gave no frame within ${PATIENCE / 1000} s`));
      }, PATIENCE);
    });
    try {
      const frame = await Promise.race([this.#parse(), patience]);
      if (frame !== undefined) this.next++;
      return frame;
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      clearTimeout(timer);
      ref.unref?.();
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  async #parse(): Promise<VideoFrame | undefined> {
    // "P6 width height 255" and one space, then H×W×3 bytes (netpbm's ppm(5)).
    let header: RegExpExecArray | null = null;
    while (header === null) {
      header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(this.#left.subarray(0, 64).toString('latin1'));
      if (header !== null) break;
      if (this.#left.length >= 64) throw new Error('ffmpeg gave something else than PPM images');
      if (!(await this.#more())) {
        const code = await this.#end;
        const said = this.#said.trim().split('\n')[0] || `exit code ${code}`;
        if (code !== 0) throw new Error(`ffmpeg cannot read it: ${said}`);
        if (this.#left.length > 0) throw new Error('ffmpeg stopped within a frame');
        return undefined;
      }
    }
    const [width, height] = [Number(header[1]), Number(header[2])];
    const bytes = width * height * 3;
    if (bytes === 0 || bytes > MAX_BYTES) throw new Error(`frames of ${width}×${height} pixels`);
    const frame = new Uint8Array(bytes);
    let rest = this.#left.subarray(header[0].length);
    for (let done = 0; ; ) {
      const taken = Math.min(rest.length, bytes - done);
      frame.set(rest.subarray(0, taken), done);
      done += taken;
      this.#left = rest.subarray(taken);
      if (done === bytes) return { width, height, data: frame };
      if (!(await this.#more())) throw new Error('ffmpeg stopped within a frame');
      rest = this.#left;
    }
  }

  /** Adds what comes next to what is left; false at the end. */
  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#left = this.#left.length === 0 ? value : Buffer.concat([this.#left, value]);
    return true;
  }
}
