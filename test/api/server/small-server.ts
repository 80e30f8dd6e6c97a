import { buildSchema, type GraphQLFieldResolver, GraphQLObjectType, type GraphQLSchema, Source } from 'graphql';
import { pino } from 'pino';
import { notFound, unauthenticated } from '../../../src/errors.js';
import type { Viewer } from '../../../src/identity/viewer.js';
import { defaultLimits, type Limits } from '../../../src/limits.js';
import { systemClock } from '../../../src/platform/clock.js';
import { describeError } from '../../../src/platform/log.js';
import { createServer, type Server, type ServerOptions } from '../../../src/server/server.js';

/** What a resolver reads with here: a class, as in the real server, to see that it comes through whole. */
export class Reader {
  constructor(
    readonly viewer: Viewer,
    readonly requestId: string,
  ) {}

  greeting(): string {
    return `Hello ${this.viewer.id}`;
  }
}

const sdl = `
  type Query {
    hello: String
    echo(text: String): String
    fails: String
    failsTwice: [String]
    refuses: String
    never: String!
    broken: Int
    role(role: Role): Role
    friend: Person
    people(first: Int, last: Int, after: String): PersonConnection!
    nodes(ids: [ID!]!): [Person]!
    slow: String
  }
  enum Role { READER WRITER }
  type Person {
    id: ID!
    name: String
    friend: Person
    friends(first: Int, last: Int): PersonConnection!
    nicknames: [Nickname!]!
  }
  type Nickname { text: String }
  type PersonConnection { edges: [PersonEdge!]! nodes: [Person]! pageInfo: PageInfo! totalCount: Int }
  type PersonEdge { cursor: String! node: Person }
  type PageInfo { hasNextPage: Boolean! }
  input NoteInput { text: String!, tags: [String!] }
  type Mutation {
    note(input: NoteInput!): Int
    appendMessages(text: String!): Int
    importMessages(text: String!): Int
  }
  type Subscription {
    ticks(count: Int!, bytes: Int = 0): Tick!
    silence: Tick!
    failsLate: Tick!
    refusesNow: Tick!
  }
  type Tick { number: Int! text: String! requestId: String! fails: String }
`;

/** Counts what the sources of subscriptions did, for tests that see them released. */
export class Sources {
  opened = 0;
  returned = 0;
  pulled = 0;
  /** Events whose text was read by the execution. */
  executed = 0;

  get open(): number {
    return this.opened - this.returned;
  }

  /** A pull iterator: gives `count` ticks, or waits for ever when `count` is null, until it is returned. */
  ticks(count: number | null, bytes: number, failAfter = Number.POSITIVE_INFINITY): AsyncIterableIterator<object> {
    this.opened += 1;
    let number = 0;
    let release: (() => void) | null = null;
    let isOver = false;
    const end = () => {
      if (!isOver) this.returned += 1;
      isOver = true;
      release?.();
    };
    const iterator: AsyncIterableIterator<object> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        this.pulled += 1;
        if (number >= failAfter) {
          end();
          throw new Error('The source holds a secret.');
        }
        if (count === null && !isOver) {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        if (isOver || (count !== null && number >= count)) {
          end();
          return { done: true, value: undefined };
        }
        number += 1;
        return { done: false, value: { number, text: 'x'.repeat(bytes) } };
      },
      return: async () => {
        end();
        return { done: true, value: undefined };
      },
    };
    return iterator;
  }
}

export interface SmallServer {
  readonly server: Server;
  readonly sources: Sources;
  /** `http://127.0.0.1:4000` and so on, without a slash. */
  readonly origin: string;
  readonly url: string;
  readonly socketUrl: string;
  readonly port: number;
  /** What was logged, as it was written. */
  readonly logged: readonly LogLine[];
  /** Lets `Query.slow` answer. */
  finishSlow(): void;
  readonly slowStarted: Promise<void>;
}

export interface LogLine {
  readonly msg: string;
  readonly requestId?: string;
  readonly [name: string]: unknown;
}

type Changes = Partial<Omit<ServerOptions<Reader>, 'limits'>> & { readonly limits?: Partial<Limits> };

const running = new Set<SmallServer>();

/** Stops what tests started, but for the one that a file shares: also when a test has failed before it could. */
export async function stopSmallServers(shared?: SmallServer): Promise<void> {
  const others = [...running].filter((small) => small !== shared);
  for (const small of others) running.delete(small);
  await Promise.all(others.map((small) => small.server.close(1000)));
}

