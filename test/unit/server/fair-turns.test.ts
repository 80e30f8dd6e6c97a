import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { FairTurns } from '../../../src/server/fair-turns.js';

/** What a crowd of events and the rest of the server do, in order. */
async function crowd(events: number): Promise<(number | 'other')[]> {
  const turns = new FairTurns();
  const done: (number | 'other')[] = [];
  const others = async () => {
    while (done.filter((one) => one !== 'other').length < events) {
      await turn();
      done.push('other');
    }
  };
  const event = async (number: number) => {
    await turns.take('ada');
    done.push(number);
  };
  await Promise.all([others(), ...Array.from({ length: events }, (_, number) => event(number))]);
  return done;
}

describe('Events of a crowd', () => {
  it('are made in their order, 16 in one turn of the event loop, so that others have theirs between', async () => {
    const done = await crowd(100);
    expect(done.filter((one) => one !== 'other')).toEqual(Array.from({ length: 100 }, (_, number) => number));
    const runs = done
      .map((one) => (one === 'other' ? ' ' : '.'))
      .join('')
      .split(' ');
    expect(Math.max(...runs.map((run) => run.length))).toBe(16);
  });

  it('wait for nothing where they are few, however often they come', async () => {
    const turns = new FairTurns();
    for (let round = 0; round < 5; round += 1) {
      let made = 0;
      for (let number = 0; number < 16; number += 1) void turns.take('ada').then(() => (made += 1));
      await Promise.resolve();
      await Promise.resolve();
      expect(made).toBe(16);
      await turn();
    }
  });

  it('of one owner make nobody wait who comes with a single one', async () => {
    const turns = new FairTurns();
    let made = 0;
    const crowd = Array.from({ length: 1000 }, () => turns.take('ada').then(() => (made += 1)));
    await turns.take('bob');
    // The turn that was on, and what of the next comes before him.
    expect(made).toBeLessThanOrEqual(2 * 16);
    await Promise.all(crowd);
    expect(made).toBe(1000);
  });
});
