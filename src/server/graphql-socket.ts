import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type ExecutionArgs,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  OperationTypeNode,
} from 'graphql';
import { type Context, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { badUserInput, tooComplex } from '../errors.js';
import type { Viewer } from '../identity/viewer.js';
import type { Clock } from '../platform/clock.js';
import { type Documents, isDocument } from './documents.js';
import type { ErrorMask } from './error-masking.js';
import { EventLanes } from './event-lanes.js';
import { subscribeInLanes } from './event-stream.js';
import { FairTurns } from './fair-turns.js';
import { HttpError } from './http-errors.js';
import type { QueryLimits } from './query-limits.js';
import { endConnection } from './raw-answer.js';
import type { ServerLimits, ServerTimings } from './server-limits.js';
import { SocketConnection } from './socket-connection.js';
import { atTime } from './token-expiry.js';

export interface GraphqlSocketOptions<GraphqlContext extends object> {
  readonly schema: GraphQLSchema;
  readonly clock: Clock;
  readonly documents: Documents;
  readonly queryLimits: QueryLimits;
  readonly mask: ErrorMask;
  readonly authenticate: (authorization: string | undefined) => Promise<Viewer>;
  readonly makeContext: (viewer: Viewer, requestId: string) => Promise<GraphqlContext>;
  readonly limits: ServerLimits;
  readonly timings: ServerTimings;
}

/** Beside the codes of the protocol: connect again later; it fails for now, not for ever. */
const tryAgainLater = 4503;
const forbidden = 4403;
const goingAway = 1001;

/** An id comes back with every event. */
const maxIdCodeUnits = 128;
/** What a client may have under way beside its subscriptions. */
const spareMessages = 50;

interface Session {
  readonly connection: SocketConnection;
  /** Null until the client has said who asks. */
  viewer: Viewer | null;
  readonly lanes: EventLanes;
}

type SessionContext = Context<Record<string, unknown> | undefined, Session>;

/**
 * Subscriptions over WebSocket (graphql-transport-ws). None of what protects HTTP applies here by itself: documents,
 * limits and the mask are the same objects that HTTP uses.
 */
export class GraphqlSocket<GraphqlContext extends object> {
  private readonly webSockets: WebSocketServer;
  private readonly connections = new Set<SocketConnection>();
  private readonly socketsByOwner = new Map<string, number>();
  private readonly protocol = makeServer<Record<string, unknown> | undefined, Session>({
    connectionInitWaitTimeout: this.options.limits.socketInitMs,
    onConnect: (context) => this.admit(context),
    onSubscribe: (context, id, payload) => this.prepare(context, id, payload),
    subscribe: (args) => this.subscribe(args),
    onNext: (_context, _id, payload, _args, { errors, ...result }) =>
      errors ? { ...result, errors: this.masked(payload, errors) } : undefined,
    onError: (_context, _id, payload, errors) => this.masked(payload, errors),
  });
  private readonly turns = new FairTurns();
  private readonly sessions = new WeakMap<ExecutionArgs, Session>();
  /** Quoted by the errors of an operation; its payload is the one thing that all hooks are given. */
  private readonly requestIds = new WeakMap<SubscribePayload, string>();

  constructor(private readonly options: GraphqlSocketOptions<GraphqlContext>) {
    // Given as a value: the published types are behind the library and lack some of these.
    const settings = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.limits.socketFrameBytes,
      // Of a message that is whole at 64 KiB; the library's own bounds are for a hundred megabytes.
      maxFragments: 256,
      maxBufferedChunks: 4096,
      closeTimeout: options.timings.socketCloseMs,
      handleProtocols,
    };
    this.webSockets = new WebSocketServer(settings);
    this.webSockets.on('wsClientError', (error, socket) => endConnection(socket, new HttpError(error.message, 400)));
  }

  /** Takes over a connection whose request asked for it and whose origin may. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { clock, mask, limits, timings } = this.options;
      const connection = new SocketConnection(webSocket, {
        clock,
        pingMs: timings.socketPingMs,
        silenceMs: timings.socketSilenceMs,
        maxMessagesAtWork: limits.subscriptionsPerSocket + spareMessages,
        onFault: (error) => void mask.toPublic(error, randomUUID()),
      });
      this.connections.add(connection);
      connection.onEnd(() => this.connections.delete(connection));
      const opened = this.protocol.opened(connection, { connection, viewer: null, lanes: new EventLanes() });
      connection.onEnd((code, reason) => {
        opened(code, reason).catch((error: unknown) => void mask.toPublic(error, randomUUID()));
      });
    });
  }

  /** Closes every socket with 1001: libraries then connect again, to another instance, with their cursors. */
  close(): void {
    for (const connection of this.connections) connection.close(goingAway, 'Going away');
  }

  private async admit({ connectionParams, extra }: SessionContext): Promise<void> {
    const { connection } = extra;
    const { authenticate, limits, clock, mask } = this.options;
    const authorization = connectionParams?.authorization ?? connectionParams?.Authorization;
    let viewer: Viewer;
    try {
      viewer = await authenticate(typeof authorization === 'string' ? authorization : undefined);
    } catch (error) {
      const refusal = mask.toPublic(error, randomUUID());
      connection.close(refusal.code === 'UNAUTHENTICATED' ? forbidden : tryAgainLater, refusal.message);
      return;
    }
    if (!this.countOwner(viewer.id, connection)) {
      connection.close(tryAgainLater, `Too many sockets: ${limits.socketsPerOwner} is the limit; close one`);
      return;
    }
    extra.viewer = viewer;
    const expire = () => connection.close(forbidden, 'Token expired');
    connection.onEnd(atTime(clock, viewer.tokenExpiresAtMs, expire));
  }

  private countOwner(ownerId: string, connection: SocketConnection): boolean {
    const count = this.socketsByOwner.get(ownerId) ?? 0;
    if (count >= this.options.limits.socketsPerOwner) return false;
    this.socketsByOwner.set(ownerId, count + 1);
    connection.onEnd(() => {
      const left = (this.socketsByOwner.get(ownerId) ?? 1) - 1;
      if (left > 0) this.socketsByOwner.set(ownerId, left);
      else this.socketsByOwner.delete(ownerId);
    });
    return true;
  }

  /** What graphql-js executes, or the errors for which it does not. */
  private async prepare(
    context: SessionContext,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const { viewer } = context.extra;
    const requestId = randomUUID();
    this.requestIds.set(payload, requestId);
    try {
      if (!viewer) throw new Error('A socket was acknowledged without a viewer.');
      this.checkRoom(context, id);
      const read = this.read(payload);
      if ('errors' in read) return read.errors;
      const args = { ...read, contextValue: await this.options.makeContext(viewer, requestId) };
      this.sessions.set(args, context.extra);
      return args;
    } catch (error) {
      return [asGraphqlError(error)];
    }
  }

  private subscribe(args: ExecutionArgs): ReturnType<typeof subscribeInLanes> {
    const session = this.sessions.get(args);
    if (!session?.viewer) throw new Error('A subscription begins on a socket without a viewer.');
    const { viewer, lanes } = session;
    return subscribeInLanes(args, lanes, () => this.turns.take(viewer.id));
  }

  private checkRoom({ subscriptions }: SessionContext, id: string): void {
    const limit = this.options.limits.subscriptionsPerSocket;
    if (id.length > maxIdCodeUnits) throw badUserInput('id', `An id has ${maxIdCodeUnits} characters at most.`);
    // The one that asks is among them already.
    if (Object.keys(subscriptions).length > limit) {
      throw tooComplex(`A socket carries ${limit} subscriptions at most; complete one, or open another socket.`);
    }
  }

  private read(payload: SubscribePayload): ExecutionArgs | { readonly errors: readonly GraphQLError[] } {
    const { schema, documents, queryLimits } = this.options;
    const document = documents.read(payload.query);
    if (!isDocument(document)) return { errors: document };
    const operation = getOperationAST(document, payload.operationName);
    if (!operation) {
      throw badUserInput('operationName', 'The document has no operation of that name, or several and none is named.');
    }
    if (operation.operation !== OperationTypeNode.SUBSCRIPTION) {
      throw badUserInput('query', `The socket is for subscriptions; send a ${operation.operation} to POST /graphql.`);
    }
    const variableValues = payload.variables ?? {};
    queryLimits.check(document, operation, variableValues);
    return { schema, document, operationName: payload.operationName, variableValues };
  }

  private masked(payload: SubscribePayload, errors: readonly GraphQLError[]): GraphQLFormattedError[] {
    const requestId = this.requestIds.get(payload) ?? randomUUID();
    return errors.map((error) => this.options.mask.format(error, requestId));
  }
}

function asGraphqlError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const originalError = error instanceof Error ? error : new Error('Something was thrown that is no error.');
  return new GraphQLError(originalError.message, { originalError });
}
