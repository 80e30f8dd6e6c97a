import { describe, expect, it } from '@jest/globals';
import { buildSchema, getOperationAST, parse } from 'graphql';
import { defaultLimits } from '../../../src/limits.js';
import { CostPlanner } from '../../../src/server/query-cost.js';
import { QueryLimits } from '../../../src/server/query-limits.js';
import { shapeOf } from '../../../src/server/query-shape.js';
import { atMost } from '../../support/at-most.js';

const schema = buildSchema(`
  interface Node { id: ID! }
  type Query {
    viewer: Viewer
    node(id: ID!): Node
    nodes(ids: [ID!]!): [Node]!
    conversations(first: Int, last: Int): ConversationConnection!
    models: [Model!]!
    tops(first: Int): [Conversation!]!
  }
  type Viewer implements Node { id: ID! }
  type Model { id: ID! }
  type ConversationConnection { edges: [ConversationEdge!]! nodes: [Conversation]! pageInfo: PageInfo! totalCount: Int! }
  type ConversationEdge { cursor: String! node: Conversation }
  type PageInfo { hasNextPage: Boolean! }
  type Conversation implements Node { id: ID! lastMessage: Message messages(first: Int, last: Int): MessageConnection! }
  type MessageConnection { edges: [MessageEdge!]! nodes: [Message]! pageInfo: PageInfo! }
  type MessageEdge { cursor: String! node: Message }
  type Message implements Node { id: ID! conversation: Conversation! siblings: [Message!]! }
`);
const defaultSizes = { 'Conversation.messages': 50, 'Query.conversations': 20, 'Message.siblings': 3 };
const planner = new CostPlanner({ schema, defaultSizes, pageSize: 100, idsPerRequest: 100 });

function parsed(source: string) {
  const document = parse(source);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('No operation.');
  return { document, operation };
}

function costOf(source: string, variables: Record<string, unknown> = {}): number {
  const { document, operation } = parsed(source);
  return planner.plan(document, operation)(variables);
}

function measured(source: string) {
  const { document, operation } = parsed(source);
  return shapeOf(document, operation);
}

