import { describe, expect, it } from '@jest/globals';
import { readPage } from '../../../src/platform/pagination.js';

const unsaid = { from: 'end', limit: 50 } as const;

describe('The arguments of a connection', () => {
  it.each([
    [{}, { from: 'end', limit: 50, after: null, before: null }],
    [
      { first: null, last: null, after: null, before: null },
      { from: 'end', limit: 50, after: null, before: null },
    ],
    [
      { first: 1, after: 'a' },
      { from: 'start', limit: 1, after: 'a', before: null },
    ],
    [
      { last: 100, before: 'b' },
      { from: 'end', limit: 100, after: null, before: 'b' },
    ],
    [
      { first: 3, last: null, after: 'a', before: 'b' },
      { from: 'start', limit: 3, after: 'a', before: 'b' },
    ],
  ])('%j', (given, wanted) => {
    expect(readPage(given, unsaid, 100)).toEqual(wanted);
  });

  it.each([
    [{ first: 1, last: 1 }, 'last'],
    [{ first: 0 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ first: 1.5 }, 'first'],
    [{ last: 0 }, 'last'],
    [{ last: 101 }, 'last'],
  ])('%j is BAD_USER_INPUT', (given, field) => {
    expect(() => readPage(given, unsaid, 100)).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', field } }),
    );
  });
});
