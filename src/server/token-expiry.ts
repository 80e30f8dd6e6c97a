import type { Clock } from '../platform/clock.js';

/** A timer that is set for longer fires at once; so far ones are set again and again. */
const longestTimerMs = 2 ** 31 - 1;

/** Calls `action` once, at or soon after `atMs` of the clock's wall time. The result cancels it. */
export function atTime(clock: Clock, atMs: number, action: () => void): () => void {
  let cancel = schedule();
  return () => cancel();

  function schedule(): () => void {
    const leftMs = Math.max(atMs - clock.now(), 0);
    if (leftMs <= longestTimerMs) return clock.after(leftMs, action);
    return clock.after(longestTimerMs, () => {
      cancel = schedule();
    });
  }
}
