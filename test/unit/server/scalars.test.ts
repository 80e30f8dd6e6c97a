import { describe, expect, it } from '@jest/globals';
import { execute, GraphQLObjectType, GraphQLSchema, GraphQLString, Kind, parse } from 'graphql';
import { DateTime, JSONObject } from '../../../src/platform/scalars.js';

describe('DateTime', () => {
  it.each([
    ['2026-11-20T12:00:00.000Z', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20T12:00:00Z', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20T12:00:00.1Z', '2026-11-20T12:00:00.100Z'],
    ['2026-11-20T12:00:00.123456789Z', '2026-11-20T12:00:00.123Z'],
    ['2026-11-20T12:00:00+05:30', '2026-11-20T06:30:00.000Z'],
    ['2026-12-31T23:30:00-01:00', '2027-01-01T00:30:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('reads %s to the millisecond in UTC', (text, instant) => {
    expect(DateTime.parseValue(text)).toBe(instant);
    expect(DateTime.parseLiteral({ kind: Kind.STRING, value: text })).toBe(instant);
  });

  it.each([
    '2026-11-20',
    '2026-11-20T12:00:00',
    '2026-11-20 12:00:00Z',
    '2026-11-31T12:00:00Z',
    '2025-02-29T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-11-20T24:00:00Z',
    '2026-11-20T12:60:00Z',
    '2026-11-20T23:59:60Z',
    '2026-11-20T12:00:00+24:00',
    '2026-11-20T12:00:00.000Z\n',
    '0000-01-01T00:00:00+01:00',
    '0000-12-31T23:59:59Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '+012026-11-20T12:00:00Z',
    'now',
    '',
    1_763_640_000_000,
    null,
    {},
    new Date(),
  ])('refuses %s as BAD_USER_INPUT', (value) => {
    expect(() => DateTime.parseValue(value)).toThrow(
      expect.objectContaining({ name: 'GraphQLError', extensions: { code: 'BAD_USER_INPUT' } }),
    );
  });

  it('writes text as it is stored, and dates', () => {
    expect(DateTime.serialize('2026-11-20T12:00:00.100Z')).toBe('2026-11-20T12:00:00.100Z');
    expect(DateTime.serialize(new Date(0))).toBe('1970-01-01T00:00:00.000Z');
    for (const value of ['2026-11-20 12:00:00+00', 42, new Date(Number.NaN)]) {
      expect(() => DateTime.serialize(value)).toThrow();
    }
  });
});

describe('JSONObject', () => {
  const nested = (levels: number): unknown => (levels === 1 ? {} : { a: nested(levels - 1) });
  const refused: [what: string, value: unknown][] = [
    ['a list', []],
    ['text', '{}'],
    ['null', null],
    ['a lone surrogate', { a: ['\ud800'] }],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['NUL', { a: 'b\0' }],
    ['__proto__', JSON.parse('{"a": {"__proto__": {"admin": true}}}')],
    ['a number out of range', { a: Number.POSITIVE_INFINITY }],
    ['65 levels', nested(65)],
    ['100,000 levels', JSON.parse(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
  ];

  it('reads and writes plain objects', () => {
    for (const value of [{}, { a: [1, 2.5, null, true, { b: 'ü😀' }], constructor: 1 }, nested(64)]) {
      expect(JSONObject.parseValue(value)).toEqual(value);
      expect(JSONObject.serialize(value)).toEqual(value);
    }
  });

  it.each(refused)('refuses %s as BAD_USER_INPUT', (_what, value) => {
    expect(() => JSONObject.parseValue(value)).toThrow(
      expect.objectContaining({ name: 'GraphQLError', extensions: { code: 'BAD_USER_INPUT' } }),
    );
  });

  it('reads literals, with variables in them', async () => {
    const query = new GraphQLObjectType({
      name: 'Query',
      fields: {
        echo: {
          type: GraphQLString,
          args: { value: { type: JSONObject } },
          resolve: (_root, { value }) => JSON.stringify(value),
        },
      },
    });
    const echo = async (literal: string, variableValues = {}) => {
      const document = parse(`query ($v: String, $constructor: String) { echo(value: ${literal}) }`);
      const result = await execute({ schema: new GraphQLSchema({ query }), document, variableValues });
      return result.errors ? 'refused' : JSON.parse(String(result.data?.echo));
    };
    expect(await echo('{a: 1, b: [2.5, null, true, "x"], c: {d: $v}}', { v: 'y' })).toEqual({
      ...{ a: 1, b: [2.5, null, true, 'x'] },
      c: { d: 'y' },
    });
    expect(await echo('{a: $constructor}')).toEqual({ a: null });
    for (const literal of ['[]', '"a"', '{a: RED}', '{__proto__: {a: 1}}', '{a: 1e999}', '{a: "\\u0000"}']) {
      expect(await echo(literal)).toBe('refused');
    }
  });
});
