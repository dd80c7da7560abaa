/** Where long work tells how far it is. The command line draws bars; a library user may pass `SILENT`. */
export interface Monitor {
  /** One line the user should see once. */
  note(line: string): void;
  /** One line about something that went wrong and was got over, such as a frame skipped. */
  warn(line: string): void;
  /** Starts a stage of so many steps, of which some may be done already. */
  begin(stage: string, total: number, unit: string, done?: number): Progress;
  /** Ends whatever stages an error has left unended. */
  close(): void;
}

export interface Progress {
  /** Says that steps are done. @param detail a few words to show beside the bar, for instance the loss */
  advance(steps?: number, detail?: string): void;
  end(): void;
}

export const SILENT: Monitor = {
  note() {},
  warn() {},
  begin: () => ({ advance() {}, end() {} }),
  close() {},
};