describe('The cost of an operation is the nodes that it asks for', () => {
  it.each([
    ['an object is one', '{ viewer { id } }', 1],
    ['text is nothing', '{ __typename }', 0],
    ['the nodes of a page are as many as asked', '{ conversations(first: 7) { nodes { id } } }', 7],
    ['edges with their nodes count once', '{ conversations(last: 7) { edges { cursor node { id } } } }', 7],
    ['edges and nodes count both', '{ conversations(first: 7) { edges { node { id } } nodes { id } } }', 14],
    ['the page around them is nothing', '{ conversations(first: 7) { totalCount pageInfo { hasNextPage } } }', 0],
    ['a page without a size has its default', '{ conversations { nodes { id } } }', 20],
    ['an explicit null is no size', '{ conversations(first: null) { nodes { id } } }', 20],
    ['what nests is multiplied', '{ conversations(first: 10) { nodes { lastMessage { id } } } }', 20],
    [
      'pages in pages are multiplied',
      '{ conversations(first: 10) { edges { node { messages(last: 5) { nodes { id } } } } } }',
      10 + 50,
    ],
    ['with defaults too', '{ conversations { nodes { messages { edges { cursor } } } } }', 20 + 20 * 50],
    ['ids are counted', '{ nodes(ids: ["a", "b", "c"]) { id } }', 3],
    ['lists without arguments have a size by name', '{ nodes(ids: ["a"]) { ... on Message { siblings { id } } } }', 4],
    ['or an assumed one', '{ models { id } }', 10],
    ['a list with first has that size', '{ tops(first: 4) { lastMessage { id } } }', 8],
    ['aliases add', '{ a: viewer { id } b: viewer { id } }', 2],
    ['fragments count where they are spread', '{ viewer { id } ...A ...A } fragment A on Query { viewer { id } }', 3],
    ['on abstract types too', '{ node(id: "a") { ... on Conversation { messages(last: 9) { nodes { id } } } } }', 10],
  ])('%s', (_what, source, cost) => {
    expect(costOf(source)).toBe(cost);
  });

  it('takes sizes from variables and their defaults', () => {
    const source =
      'query ($n: Int = 7, $ids: [ID!]!) { conversations(first: $n) { nodes { id } } nodes(ids: $ids) { id } }';
    expect(costOf(source, { ids: ['a', 'b'] })).toBe(9);
    expect(costOf(source, { ids: ['a', 'b'], n: 50 })).toBe(52);
    expect(costOf(source, { ids: [], n: null })).toBe(20);
  });

  it('counts no more than a field gives before it refuses, so that its own message is heard', () => {
    expect(costOf('{ conversations(first: 1000000) { nodes { id } } }')).toBe(100);
    expect(costOf('{ conversations(first: -5) { nodes { id } } }')).toBe(1);
    expect(costOf('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array(5000).fill('a') })).toBe(100);
  });

  it('does not work longer for fragments of fragments, of any type', () => {
    const levels = 40;
    const fragments = Array.from({ length: levels }, (_, level) => {
      const next = level === levels - 1 ? 'id' : `lastMessage { conversation { ...F${level + 1} ...F${level + 1} } }`;
      return `fragment F${level} on Conversation { ${next} }`;
    });
    const source = `{ conversations(first: 1) { nodes { ...F0 } } } ${fragments.join(' ')}`;
    const startedMs = performance.now();
    expect(costOf(source)).toBeGreaterThan(2 ** 38);
    expect(measured(source).depth).toBe(2 + 2 * (levels - 1) + 1);
    expect(performance.now() - startedMs).toBeLessThan(atMost(5000));
  });
});

describe('The shape of an operation', () => {
  it.each([
    ['{ __typename }', { depth: 1, aliases: 0, rootFields: 1, introspectionDepth: 0 }],
    ['{ viewer { id } }', { depth: 2 }],
    ['{ viewer { ... on Viewer { ... { id } } } }', { depth: 2 }],
    ['{ a: __typename viewer { b: __typename ...C } } fragment C on Viewer { c: id }', { aliases: 3 }],
    ['{ __schema { types { fields { name } } } viewer { id } }', { depth: 2, introspectionDepth: 4 }],
    [
      '{ ...A viewer { id } } fragment A on Query { x: viewer { id } ...B } fragment B on Query { models { id } }',
      { rootFields: 3 },
    ],
  ])('%s', (source, shape) => {
    expect(measured(source)).toMatchObject(shape);
  });
});

describe('An operation that asks for too much', () => {
  const limits = new QueryLimits({ schema, defaultSizes, limits: defaultLimits });
  const check = (source: string, variables = {}) => {
    const { document, operation } = parsed(source);
    limits.check(document, operation, variables);
  };
  const rootFields = (count: number) => `{ ${'__typename '.repeat(count)} }`;

  it('is refused beyond 20 root fields', () => {
    expect(() => check(rootFields(20))).not.toThrow();
    expect(() => check(rootFields(21))).toThrow(/21 root fields wide; 20 is the limit/);
  });

  it('is refused beyond 5,000 nodes, by the variables of the request', () => {
    const { document, operation } = parsed(
      'query ($n: Int!) { conversations(first: 50) { nodes { messages(first: $n) { nodes { id } } } } }',
    );
    expect(() => limits.check(document, operation, { n: 99 })).not.toThrow();
    expect(() => limits.check(document, operation, { n: 100 })).toThrow(/5050 nodes large; 5000 is the limit/);
  });

  it('is refused beyond 20 levels of introspection', () => {
    const deep = (levels: number) =>
      `{ __type(name: "A") ${'{ ofType '.repeat(levels - 2)}{ name }${' }'.repeat(levels - 2)} }`;
    expect(() => check(deep(20))).not.toThrow();
    expect(() => check(deep(21))).toThrow(/21 levels of introspection deep; 20 is the limit/);
  });
});
