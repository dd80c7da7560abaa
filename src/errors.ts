/**
 * A mistake the user can mend: a wrong option, an unreadable data set, a full disk.
 * The command line prints `message`, one sentence that says what was expected, and no stack trace.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/**
 * One frame that cannot be used. The run reports it with its file, counts it, skips it and goes on.
 */
export class BadFrameError extends Error {
  override readonly name = 'BadFrameError';

  /**
   * @param file the file at fault, relative to the recording
   * @param reason what is wrong with it, in a few words
   */
  constructor(
    readonly file: string,
    readonly reason: string,
  ) {
    super(`${file}: ${reason}`);
  }
}

/** The user stopped the work; what was done is saved, and the same call goes on from there. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';

  constructor() {
    super('interrupted; the same call goes on where this one stopped');
  }
}
