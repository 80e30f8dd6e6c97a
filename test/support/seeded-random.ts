import { testSeed } from './test-seed.js';

/** The same numbers for the same seed: a test prints the seed, so that what failed can be had again. */
export class SeededRandom {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed;
  }

  /** Another row of numbers: for each of several that draw at the same time, so that none changes what others draw. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.next() * 2 ** 32));
  }

  /** From 0 to 1, without 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** One of them. */
  of<T>(first: T, ...others: readonly T[]): T {
    return others[this.between(0, others.length) - 1] ?? first;
  }
}

/** Works with random numbers; what fails tells the seed, which TEST_SEED sets again. */
export async function seeded(work: (random: SeededRandom) => Promise<void>): Promise<void> {
  const random = new SeededRandom(testSeed());
  try {
    await work(random);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`With TEST_SEED=${random.seed}: ${reason}`, { cause: error });
  }
}
