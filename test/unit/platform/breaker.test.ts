import { beforeEach, describe, expect, it } from '@jest/globals';
import { Breaker } from '../../../src/platform/breaker.js';
import { ManualClock } from '../../support/manual-clock.js';

const breakMs = 1000;

let clock: ManualClock;
let breaker: Breaker;
beforeEach(() => {
  clock = new ManualClock();
  breaker = new Breaker(clock, breakMs);
});

const failing = () => Promise.reject(new Error('It is dead.'));
const working = () => Promise.resolve('done');
const fail = () => expect(breaker.run(failing)).rejects.toThrow('It is dead.');

describe('A breaker', () => {
  it('lets everybody through while nothing fails', async () => {
    expect(await Promise.all([breaker.run(working), breaker.run(working)])).toEqual(['done', 'done']);
    expect(breaker.isOpen).toBe(false);
  });

  it('fails at once for its time after a failure, and asks nobody', async () => {
    await fail();
    await clock.advance(breakMs - 1);
    let asked = 0;
    const refused = breaker.run(async () => {
      asked += 1;
    });
    await expect(refused).rejects.toThrow('a moment ago');
    expect([breaker.isOpen, asked]).toEqual([true, 0]);
    await clock.advance(1);
    expect(await breaker.run(working)).toBe('done');
  });

  it('lets one try for all then: the others fail at once until it has succeeded', async () => {
    await fail();
    await clock.advance(breakMs);
    const { promise, resolve } = Promise.withResolvers<string>();
    const trying = breaker.run(() => promise);
    await expect(breaker.run(working)).rejects.toThrow('a moment ago');
    resolve('back');
    expect(await trying).toBe('back');
    expect(await breaker.run(working)).toBe('done');
  });

  it('lets somebody else try where the one who does gets no answer', async () => {
    await fail();
    await clock.advance(breakMs);
    const never = breaker.run(() => new Promise(() => {}));
    await clock.advance(breakMs);
    expect(await breaker.run(working)).toBe('done');
    expect(never).toBeInstanceOf(Promise);
  });

  it('closes where what failed is known to work again', async () => {
    await fail();
    breaker.reset();
    expect(await breaker.run(working)).toBe('done');
  });
});
