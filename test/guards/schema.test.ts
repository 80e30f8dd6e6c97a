import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import {
  buildSchema,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { schemaText } from '../../src/schema-text.js';
import { readFiles } from './source-files.js';

interface Described {
  readonly name: string;
  readonly description?: string | null | undefined;
}

/** Every type, field, argument and value without a description, by its path. */
function undescribed(schema: GraphQLSchema): string[] {
  const missing = (path: string, { description }: Described) => (description?.trim() ? [] : [path]);
  const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));
  return types.flatMap((type) => {
    if (isSpecifiedScalarType(type)) return [];
    const own = missing(type.name, type);
    if (isEnumType(type))
      return [...own, ...type.getValues().flatMap((value) => missing(`${type.name}.${value.name}`, value))];
    if (isInputObjectType(type)) {
      return [
        ...own,
        ...Object.values(type.getFields()).flatMap((field) => missing(`${type.name}.${field.name}`, field)),
      ];
    }
    if (!isObjectType(type) && !isInterfaceType(type)) return own;
    const fields = Object.values(type.getFields()).flatMap((field) => [
      ...missing(`${type.name}.${field.name}`, field),
      ...field.args.flatMap((arg) => missing(`${type.name}.${field.name}(${arg.name})`, arg)),
    ]);
    return [...own, ...fields];
  });
}

describe('schema.graphql', () => {
  it('is what the code says; "npm run schema" writes it anew', () => {
    expect(readFiles(['schema.graphql'], ['.graphql'])[0]?.text).toBe(schemaText());
  });

  it('describes every type, field, argument and value', () => {
    expect(undescribed(buildSchema(schemaText()))).toEqual([]);
  });
});

describe('The guard of the schema sees', () => {
  it('whatever has no description', () => {
    const schema = buildSchema(`
      scalar Time
      enum Mood { GOOD }
      input Wish { what: String }
      interface Thing { id: ID! }
      union Any = Query
      "Described." type Query implements Thing { "Described." id: ID! field(arg: Int): Int }
    `);
    expect(undescribed(schema).sort()).toEqual(
      [
        ...['Any', 'Mood', 'Mood.GOOD', 'Query.field', 'Query.field(arg)', 'Thing', 'Thing.id', 'Time'],
        ...['Wish', 'Wish.what'],
      ].sort(),
    );
  });
});
