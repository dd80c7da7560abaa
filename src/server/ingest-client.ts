import type { WebSocket } from 'ws';
import { BadFrameError } from '../errors.js';
import { decodeFrames, type MessageLimits } from '../live/frame-message.js';
import type { Answer, NetworkSource } from '../live/network-source.js';

export interface ClientLimits extends MessageLimits {
  /** Bytes of messages that may be unanswered before no more is read, the last one not counted. */
  readonly bytes: number;
}

/**
 * One device on a WebSocket: messages in, answers out, in the same order.
 *
 * It is told how many frames it may have unanswered. Where so many are, or their messages take too many bytes, its socket is
 * not read, and TCP slows a device that sends nevertheless: what is held of it is `bytes`, one more message, and what
 * a socket yields at once (64 KiB). An answer counts as given when the system has taken it, so a device that
 * does not read its answers is slowed too.
 */
export class IngestClient {
  /** Resolves when all that came so far is answered. */
  #answered: Promise<void> = Promise.resolve();
  #frames = 0;
  #bytes = 0;
  #isAlive = true;
  /** Heartbeats since the answer that is on its way was sent. */
  #sending: number | undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly source: Pick<NetworkSource, 'offer' | 'refuse' | 'fail'>,
    private readonly limits: ClientLimits,
    /** Told of each answer given, with the seconds since its message came. */
    private readonly onAnswer: (seconds: number, answer: Answer) => void,
    private readonly onMessage: (bytes: number) => void,
  ) {
    // An answer that cannot be sent any more, a message that is too long (the socket closes by itself), and the like.
    socket.on('error', () => {});
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    void this.#send({ type: 'credit', frames: limits.rows });
  }

  #receive(message: Buffer, isBinary: boolean): void {
    const start = performance.now();
    this.#isAlive = true;
    this.onMessage(message.length);
    const answers = this.#offer(message, isBinary);
    this.#frames += answers.length;
    this.#bytes += message.length;
    this.#pauseOrResume();
    const before = this.#answered;
    this.#answered = (async () => {
      await before;
      for (const answer of answers) {
        const given = await answer;
        await this.#send({ type: 'ack', ...given });
        this.onAnswer((performance.now() - start) / 1000, given);
        this.#frames--;
        this.#pauseOrResume();
      }
      this.#bytes -= message.length;
      this.#pauseOrResume();
    })();
  }

  #offer(message: Buffer, isBinary: boolean): (Answer | Promise<Answer>)[] {
    if (!isBinary)
      return [this.source.refuse('a text message, expected a binary one: an Arrow IPC stream of frames')];
    try {
      return decodeFrames(message, this.limits).map((row) => this.source.offer(row));
    } catch (error) {
      // Whatever it is, the others' connections go on.
      return [error instanceof BadFrameError ? this.source.refuse(error.message) : this.source.fail(error)];
    }
  }

  #pauseOrResume(): void {
    const isFull = this.#frames >= this.limits.rows || this.#bytes >= this.limits.bytes;
    if (isFull && !this.socket.isPaused) this.socket.pause();
    else if (!isFull && this.socket.isPaused) this.socket.resume();
  }

  /** Resolves when the system has taken the text, or the connection is gone. */
  async #send(message: object): Promise<void> {
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.#sending = 0;
    await new Promise<void>((resolve) => this.socket.send(JSON.stringify(message), () => resolve()));
    this.#sending = undefined;
  }

  /** Ends a connection that is dead, or whose other end takes no answers; called now and then. */
  heartbeat(): void {
    const isStuck = this.#sending !== undefined && this.#sending++ > 0;
    // While nothing is read, no sign of life is either: it waits for us.
    if (isStuck || (!this.#isAlive && !this.socket.isPaused)) {
      this.socket.terminate();
      return;
    }
    this.#isAlive = false;
    if (this.socket.readyState === this.socket.OPEN) this.socket.ping();
  }

  /** Closes the connection when all that came is answered, or `patience` milliseconds later. */
  async close(reason: string, patience: number): Promise<void> {
    const inTime = await Promise.race([
      this.#answered.then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), patience).unref()),
    ]);
    if (!inTime) {
      this.socket.terminate();
      return;
    }
    this.socket.close(1001, reason);
    // A closing handshake cannot be read off a paused socket.
    this.socket.resume();
    setTimeout(() => this.socket.terminate(), patience).unref();
  }
}
