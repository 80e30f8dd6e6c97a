import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../../../src/platform/clock.js';

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  private timeMs = 0;
  private readonly timers = new Set<Timer>();
  readonly startMs = Date.UTC(2026, 10, 20, 12);

  now(): number {
    return this.startMs + this.timeMs;
  }

  monotonic(): number {
    return this.timeMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.timeMs + delayMs, action };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  get pending(): number {
    return this.timers.size;
  }

  /** Moves on, and calls in their order what falls due. */
  advance(ms: number): void {
    const untilMs = this.timeMs + ms;
    for (let timer = this.first(); timer && timer.atMs <= untilMs; timer = this.first()) {
      this.timers.delete(timer);
      this.timeMs = Math.max(this.timeMs, timer.atMs);
      timer.action();
    }
    this.timeMs = untilMs;
  }

  /** Jumps from timer to timer until the promise is settled. */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    while (!settled) {
      await nextTurn();
      const timer = this.first();
      if (!settled && timer) this.advance(timer.atMs - this.timeMs);
    }
    return promise;
  }

  /** Resolves once something waits for a time. */
  async waiting(): Promise<void> {
    while (this.timers.size === 0) await nextTurn();
  }

  private first(): Timer | undefined {
    return [...this.timers].sort((a, b) => a.atMs - b.atMs)[0];
  }
}
