import { describe, expect, it } from '@jest/globals';
import { runSeed } from './run-seed.js';

/** Short ones, and none after which a lost answer is waited for: `npm run test:faults` has them all. */
const only = [
  'PostgreSQL stopped -m immediate',
  'pg_terminate_backend',
  'Redis killed',
  'Redis pub/sub connections killed',
  'Redis FLUSHALL',
  'line to clients cut',
  'line to PostgreSQL cut',
  'line to Redis a black hole',
];

describe('Two instances under faults', () => {
  it('keep every promise: a short selection, with a seed that stays the same', async () => {
    const said: string[] = [];
    const { violations, events } = await runSeed({
      ...{ seed: 20_261_121, totalMs: 0, people: 6, only },
      say: (line) => said.push(line),
    });
    const acknowledged = events.filter((event) => event.type === 'end' && event.outcome === 'ok');
    expect({ violations, said }).toEqual({ violations: [], said });
    expect(acknowledged.length).toBeGreaterThan(20);
    // As many as a busy machine has time for: it waits for answers before each.
    expect(events.filter((event) => event.type === 'fault' && event.phase === 'begin').length).toBeGreaterThan(1);
  }, 180_000);
});
