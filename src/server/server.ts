import type { GraphQLSchema } from 'graphql';
import type { Viewer } from '../identity/viewer.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { startApollo } from './apollo.js';
import { CrossOrigin } from './cross-origin.js';
import { Documents } from './documents.js';
import { ErrorMask } from './error-masking.js';
import type { GraphiQLHandler } from './graphiql.js';
import { graphqlOverHttp } from './graphql-http.js';
import { GraphqlSocket } from './graphql-socket.js';
import { Health } from './health.js';
import { type Answer, type HttpHandler, send } from './http-answer.js';
import { nothingHere } from './http-errors.js';
import { HttpServer } from './http-server.js';
import { QueryLimits } from './query-limits.js';
import { type Route, Routes } from './routes.js';
import { defaultTimings, type ServerLimits, type ServerTimings } from './server-limits.js';

export interface ServerOptions<Context extends object> {
  readonly schema: GraphQLSchema;
  readonly log: Log;
  readonly clock: Clock;
  /** Who an Authorization header names. Throws UNAUTHENTICATED, or UNAVAILABLE where that cannot be told now. */
  readonly authenticate: (authorization: string | undefined) => Promise<Viewer>;
  /**
   * What one operation reads with: the `contextValue` of its resolvers. Apollo hands on a shallow copy with the same
   * prototype, so a class whose objects these are keeps nothing in `#private` fields.
   */
  readonly makeContext: (viewer: Viewer, requestId: string) => Promise<Context>;
  /** Can this instance serve? Asked once a second at most; a rejection means no. */
  readonly readiness: () => Promise<boolean>;
  readonly limits: ServerLimits;
  /** How many objects a list or a connection gives where the operation does not say: `{ 'Conversation.messages': 50 }`. */
  readonly defaultSizes: Readonly<Record<string, number>>;
  /** The mutations whose bodies may be `bulkBodyBytes` long. */
  readonly bulkMutations: readonly string[];
  readonly introspection: boolean;
  /** Answers GET /graphiql and all below it; null where it is off. */
  readonly graphiql: GraphiQLHandler | null;
  /** Beside the server's own. */
  readonly allowedOrigins: readonly string[];
  /** Whatever else is served at this port. */
  readonly routes?: readonly Route[];
  readonly timings?: Partial<ServerTimings>;
}

export interface Server {
  /** Rejects as node:net does, with EADDRINUSE where the port is taken. Port 0 takes any that is free. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * First half of a stop: /health/ready says 503, no socket opens, answers end their connections. Requests are still
   * served and subscriptions go on, so that answers being written can be followed to their end.
   */
  drain(): void;
  /** Second half: no connection is accepted, sockets close with 1001, they and requests in flight get `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** GraphQL over HTTP and WebSocket, health and pages, at one port. It listens when told to. */
export async function createServer<Context extends object>(options: ServerOptions<Context>): Promise<Server> {
  const { schema, log, clock, authenticate, makeContext, limits, introspection } = options;
  const timings = { ...defaultTimings, ...options.timings };
  const mask = new ErrorMask({ log, introspection, documentTokens: limits.documentTokens });
  const documents = new Documents({ schema, limits, introspection });
  const queryLimits = new QueryLimits({ schema, limits, defaultSizes: options.defaultSizes });
  const apollo = await startApollo<Context>({ schema, log, documents, queryLimits, mask });
  const health = new Health({ clock, readiness: options.readiness, timeoutMs: timings.readinessMs });
  const { bulkMutations } = options;
  const { lingerMs } = timings;
  const graphql = graphqlOverHttp({
    ...{ apollo, documents, mask, authenticate, makeContext, limits, bulkMutations, lingerMs },
  });
  const sockets = new GraphqlSocket({
    ...{ schema, clock, documents, queryLimits, mask, authenticate, makeContext, limits, timings },
  });
  const http = new HttpServer({
    clock,
    mask,
    timings,
    crossOrigin: new CrossOrigin(options.allowedOrigins),
    routes: new Routes([
      { path: '/graphql', handle: graphql },
      ...healthRoutes(health, lingerMs),
      ...(options.graphiql ? graphiqlRoutes(options.graphiql, lingerMs) : []),
      ...(options.routes ?? []),
    ]),
    sockets: { '/graphql': (request, socket, head) => sockets.upgrade(request, socket, head) },
  });
  return {
    listen: (host, port) => http.listen(host, port),
    drain() {
      health.drain();
      http.drain();
    },
    async close(graceMs) {
      health.drain();
      http.drain();
      sockets.close();
      await http.close(graceMs);
      await apollo.stop();
    },
  };
}

function healthRoutes(health: Health, lingerMs: number): readonly Route[] {
  return [
    { path: '/health/live', methods: ['GET'], handle: answering(() => health.live(), lingerMs) },
    { path: '/health/ready', methods: ['GET'], handle: answering(() => health.ready(), lingerMs) },
  ];
}

function graphiqlRoutes(graphiql: GraphiQLHandler, lingerMs: number): readonly Route[] {
  const toGraphiql: Answer = { status: 302, headers: { location: '/graphiql' }, body: '' };
  const handle: HttpHandler = async (request, response) => {
    if (!graphiql(request, response)) throw nothingHere();
  };
  return [
    { path: '/', methods: ['GET'], handle: answering(() => toGraphiql, lingerMs) },
    { path: '/graphiql', handle },
    { path: '/graphiql/*', handle },
  ];
}

function answering(answer: () => Answer | Promise<Answer>, lingerMs: number): HttpHandler {
  return async (request, response) => send(request, response, await answer(), lingerMs);
}
