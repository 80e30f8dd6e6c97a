/** Time, as everything here asks for it; a test hands in one that it moves by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch: for what people read, never for order or leases. */
  now(): number;
  /** Milliseconds that only ever grow, more than 0 (which lru-cache takes for no time at all): for timeouts and ages. */
  monotonic(): number;
  /** Calls `action` once after `delayMs`. The result cancels it; cancelling twice is harmless. */
  after(delayMs: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or at once when `signal` is aborted; never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
