/** A generator of uniform numbers in [0, 1). Same seed, same numbers, on every machine. */
export type Random = () => number;

/**
 * Hashes any mix of numbers and strings to 32 bits (FNV-1a with a final avalanche), so that independent
 * streams can be drawn from one seed: `random(seedOf(options.seed, scene, frame))`.
 */
export function seedOf(...parts: readonly (number | string)[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    const text = `${part}\u0000`;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Weyl sequence with a 32-bit mixer; its whole state is one number, which `RandomState` saves and restores. */
export class RandomState {
  constructor(public state: number) {}

  /** Uniform in [0, 1). */
  readonly next: Random = () => {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 4294967296;
  };
}

/** A generator that starts at `seed` (any integer). */
export function random(seed: number): Random {
  return new RandomState(seed >>> 0).next;
}

/** A standard normal number, by Box and Muller. */
export function gaussian(next: Random): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Shuffles in place (Fisher and Yates) and returns the same array. */
export function shuffle<T>(items: T[], next: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
