/** How far beyond the window's edges counts as seen: what comes into sight soon. */
const AHEAD = '200px';

/**
 * Does something again when there is reason to: never twice at once, not more often than every so many milliseconds, and
 * only while an element can be seen.
 */
export class Refresher {
  #isWanted = false;
  #isSeen = false;
  #isBusy = false;
  #earliest = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param refresh must not reject */
  constructor(
    seen: Element,
    private readonly interval: number,
    private readonly refresh: () => Promise<void>,
  ) {
    new IntersectionObserver(
      (entries) => {
        this.#isSeen = entries.at(-1)!.isIntersecting;
        this.#step();
      },
      { rootMargin: AHEAD },
    ).observe(seen);
    document.addEventListener('visibilitychange', () => this.#step());
  }

  /** Something changed. */
  want(): void {
    this.#isWanted = true;
    this.#step();
  }

  /** Something else is to be shown: there is nothing to wait for. */
  wantNow(): void {
    this.#earliest = 0;
    this.want();
  }

  #step(): void {
    if (!this.#isWanted || !this.#isSeen || document.hidden || this.#isBusy) return;
    clearTimeout(this.#timer);
    const wait = this.#earliest - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#step(), wait);
    else void this.#run();
  }

  async #run(): Promise<void> {
    this.#isWanted = false;
    this.#isBusy = true;
    this.#earliest = performance.now() + this.interval;
    await this.refresh();
    this.#isBusy = false;
    this.#step();
  }
}
