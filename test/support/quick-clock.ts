import { type Clock, systemClock } from '../../src/platform/clock.js';

/**
 * A clock whose timers run so many times as fast as they should, and whose time of day is the right one: for servers
 * that wait for seconds again and again. How long they wait is measured elsewhere.
 */
export const quickClock = (times: number): Clock => ({
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * times,
  after: (delayMs, action) => systemClock.after(delayMs / times, action),
});
