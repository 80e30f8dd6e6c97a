import { connect } from 'node:net';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { unavailable } from '../../../src/errors.js';
import { describeError } from '../../../src/platform/log.js';

const secret = 'MySecretQuestion';
const written = (error: unknown) => JSON.stringify(describeError(error));

describe('What a log line says of an error', () => {
  it('is its name, its code and where it came from, not what it says', () => {
    const error = Object.assign(new RangeError(`key (${secret}) is there already`), { code: '23505' });
    expect(describeError(error)).toEqual({ type: 'RangeError', code: '23505', at: expect.any(Array) });
    expect(written(error)).toContain('log.test.ts');
    expect(written(error)).not.toContain(secret);
  });

  it('is nothing of a message whose lines look like those of a stack', () => {
    for (const message of [
      `first\n    at ${secret} (file:///app/secret.js:1:1)`,
      `\n    at ${secret}\n    at ${secret}\n`,
      `Error: x\n    at one\nError: x\n    at ${secret}`,
    ]) {
      expect(written(new Error(message))).not.toContain(secret);
    }
  });

  it('is nothing of a stack that holds another message than the error has now', () => {
    const error = new Error(`first\n    at ${secret} (file:///app/secret.js:1:1)`);
    expect(error.stack).toContain(secret);
    error.message = 'rewritten';
    expect(describeError(error)).toEqual({ type: 'Error', code: undefined, at: [] });
  });

  it('is the same of what caused it', () => {
    const refused = Object.assign(new Error(`connect ${secret}`), { code: 'ECONNREFUSED' });
    const said = describeError(new Error('outer', { cause: unavailable(refused) }));
    expect(said).toMatchObject({
      cause: { type: 'ParleyError', code: 'UNAVAILABLE', cause: { type: 'Error', code: 'ECONNREFUSED' } },
    });
    expect(JSON.stringify(said)).not.toContain(secret);
    expect(describeError(new Error('outer'))).not.toHaveProperty('cause');
    expect(describeError(new Error('outer', { cause: secret }))).not.toHaveProperty('cause');
  });

  it('comes to an end where errors cause each other', () => {
    const error = new Error('one');
    error.cause = new Error('other', { cause: error });
    expect(written(error).match(/"type"/g)).toHaveLength(5);
  });

  it('is nothing of the errors of an aggregate', () => {
    expect(written(new AggregateError([new Error(secret)], 'all failed'))).not.toContain(secret);
  });

  it.each(['a b', `${'x'.repeat(65)}`, `code\n${secret}`, '', { toString: () => `{${secret}}` }, null])(
    'is no code that is more than a word (%j)',
    (code) => {
      const said = describeError(Object.assign(new Error('x'), { code, name: code }));
      expect(said).toMatchObject({
        type: code === null ? 'null' : undefined,
        code: code === null ? 'null' : undefined,
      });
    },
  );

  it('is the same for errors of the system, which come from another realm here', async () => {
    const refused = await new Promise<unknown>((resolve) => connect(1, '127.0.0.1').once('error', resolve));
    expect(describeError(refused)).toMatchObject({ type: 'Error', code: 'ECONNREFUSED' });
    const foreign: unknown = runInNewContext(`new TypeError('${secret}')`);
    expect(foreign instanceof Error).toBe(false);
    expect(describeError(foreign)).toMatchObject({ type: 'TypeError' });
    expect(written(foreign)).not.toContain(secret);
  });

  it.each([secret, 42, null, undefined, { message: secret }, [secret]])(
    'is the kind of thing alone where something else was thrown (%j)',
    (thrown) => expect(describeError(thrown)).toEqual({ type: typeof thrown }),
  );

  it('keeps the code of what is no error but has one', () => {
    const thrown = { code: 'ECONNREFUSED', message: secret };
    expect(describeError(thrown)).toEqual({ type: 'object', code: 'ECONNREFUSED' });
  });
});
