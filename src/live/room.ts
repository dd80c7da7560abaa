/** A number of places; who finds none waits, first come, first served. */
export class Room {
  #taken = 0;
  #places: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Whether a place taken now is there at once. */
  get isFree(): boolean {
    return this.#taken < this.#places;
  }

  async take(): Promise<void> {
    if (this.isFree) this.#taken++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  giveBack(): void {
    this.#taken--;
    this.#admit();
  }

  /** From now on nobody waits. */
  lift(): void {
    this.#places = Number.POSITIVE_INFINITY;
    this.#admit();
  }

  #admit(): void {
    while (this.isFree && this.#waiting.length > 0) {
      this.#taken++;
      this.#waiting.shift()!();
    }
  }
}
