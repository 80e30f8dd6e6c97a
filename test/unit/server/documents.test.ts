import { describe, expect, it } from '@jest/globals';
import { buildSchema } from 'graphql';
import { Documents, isDocument } from '../../../src/server/documents.js';

const schema = buildSchema('type Query { hello: String } type Subscription { hello: String }');
const documents = () =>
  new Documents({ schema, limits: { documentBytes: 8192, documentTokens: 1500 }, introspection: false });

describe('Documents', () => {
  it('are parsed and validated once, and kept only where they are valid', () => {
    const cache = documents();
    expect(cache.read('{ hello }')).toBe(cache.read('{ hello }'));
    expect(cache.read('{ helo }')).toMatchObject([{ message: expect.stringContaining('helo') }]);
    expect(cache.read('{ __schema { description } }')).toMatchObject([
      { message: expect.stringContaining('introspection') },
    ]);
    expect(() => cache.read('{ hello')).toThrow('Syntax Error');
  });

  it('are kept within a bound, those of HTTP and of sockets together', async () => {
    const cache = documents();
    const first = cache.read('{ hello }');
    if (!isDocument(first)) throw new Error('The document is not valid.');
    await cache.store.set('hash', first);
    expect(await cache.store.get('hash')).toBe(first);
    for (let number = 0; number < 60; number += 1) cache.read(`{ hello } #${number}${'x'.repeat(8000)}`);
    expect(await cache.store.get('hash')).toBeUndefined();
    expect(cache.read('{ hello }')).not.toBe(first);
  });

  it('have 8 KiB at most in UTF-8, whatever their characters', () => {
    const cache = documents();
    expect(() => cache.checkSize(`#${'ü'.repeat(4095)}`)).not.toThrow();
    expect(() => cache.checkSize(`#${'ü'.repeat(4096)}`)).toThrow('The document has 8193 bytes; 8192 is the limit');
  });
});
