import type { Clock } from './clock.js';

/**
 * Keeps callers from waiting, one after another, on what has just failed: for a while it fails at once, and then one
 * caller tries for all.
 */
export class Breaker {
  private openUntilMs = 0;

  constructor(
    private readonly clock: Clock,
    /** How long it fails at once. */
    private readonly breakMs: number,
  ) {}

  /** Would a caller now be refused? */
  get isOpen(): boolean {
    return this.clock.monotonic() < this.openUntilMs;
  }

  /** @throws whatever `work` throws, or at once while it is open */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOpen) throw new Error('It failed a moment ago.');
    // After a failure, whoever comes while this one tries does not wait for the same.
    if (this.openUntilMs > 0) this.open();
    try {
      const result = await work();
      this.reset();
      return result;
    } catch (error) {
      this.open();
      throw error;
    }
  }

  /** What failed is known to work again. */
  reset(): void {
    this.openUntilMs = 0;
  }

  private open(): void {
    this.openUntilMs = this.clock.monotonic() + this.breakMs;
  }
}
