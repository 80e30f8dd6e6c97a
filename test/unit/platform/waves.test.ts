import { describe, expect, it } from '@jest/globals';
import { Waves } from '../../../src/platform/waves.js';

function read() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { promise, resolve, reject };
}

/** Long enough for every promise that can settle to have settled. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Reads that are asked for together', () => {
  it('arrive together, when the last of them has arrived', async () => {
    const [waves, fast, slow] = [new Waves(), read(), read()];
    const arrived: string[] = [];
    const both = [fast, slow].map((one) => waves.join(() => one.promise).then((text) => arrived.push(text)));
    fast.resolve('fast');
    await settled();
    expect(arrived).toEqual([]);
    slow.resolve('slow');
    await Promise.all(both);
    expect(arrived).toEqual(['fast', 'slow']);
  });

  it('do not take each other along when one fails', async () => {
    const [waves, good, bad] = [new Waves(), read(), read()];
    const outcomes = Promise.allSettled([waves.join(() => good.promise), waves.join(() => bad.promise)]);
    bad.reject(new Error('Away.'));
    good.resolve('good');
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 'good' },
      { status: 'rejected', reason: new Error('Away.') },
    ]);
  });

  it('are followed by a wave of their own', async () => {
    const waves = new Waves();
    expect(await waves.join(async () => 'one')).toBe('one');
    const late = read();
    const [first, second] = [waves.join(async () => 'two'), waves.join(() => late.promise)];
    late.resolve('three');
    expect(await Promise.all([first, second])).toEqual(['two', 'three']);
  });
});
