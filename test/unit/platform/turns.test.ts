import { describe, expect, it } from '@jest/globals';
import { Turns } from '../../../src/platform/turns.js';
import { ManualClock } from '../../support/manual-clock.js';

const at = (line: string, width = 2) => ({ line, width, waitMs: 1000, late: () => new Error('too late') });

/** Work that ends when it is told to, and the order in which it began. */
class Works {
  readonly begun: number[] = [];
  private readonly ends = new Map<number, (error?: Error) => void>();

  readonly work = (number: number) => () => {
    this.begun.push(number);
    return new Promise<number>((resolve, reject) => {
      this.ends.set(number, (error) => (error ? reject(error) : resolve(number)));
    });
  };

  async end(number: number, error?: Error): Promise<void> {
    this.ends.get(number)?.(error);
    await new Promise(setImmediate);
  }
}

describe('Turns', () => {
  it('let so many through at a time, in the order of arrival; other lines do not wait', async () => {
    const [turns, works] = [new Turns(new ManualClock()), new Works()];
    const taken = [1, 2, 3, 4].map((number) => turns.take(at('a'), works.work(number)));
    const other = turns.take(at('b'), works.work(5));
    expect(works.begun).toEqual([1, 2, 5]);
    await works.end(2);
    expect(works.begun).toEqual([1, 2, 5, 3]);
    for (const number of [5, 1, 3, 4]) await works.end(number);
    expect(await Promise.all([...taken, other])).toEqual([1, 2, 3, 4, 5]);
    expect(turns.count).toBe(0);
  });

  it('go on after work that fails', async () => {
    const [turns, works] = [new Turns(new ManualClock()), new Works()];
    const first = turns.take(at('a', 1), works.work(1));
    const second = turns.take(at('a', 1), works.work(2));
    const refused = expect(first).rejects.toThrow('broken');
    await works.end(1, new Error('broken'));
    await refused;
    await works.end(2);
    expect(await second).toBe(2);
    expect(turns.count).toBe(0);
  });

  it('are not waited for after an error that all who wait would get: they get it at once', async () => {
    const [clock, works] = [new ManualClock(), new Works()];
    const turns = new Turns(clock);
    const silent = new Error('silent');
    const wish = { ...at('a', 1), endsLine: (error: unknown) => error === silent };
    const taken = [1, 2, 3].map((number) => turns.take(wish, works.work(number)));
    const refused = Promise.all(taken.map((turn) => expect(turn).rejects.toThrow('silent')));
    await works.end(1, silent);
    await refused;
    expect(works.begun).toEqual([1]);
    expect([turns.count, clock.timers]).toEqual([0, 0]);
  });

  it('are refused where the line moves too slowly; nothing is left of who gave up', async () => {
    const [clock, works] = [new ManualClock(), new Works()];
    const turns = new Turns(clock);
    const taken = [1, 2, 3, 4, 5].map((number) => turns.take(at('a'), works.work(number)));
    const late = Promise.all(taken.slice(2).map((turn) => expect(turn).rejects.toThrow('too late')));
    await clock.advance(1000);
    await late;
    await works.end(1);
    await works.end(2);
    expect(works.begun).toEqual([1, 2]);
    expect([turns.count, clock.timers]).toEqual([0, 0]);
  });

  it('are refused where a thousand wait already: UNAVAILABLE', async () => {
    const [clock, works] = [new ManualClock(), new Works()];
    const turns = new Turns(clock);
    const taken = Array.from({ length: 1002 }, (_, number) => turns.take(at('a'), works.work(number)));
    const late = Promise.allSettled(taken.slice(2));
    await expect(turns.take(at('a'), works.work(1002))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await clock.advance(1000);
    await late;
    await works.end(0);
    await works.end(1);
    expect(turns.count).toBe(0);
  });
});
