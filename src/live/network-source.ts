import { BadFrameError } from '../errors.js';
import type { FrameEntry } from '../sources/recording.js';
import type { CapturedFrame } from './captured-frame.js';
import type { RefusedRow } from './frame-message.js';
import type { KeyframeGate } from './keyframes.js';
import type { LiveRecording } from './live-recording.js';
import type { LiveSource, SourceCounts } from './live-source.js';
import { Room } from './room.js';
import { decodeShades, type Shades } from './sharpness.js';

/** What became of a frame, or of a message that could not be read: then names are null. */
export interface Answer {
  readonly scene: string | null;
  readonly frame: string | null;
  /** `kept`: it is on disk. `skipped`: it brings nothing. `repeated`: it was on disk already. `refused`: it is no good. */
  readonly status: 'kept' | 'skipped' | 'repeated' | 'refused';
  /** Why it was skipped or refused: a word or a sentence. */
  readonly reason?: string;
  /** Whether the same frame may be kept when it is sent again later. */
  readonly again?: true;
}

/** A frame that is made only where it is wanted. */
export interface OfferedFrame extends Pick<CapturedFrame, 'scene' | 'id' | 'cameraToWorld'> {
  /** Its colour, small. @throws BadFrameError where it cannot be decoded */
  grey(): Promise<Shades>;
  /** @throws BadFrameError where it cannot be used */
  capture(): Promise<CapturedFrame>;
}

export interface NetworkSourceOptions {
  /** Decides which frames are worth keeping. */
  readonly gate: Pick<KeyframeGate, 'judge' | 'keep'>;
  /** Frames on disk that may wait to be taken from `arrivals`, those of earlier runs not counted. */
  readonly waiting?: number;
  /** Told of each frame that is on disk. */
  readonly onKept?: (frame: FrameEntry) => void;
  /** Told of failures that are not the sender's. */
  readonly onError?: (error: unknown) => void;
}

const WAITING = 32;

/**
 * Frames that others offer, over whatever network. Frames of a scene are dealt with one after another, in the order in which
 * they are offered, so that each is judged against those before it; scenes at once.
 */
export class NetworkSource implements LiveSource {
  readonly #gate: NetworkSourceOptions['gate'];
  readonly #onKept: (frame: FrameEntry) => void;
  readonly #onError: (error: unknown) => void;
  readonly #room: Room;
  /** The last offer of each scene that has one in hand. */
  readonly #scenes = new Map<string, Promise<Answer>>();
  readonly #counts = { received: 0, kept: 0, repeated: 0, refused: 0, still: 0, blurred: 0 };
  /** Frames of earlier runs: they took no room. */
  readonly #stored: number;
  #inHand = 0;
  #isClosing = false;
  #hasEnded = false;
  #hasReader = false;
  #wake: () => void = () => {};
  #onIdle: () => void = () => {};

  constructor(
    readonly recording: LiveRecording,
    { gate, waiting = WAITING, onKept = () => {}, onError = () => {} }: NetworkSourceOptions,
  ) {
    this.#gate = gate;
    this.#onKept = onKept;
    this.#onError = onError;
    this.#room = new Room(waiting);
    this.#stored = recording.frames.length;
  }

  get counts(): SourceCounts {
    const { still, blurred, ...counts } = this.#counts;
    return { ...counts, skipped: { still, blurred } };
  }

  /** Frames on disk that are not taken yet, and those in hand that may be. */
  get waiting(): number {
    return this.#room.taken;
  }

  /** Whether a frame offered now would not wait for others to be taken. */
  get hasRoom(): boolean {
    return this.#room.isFree;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Takes a frame; it is durable when this resolves to `kept` or `repeated`. Waits while too many frames have not been taken: whoever
   * offers them should hold no more than he can keep in memory. Never rejects.
   */
  async offer(row: CapturedFrame | OfferedFrame | RefusedRow): Promise<Answer> {
    this.#counts.received++;
    if ('refused' in row) return this.#refused(row, row.refused);
    if (this.#isClosing) return this.#refused(row, 'the server is stopping: send it again later', true);
    const { scene } = row;
    this.#inHand++;
    const before = this.#scenes.get(scene);
    const answer = (async () => {
      await before;
      return this.#take('capture' in row ? row : offered(row));
    })();
    this.#scenes.set(scene, answer);
    try {
      return await answer;
    } finally {
      if (this.#scenes.get(scene) === answer) this.#scenes.delete(scene);
      if (--this.#inHand === 0) this.#onIdle();
    }
  }

  /** Counts a message that could not be read. */
  refuse(reason: string): Answer {
    this.#counts.received++;
    return this.#refused({ scene: undefined, id: undefined }, reason);
  }

  /** Counts a message over which the server itself stumbled. */
  fail(error: unknown): Answer {
    this.#onError(error);
    return this.refuse('the server failed to read it');
  }

  async #take(row: OfferedFrame): Promise<Answer> {
    const { scene, id: frame, cameraToWorld } = row;
    const repeated = (): Answer => {
      this.#counts.repeated++;
      return { scene, frame, status: 'repeated' };
    };
    if (this.recording.has(row)) return repeated();
    await this.#room.take();
    let isKept = false;
    try {
      const reason = await this.#gate.judge(row);
      if (reason !== undefined) {
        this.#counts[reason]++;
        return { scene, frame, status: 'skipped', reason };
      }
      const added = await this.recording.add(await row.capture());
      if (added === 'repeated') return repeated();
      isKept = true;
      this.#onKept(added);
      this.#gate.keep({ scene, cameraToWorld });
      this.#counts.kept++;
      this.#wake();
      return { scene, frame, status: 'kept' };
    } catch (error) {
      if (error instanceof BadFrameError) return this.#refused(row, error.message);
      this.#onError(error);
      return this.#refused(row, storageFault(error), true);
    } finally {
      if (!isKept) this.#room.giveBack();
    }
  }

  #refused({ scene, id }: Pick<RefusedRow, 'scene' | 'id'>, reason: string, again = false): Answer {
    this.#counts.refused++;
    const answer = { scene: scene ?? null, frame: id ?? null, status: 'refused', reason } as const;
    return again ? { ...answer, again } : answer;
  }

  async *arrivals(): AsyncGenerator<FrameEntry> {
    if (this.#hasReader) throw new Error('arrivals are taken once');
    this.#hasReader = true;
    const { frames } = this.recording;
    for (let next = 0; ; next++) {
      while (next >= frames.length) {
        if (this.#hasEnded) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (next >= this.#stored) this.#room.giveBack();
      yield frames[next]!;
    }
  }

  /** Finishes the frames in hand, which then need not wait to be taken. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#room.lift();
    if (this.#inHand > 0) {
      await new Promise<void>((resolve) => {
        const others = this.#onIdle;
        this.#onIdle = () => {
          others();
          resolve();
        };
      });
    }
    this.#hasEnded = true;
    this.#wake();
  }
}

function offered(frame: CapturedFrame): OfferedFrame {
  const { scene, id, cameraToWorld, colour } = frame;
  const grey = () => decodeShades(colour.bytes, 'colour');
  return { scene, id, cameraToWorld, grey, capture: async () => frame };
}

/** For senders: says nothing of this machine's folders. */
function storageFault(error: unknown): string {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? "the server's disk is full: it was not stored, send it again later"
    : 'the server could not store it: send it again later';
}
