import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../../../src/platform/clock.js';
import { atTime } from '../../../src/server/token-expiry.js';
import { ManualClock } from '../../support/manual-clock.js';

const dayMs = 86_400_000;

/** As the system does: a timer for longer than 31 bits of milliseconds fires at once. */
function overflowing(clock: ManualClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (delayMs, action) => clock.after(delayMs > 2 ** 31 - 1 ? 1 : delayMs, action),
  };
}

describe('An action at a time', () => {
  it('comes then, also when that is further off than a timer reaches', async () => {
    const clock = new ManualClock();
    let calls = 0;
    atTime(overflowing(clock), clock.now() + 60 * dayMs, () => {
      calls += 1;
    });
    await clock.advance(60 * dayMs - 1);
    expect(calls).toBe(0);
    await clock.advance(1);
    expect([calls, clock.timers]).toEqual([1, 0]);
  });

  it('comes at once when the time is over', async () => {
    const clock = new ManualClock();
    let calls = 0;
    atTime(clock, clock.now() - 5, () => {
      calls += 1;
    });
    await clock.advance(0);
    expect(calls).toBe(1);
  });

  it('does not come once it is cancelled, however far it was', async () => {
    const clock = new ManualClock();
    let calls = 0;
    const cancel = atTime(overflowing(clock), clock.now() + 60 * dayMs, () => {
      calls += 1;
    });
    await clock.advance(30 * dayMs);
    cancel();
    expect(clock.timers).toBe(0);
    await clock.advance(60 * dayMs);
    expect(calls).toBe(0);
  });
});
