import { describe, expect, it } from '@jest/globals';
import { buildSchema, execute, GraphQLError, parse, validate } from 'graphql';
import { pino } from 'pino';
import { badUserInput, conflict, dataIntegrity, rateLimited } from '../../../src/errors.js';
import { ErrorMask } from '../../../src/server/error-masking.js';

const lines: string[] = [];
const log = pino({}, { write: (line: string) => void lines.push(line) });
const mask = new ErrorMask({ log, introspection: true, documentTokens: 1500 });

describe('The mask of errors', () => {
  it('passes what the catalogue has, with all its extensions and the place', () => {
    const schema = buildSchema('type Query { a: Int }');
    const errors = [
      conflict('ANSWER_IN_PROGRESS', 'An answer is being written.'),
      rateLimited('sends', 1500),
      badUserInput('input.content', 'Too long.'),
    ];
    for (const error of errors) {
      const rootValue = {
        a: () => {
          throw error;
        },
      };
      const result = execute({ schema, document: parse('{ a }'), rootValue });
      if (result instanceof Promise) throw new Error('Nothing here waits.');
      expect(mask.format(result.errors?.[0], 'r')).toEqual({
        message: error.message,
        locations: [{ line: 1, column: 3 }],
        path: ['a'],
        extensions: error.extensions,
      });
    }
    expect(lines).toEqual([]);
  });

  it('tells whoever runs the server of a damaged text, once for each time that it is met', () => {
    lines.length = 0;
    const error = dataIntegrity();
    expect(mask.toPublic(error, 'request-1')).toBe(error);
    mask.toPublic(new GraphQLError('again', { originalError: error }), 'request-1');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ requestId: 'request-1', level: 50 });
  });

  it.each([
    ['a TypeError', new TypeError('Cannot read properties of undefined')],
    ['a thrown text', 'password=hunter2'],
    ['nothing', undefined],
    [
      'an error with extensions of its own',
      Object.assign(new Error('x'), { extensions: { code: 'SECRET', sql: 'SELECT' } }),
    ],
    [
      'a GraphQLError that a resolver made',
      new GraphQLError('hunter2', { path: ['a'], extensions: { sql: 'SELECT' } }),
    ],
    [
      'one wrapped many times',
      new GraphQLError('a', { originalError: new GraphQLError('b', { originalError: new Error('hunter2') }) }),
    ],
  ])('hides %s, and logs it under the request', (_what, error) => {
    lines.length = 0;
    expect(mask.toPublic(error, 'request-1')).toMatchObject({
      message: 'Something went wrong on our side.',
      extensions: { code: 'INTERNAL', requestId: 'request-1' },
    });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'An operation failed', requestId: 'request-1', level: 50 });
  });
});

describe('What graphql-js says', () => {
  it('of results, which it quotes, is hidden', async () => {
    const schema = buildSchema(
      'type Query { a: [B] i: Int n: Node } interface Node { id: ID } type B implements Node { id: ID }',
    );
    const rootValue = { a: 'hunter2', i: 'hunter2', n: { __typename: 'hunter2' } };
    const result = await execute({ schema, document: parse('{ a { id } i n { id } }'), rootValue });
    expect(result.errors).toHaveLength(3);
    for (const error of result.errors ?? []) {
      expect(mask.format(error, 'r')).toMatchObject({ extensions: { code: 'INTERNAL' } });
      expect(JSON.stringify(mask.format(error, 'r'))).not.toContain('hunter2');
    }
  });

  it('of arguments that only the execution sees is kept', async () => {
    const schema = buildSchema('type Query { a(b: Int!): Int }');
    const result = await execute({
      schema,
      document: parse('query ($b: Int) { a(b: $b) }'),
      variableValues: { b: null },
    });
    expect(mask.format(result.errors?.[0], 'r')).toMatchObject({ path: ['a'], extensions: { code: 'BAD_USER_INPUT' } });
  });

  it('suggests no names of the schema where introspection is off', () => {
    const quiet = new ErrorMask({ log, introspection: false, documentTokens: 1500 });
    const schema = buildSchema('type Query { content: Content } type Content { secretField: Int }');
    for (const source of ['{ contents { secretField } }', '{ content }', '{ content { secretFeld } }']) {
      const errors = validate(schema, parse(source));
      expect(errors.map((error) => mask.format(error, 'r').message).join()).toContain('Did you mean');
      expect(errors.map((error) => quiet.format(error, 'r').message).join()).not.toContain('Did you mean');
    }
  });

  it('is searched for such names once, however much of it a client wrote', () => {
    const quiet = new ErrorMask({ log, introspection: false, documentTokens: 1500 });
    const given = ' Did you mean '.repeat(75_000);
    const startedMs = performance.now();
    const { message } = quiet.format(new GraphQLError(`Variable "$a" got invalid value "${given}".`), 'r');
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(message).toHaveLength(501);
  });
});
