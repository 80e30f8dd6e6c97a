import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/platform/clock.js';

/** More than 0, as a process that runs has it. */
const startMs = 1;

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = startMs;
  readonly #timers = new Set<Timer>();

  constructor(nowMs: number = Date.UTC(2026, 10, 20, 12)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), action };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** By how much it was moved. */
  get passedMs(): number {
    return this.#monotonicMs - startMs;
  }

  /** How many timers are set: what has been closed leaves none. */
  get timers(): number {
    return this.#timers.size;
  }

  /**
   * Moves time on. Each timer that falls due runs at its own time, in order, also those that are set on the way;
   * promises settle before the next one, so far as they do without input or output.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (let timer = this.#next(endMs); timer; timer = this.#next(endMs)) {
      this.#moveTo(timer.dueMs);
      this.#timers.delete(timer);
      timer.action();
      await setImmediate();
    }
    this.#moveTo(endMs);
    await setImmediate();
  }

  /** Moves time on to the timer that is due next, and runs it. Gives the time then. */
  async toNextTimer(): Promise<number> {
    const timer = this.#next(Number.POSITIVE_INFINITY);
    if (timer) {
      this.#moveTo(timer.dueMs);
      this.#timers.delete(timer);
      timer.action();
    }
    await setImmediate();
    return this.#monotonicMs;
  }

  /** Sets the time of day, as an administrator or a time server does; monotonic time and timers do not notice. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #next(endMs: number): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === null || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
