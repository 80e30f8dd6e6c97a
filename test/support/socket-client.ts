import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './until.js';

export interface SocketMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

export interface SocketClientOptions {
  readonly origin?: string;
  readonly protocol?: string;
  /** Answers the server's pings; ws does by default. */
  readonly autoPong?: boolean;
}

/** A bare socket that speaks graphql-transport-ws by hand: what a library hides, and would refuse to send, is here. */
export class SocketClient {
  readonly messages: SocketMessage[] = [];
  /** Null while it is open. */
  closed: { readonly code: number; readonly reason: string } | null = null;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => this.messages.push(JSON.parse(String(data))));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
    socket.on('error', () => {});
  }

  static async open(url: string, options: SocketClientOptions = {}): Promise<SocketClient> {
    const { protocol = 'graphql-transport-ws', ...rest } = options;
    const socket = new WebSocket(url, protocol, rest);
    const client = new SocketClient(socket);
    await once(socket, 'open', { signal: AbortSignal.timeout(60_000) });
    return client;
  }

  /** Open, and told who asks. */
  static async connect(url: string, token = 'ada', options: SocketClientOptions = {}): Promise<SocketClient> {
    const client = await SocketClient.open(url, options);
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    await client.next('connection_ack');
    return client;
  }

  send(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables?: object): void {
    this.send({ type: 'subscribe', id, payload: { query, variables } });
  }

  /** Takes the first message of that type, and of that id where one is given, out of what has come. */
  next(type: string, id?: string): Promise<SocketMessage> {
    const fits = (message: SocketMessage) => message.type === type && (id === undefined || message.id === id);
    return until(`a message ${type} ${id ?? ''}`, () => {
      const index = this.messages.findIndex(fits);
      if (index !== -1) return this.messages.splice(index, 1)[0];
      if (this.closed) throw new Error(`The socket was closed with ${this.closed.code} before a message ${type} came.`);
      return null;
    });
  }

  whenClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    return until('the socket to close', () => this.closed);
  }

  terminate(): void {
    this.socket.terminate();
  }
}

/** The status and body with which a server answers a socket that it does not open. */
export function refusedSocket(
  url: string,
  options: SocketClientOptions = {},
): Promise<{ status: number; body: string }> {
  const { protocol = 'graphql-transport-ws', ...rest } = options;
  const socket = new WebSocket(url, protocol, rest);
  return new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('The server opened the socket.')));
    socket.on('error', reject);
    socket.on('unexpected-response', async (_request, response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    });
  });
}