/** A whole server over a schema of its own, on a port of its own; the token is the person's name. */
export async function startSmallServer(changes: Changes = {}): Promise<SmallServer> {
  const logged: LogLine[] = [];
  const stream = { write: (line: string) => void logged.push(JSON.parse(line)) };
  const log = pino({ serializers: { error: describeError } }, stream);
  const sources = new Sources();
  let finishSlow = () => {};
  const slow = new Promise<string>((resolve) => {
    finishSlow = () => resolve('done');
  });
  let slowHasStarted = () => {};
  const slowStarted = new Promise<void>((resolve) => {
    slowHasStarted = resolve;
  });
  const server = await createServer<Reader>({
    schema: smallSchema(sources, () => {
      slowHasStarted();
      return slow;
    }),
    log,
    clock: systemClock,
    authenticate: async (authorization) => viewerOf(authorization),
    makeContext: async (viewer, requestId) => new Reader(viewer, requestId),
    readiness: async () => true,
    defaultSizes: { 'Query.people': 20, 'Person.friends': 50 },
    bulkMutations: ['appendMessages', 'importMessages'],
    introspection: true,
    graphiql: null,
    allowedOrigins: [],
    ...changes,
    limits: { ...defaultLimits, ...changes.limits },
  });
  const { port } = await server.listen('127.0.0.1', 0);
  const origin = `http://127.0.0.1:${port}`;
  const small: SmallServer = {
    ...{ server, sources, origin, port, logged, slowStarted },
    url: `${origin}/graphql`,
    socketUrl: `ws://127.0.0.1:${port}/graphql`,
    finishSlow: () => finishSlow(),
  };
  running.add(small);
  return small;
}

export function viewerOf(authorization: string | undefined, tokenExpiresAtMs = Date.now() + 3_600_000): Viewer {
  const id = /^Bearer ([a-z]+)$/.exec(authorization ?? '')?.[1];
  if (!id || id === 'mallory') throw unauthenticated();
  return { id, email: null, department: null, roles: [], tokenExpiresAtMs };
}

function smallSchema(sources: Sources, slow: () => Promise<string>): GraphQLSchema {
  const schema = buildSchema(new Source(sdl));
  const shared = new Error('password=hunter2');
  setResolvers(schema, 'Query', {
    hello: (_root, _args, reader: Reader) => reader.greeting(),
    echo: (_root, { text }) => text,
    fails: () => {
      throw new Error('password=hunter2');
    },
    failsTwice: () => [Promise.reject(shared), Promise.reject(shared)],
    refuses: () => {
      throw notFound('conversation');
    },
    never: () => null,
    broken: () => 'secret text that is no number',
    role: (_root, { role }) => role,
    friend: () => ({ id: '1', name: 'Grace' }),
    people: () => ({ edges: [], nodes: [], pageInfo: { hasNextPage: false } }),
    nodes: (_root, { ids }) => ids.map((id: string) => ({ id })),
    slow,
  });
  setResolvers(schema, 'Mutation', {
    note: (_root, { input }) => input.text.length,
    appendMessages: (_root, { text }) => text.length,
    importMessages: (_root, { text }) => text.length,
  });
  setResolvers(schema, 'Tick', {
    text: ({ text }) => {
      sources.executed += 1;
      return text;
    },
    requestId: (_root, _args, reader: Reader) => reader.requestId,
    fails: () => {
      throw new Error('password=hunter2');
    },
  });
  setSources(schema, {
    ticks: (_root, { count, bytes }) => sources.ticks(count, bytes),
    silence: () => sources.ticks(null, 0),
    failsLate: () => sources.ticks(5, 0, 1),
    refusesNow: () => {
      throw notFound('conversation');
    },
  });
  return schema;
}

// biome-ignore lint/suspicious/noExplicitAny: arguments as graphql-js hands them to any resolver
type Resolver = GraphQLFieldResolver<any, Reader, any>;

function setResolvers(schema: GraphQLSchema, typeName: string, resolvers: Record<string, Resolver>): void {
  for (const [name, resolve] of Object.entries(resolvers)) fieldOf(schema, typeName, name).resolve = resolve;
}

function setSources(schema: GraphQLSchema, sources: Record<string, Resolver>): void {
  for (const [name, subscribe] of Object.entries(sources)) {
    const field = fieldOf(schema, 'Subscription', name);
    field.subscribe = subscribe;
    field.resolve = (event) => event;
  }
}

function fieldOf(schema: GraphQLSchema, typeName: string, name: string) {
  const type = schema.getType(typeName);
  const field = type instanceof GraphQLObjectType ? type.getFields()[name] : undefined;
  if (!field) throw new Error(`The small schema has no ${typeName}.${name}.`);
  return field;
}
