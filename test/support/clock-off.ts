import { type Clock, systemClock } from '../../src/platform/clock.js';

export const hourMs = 3_600_000;

/** A machine's clock whose time of day is wrong by so much; its timers run as all others do. */
export const clockOff = (byMs: number): Clock => ({ ...systemClock, now: () => systemClock.now() + byMs });
