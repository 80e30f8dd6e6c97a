import { describe, expect, it } from '@jest/globals';
import { pullFrom, SourceFailure } from '../../../src/platform/pulled-source.js';

describe('A pulled source', () => {
  it('that is closed before anything was asked of it opens nothing: nobody would close that', async () => {
    let open = 0;
    const make = (signal: AbortSignal) => {
      open += 1;
      return (async function* () {
        try {
          yield signal.aborted;
        } finally {
          open -= 1;
        }
      })();
    };
    const unheard = pullFrom(make);
    expect(await unheard.return?.()).toEqual({ done: true, value: undefined });
    expect(await unheard.next()).toEqual({ done: true, value: undefined });
    expect(open).toBe(0);
    const heard = pullFrom(make);
    expect(await heard.next()).toEqual({ done: false, value: false });
    expect(open).toBe(1);
    await heard.return?.();
    expect(open).toBe(0);
  });

  it('gives what went wrong as an event, also where it could not be opened', async () => {
    const failure = new Error('no');
    const source = pullFrom(() => {
      throw failure;
    });
    const { value } = await source.next();
    expect(value).toBeInstanceOf(SourceFailure);
    expect(value).toMatchObject({ error: failure });
  });
});
