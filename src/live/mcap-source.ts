import { addAbortSignal, type Readable } from 'node:stream';
import { UserError } from '../errors.js';
import type { FrameEntry } from '../sources/recording.js';
import type { Clock } from './clock.js';
import { growingFile } from './growing-file.js';
import type { LiveRecording } from './live-recording.js';
import type { LiveSource, SourceCounts } from './live-source.js';
import { McapCapture, type McapOptions } from './mcap-capture.js';
import { NetworkSource, type NetworkSourceOptions } from './network-source.js';

/** `onError` is told of the end of a stream that was cut off or damaged, too. */
export interface McapSourceOptions extends Omit<McapOptions, 'waiting'>, NetworkSourceOptions {
  readonly clock?: Clock;
}

/**
 * Frames of an MCAP stream: a pipe, or a file as it is written. Each is stored before it is told of, as frames from the
 * network are; one that is stored already, from an earlier run over the same file, is not stored again.
 *
 * It reads on while frames are worked on, until 32 that are kept wait to be taken; then it reads no further, and the pipe is full. A
 * stream ends at the end mark of the format: a file that stops growing before is waited for until `close`.
 */
export class McapSource implements LiveSource {
  readonly recording: LiveRecording;
  readonly #frames: NetworkSource;
  readonly #capture: McapCapture;
  readonly #onError: (error: unknown) => void;
  readonly #closing: AbortController;

  private constructor(
    bytes: AsyncIterable<Uint8Array>,
    recording: LiveRecording,
    options: McapSourceOptions,
    closing: AbortController,
  ) {
    this.recording = recording;
    this.#onError = options.onError ?? (() => {});
    this.#frames = new NetworkSource(recording, { ...options, onError: this.#onError });
    const { waiting: _, ...capture } = options;
    this.#capture = new McapCapture(bytes, capture);
    this.#closing = closing;
  }

  /** @param input a stream, which it ends in `close`, or the path of a file */
  static open(input: Readable | string, recording: LiveRecording, options: McapSourceOptions): McapSource {
    const closing = new AbortController();
    const bytes =
      typeof input === 'string'
        ? growingFile(input, closing.signal, options.clock)
        : addAbortSignal(closing.signal, input);
    return new McapSource(bytes, recording, options, closing);
  }

  get counts(): SourceCounts {
    const counts = this.#frames.counts;
    const { colour, camera, pose } = this.#capture.lost;
    const lost = colour + camera + pose + this.#capture.unread;
    return { ...counts, received: counts.received + lost, refused: counts.refused + lost };
  }

  /**
   * To be called once. The frames stored in earlier runs come first.
   * @throws UserError where the stream is none of MCAP, or holds no frames
   */
  async *arrivals(): AsyncGenerator<FrameEntry> {
    let failure: unknown;
    const reading = this.#read().catch((error: unknown) => {
      failure = error;
    });
    yield* this.#frames.arrivals();
    await reading;
    if (failure !== undefined) throw failure;
  }

  /** Stores frames as they come, until there are no more. */
  async #read(): Promise<void> {
    let met = 0;
    try {
      for await (const frame of this.#capture.frames()) {
        if (this.#closing.signal.aborted) break;
        met++;
        await this.#frames.offer(frame);
      }
    } catch (error) {
      // Its own end, and not the stream's.
      if (this.#closing.signal.aborted) return;
      // Frames that came before the end are picked from all the same.
      if (!(error instanceof UserError) || met === 0) throw error;
      this.#onError(error);
    } finally {
      await this.#frames.close();
    }
  }

  /** Reads no further; the frame in hand is finished. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#frames.close();
  }
}
