import { describe, expect, it } from '@jest/globals';
import { buildSchema, execute, GraphQLError, parse, validate } from 'graphql';
import { DateTime } from '../../../src/platform/scalars.js';
import { wrongField } from '../../../src/server/wrong-field.js';

const schema = buildSchema(`
  type Query { list(first: Int, filter: Filter, of: [Filter!]): Int }
  input Filter { title: String, size: Size, since: DateTime }
  input Size { least: Int!, most: Int }
  scalar DateTime
`);
Object.assign(schema.getTypeMap().DateTime ?? {}, {
  parseValue: DateTime.parseValue,
  parseLiteral: DateTime.parseLiteral,
});

/** What the first error of a request names. */
function fieldOf(source: string, variableValues?: Record<string, unknown>): string | null {
  const document = parse(source);
  const [invalid] = validate(schema, document);
  if (invalid) return wrongField(invalid);
  const result = execute({ schema, document, variableValues });
  if (result instanceof Promise) throw new Error('Nothing here waits.');
  const [error] = result.errors ?? [];
  return wrongField(error ?? new GraphQLError('There is no error.'));
}

describe('What a request had wrong', () => {
  it.each<[string, string]>([
    ['{ list(first: 99999999999) }', 'first'],
    ['{ list(filter: { title: 5 }) }', 'filter.title'],
    ['{ list(first: 1, filter: { title: "a", size: { most: 1, least: 99999999999 } }) }', 'filter.size.least'],
    ['{ list(of: [{ title: "a", size: { least: 1 } }, { title: "b", size: { least: "c" } }]) }', 'of.size.least'],
    ['{ list(filter: { size: { most: 1 } }) }', 'filter.size.least'],
    ['{ list(filter: { title: "a", name: "b" }) }', 'filter.name'],
    ['{ list(filter: { since: "now" }) }', 'filter.since'],
    ['query ($first: Int = 99999999999) { list(first: $first) }', 'first'],
    ['query ($size: Size = { least: 1, most: "a" }) { list(filter: { size: $size }) }', 'size.most'],
  ])('is named where it stands in the document: %s', (source, field) => {
    expect(fieldOf(source)).toBe(field);
  });

  it.each<[string, unknown, string]>([
    ['Int', 99999999999, 'it'],
    ['Filter', { title: 5 }, 'it.title'],
    ['[Filter!]', [{}, { size: {} }], 'it.1.size.least'],
    ['Filter', { name: 'b' }, 'it.name'],
    ['Filter', { since: 'now' }, 'it.since'],
  ])('is named where it stands in a variable: %s', (type, it, field) => {
    const name = { Int: 'first', Filter: 'filter', '[Filter!]': 'of' }[type];
    expect(fieldOf(`query ($it: ${type}) { list(${name}: $it) }`, { it })).toBe(field);
  });

  it.each(['{ lists }', '{ list(second: 1) }', '{ list { a } }', '{ ...Unknown }'])(
    'is nothing of it where that is the document itself: %s',
    (source) => {
      expect(fieldOf(source)).toBeNull();
    },
  );
});
