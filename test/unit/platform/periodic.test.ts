import { describe, expect, it } from '@jest/globals';
import { createLog } from '../../../src/platform/log.js';
import { Periodic } from '../../../src/platform/periodic.js';
import { ManualClock } from '../../support/manual-clock.js';

const deps = () => ({ clock: new ManualClock(), log: createLog('silent') });

describe('Periodic work', () => {
  it('is told of a stop, which waits no longer than for what it does just now', async () => {
    const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let begun = 0;
    const work = async (signal: AbortSignal) => {
      for (const step of steps) {
        if (signal.aborted) return;
        begun += 1;
        await step.promise;
      }
    };
    const periodic = new Periodic('work', 1000, work, deps());
    void periodic.now();
    const closing = periodic.close();
    steps[0]?.resolve();
    await closing;
    expect(begun).toBe(1);
  });

  it('does not begin any more after a stop', async () => {
    let begun = 0;
    const { clock, log } = deps();
    const work = async () => {
      begun += 1;
    };
    const periodic = new Periodic('work', 1000, work, { clock, log });
    periodic.start();
    await periodic.close();
    await clock.advance(5000);
    await periodic.now();
    expect(begun).toBe(0);
  });
});
