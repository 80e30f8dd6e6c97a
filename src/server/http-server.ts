import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ParleyError } from '../errors.js';
import { type Clock, pause } from '../platform/clock.js';
import type { CrossOrigin } from './cross-origin.js';
import type { ErrorMask } from './error-masking.js';
import { jsonAnswer, securityHeaders, send } from './http-answer.js';
import { HttpError, httpHeadersOf, httpStatusOf, nothingHere } from './http-errors.js';
import { endConnection } from './raw-answer.js';
import { RequestAborted } from './request-body.js';
import { pathOf, type Routes } from './routes.js';
import type { ServerTimings } from './server-limits.js';

export interface HttpServerOptions {
  readonly clock: Clock;
  readonly mask: ErrorMask;
  readonly crossOrigin: CrossOrigin;
  readonly routes: Routes;
  /** What takes over a connection that asks to be a WebSocket, by path. */
  readonly sockets: Readonly<Record<string, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>>;
  readonly timings: ServerTimings;
}

/** Addresses and headers together; a GET query stands in the address. */
const maxHeaderBytes = 16 * 1024;
/** Far above what one process serves well, far below what it has file descriptors for. */
const maxConnections = 20_000;

/** The one port: requests by their path, sockets by theirs, every error as JSON. */
export class HttpServer {
  private readonly server: Server;
  private draining = false;
  private inFlight = 0;
  /** Connections that have become sockets: Node does not close them. */
  private readonly upgraded = new Set<Duplex>();
  private whenIdle: (() => void) | null = null;

  constructor(private readonly options: HttpServerOptions) {
    const { timings } = options;
    this.server = createHttpServer({
      headersTimeout: timings.headersMs,
      requestTimeout: timings.requestMs,
      keepAliveTimeout: timings.keepAliveMs,
      connectionsCheckingInterval: Math.min(5000, timings.headersMs),
      maxHeaderSize: maxHeaderBytes,
      // Some clients offer HTTP/2 with every request: only a WebSocket takes a connection over.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    });
    this.server.timeout = timings.stalledMs;
    this.server.maxConnections = maxConnections;
    const take = (request: IncomingMessage, response: ServerResponse) => void this.take(request, response);
    this.server.on('request', take).on('checkContinue', take).on('checkExpectation', take);
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.server.on('clientError', refuseNoHttp);
  }

  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.off('error', reject);
        const address = this.server.address();
        if (address === null || typeof address === 'string') return reject(new Error('The server has no TCP address.'));
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  /** From now on every answer ends its connection and no socket opens, so that clients move to another instance. */
  drain(): void {
    this.draining = true;
  }

  /** Accepts no connection any more, lets requests finish and sockets close for `graceMs`, and ends what is left. */
  async close(graceMs: number): Promise<void> {
    this.drain();
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    const giveUp = new AbortController();
    await Promise.race([this.idle(), pause(this.options.clock, graceMs, giveUp.signal)]);
    giveUp.abort();
    this.server.closeAllConnections();
    for (const socket of this.upgraded) socket.destroy();
    await closed;
  }

  private idle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle = resolve;
      this.checkIdle();
    });
  }

  private checkIdle(): void {
    if (this.inFlight === 0 && this.upgraded.size === 0) this.whenIdle?.();
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    this.inFlight += 1;
    response.once('close', () => {
      this.inFlight -= 1;
      this.checkIdle();
    });
    // A client that goes away is no fault of ours, and nobody waits for an answer.
    request.on('error', () => {});
    response.on('error', () => {});
    try {
      this.setHeaders(request, response, requestId);
      if (isPreflight(request)) {
        response.writeHead(204, this.options.crossOrigin.preflightHeaders).end();
        return;
      }
      await this.options.routes.find(request)(request, response, requestId);
    } catch (error) {
      await this.refuse(request, response, error, requestId);
    }
  }

  private setHeaders(request: IncomingMessage, response: ServerResponse, requestId: string): void {
    for (const name in securityHeaders) response.setHeader(name, securityHeaders[name] ?? '');
    response.setHeader('x-request-id', requestId);
    if (this.draining) response.setHeader('connection', 'close');
    for (const [name, value] of Object.entries(this.options.crossOrigin.headersFor(request))) {
      response.setHeader(name, value);
    }
  }

  private async refuse(
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    requestId: string,
  ): Promise<void> {
    if (error instanceof RequestAborted) return;
    const { mask, timings } = this.options;
    const publicError = mask.toPublic(error, requestId);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const body = { errors: [mask.format(publicError, requestId)] };
    const answer = jsonAnswer(httpStatusOf(publicError), body, httpHeadersOf(publicError));
    await send(request, response, answer, timings.lingerMs);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.upgraded.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.upgraded.delete(socket);
      this.checkIdle();
    });
    const { sockets, crossOrigin } = this.options;
    const path = pathOf(request);
    const handle = Object.hasOwn(sockets, path) ? sockets[path] : undefined;
    if (!handle) endConnection(socket, nothingHere());
    else if (this.draining) endConnection(socket, shuttingDown());
    else if (!crossOrigin.allowsSocket(request)) endConnection(socket, foreignOrigin());
    else handle(request, socket, head);
  }
}

const shuttingDown = () =>
  new ParleyError('This instance is shutting down; connect again.', { code: 'UNAVAILABLE', retryable: true });

const foreignOrigin = () =>
  new HttpError('Pages of this origin may not connect; ALLOWED_ORIGINS can name it.', 403, {}, 'FORBIDDEN');

const isPreflight = ({ method, headers }: IncomingMessage) =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;

/** What is no HTTP, too long or too slow never becomes a request; Node hands over the bare connection. */
function refuseNoHttp(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  else endConnection(socket, noHttp(error.code));
}

function noHttp(code: string | undefined): HttpError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError(`Address and headers are longer than ${maxHeaderBytes} bytes.`, 431);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError('The request took too long to arrive.', 408);
    default:
      return new HttpError('This is not HTTP/1.1.', 400);
  }
}
