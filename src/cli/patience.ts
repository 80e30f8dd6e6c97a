import { CommandError } from '../describe-failure.js';
import { type Clock, pause } from '../platform/clock.js';

/** A server that cannot be reached now, or says that it cannot answer: the same may succeed later. */
export class ServerAway extends Error {
  override readonly name = 'ServerAway';
}

const firstPauseMs = 250;
const lastPauseMs = 2000;

/** How long a server that is away is tried again; the time begins anew with every success. A short gap is not told. */
export class Patience {
  private awaySinceMs: number | null = null;
  private pauseMs = firstPauseMs;
  private isTold = false;

  constructor(
    private readonly clock: Clock,
    private readonly lastsMs: number,
    private readonly onAway: () => void,
  ) {}

  succeeded(): void {
    this.awaySinceMs = null;
    this.pauseMs = firstPauseMs;
    this.isTold = false;
  }

  /** Resolves when it is time for the next attempt. Throws what is no absence, and one sentence when it took too long. */
  async beforeNext(error: unknown): Promise<void> {
    if (!(error instanceof ServerAway)) throw error;
    const nowMs = this.clock.monotonic();
    if (this.awaySinceMs !== null && !this.isTold) {
      this.isTold = true;
      this.onAway();
    }
    this.awaySinceMs ??= nowMs;
    if (nowMs - this.awaySinceMs >= this.lastsMs) {
      throw new CommandError(`The server has not answered for ${this.lastsMs / 1000} s (${error.message}).`);
    }
    await pause(this.clock, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, lastPauseMs);
  }
}
