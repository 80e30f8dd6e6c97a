import { WebSocket } from 'ws';
import type { GraphqlBodyError } from '../../support/http-client.js';

/** How long an open socket may say nothing, not even to a ping, until it is taken for dead. */
const silenceMs = 6000;
const pingMs = 2000;

export type LineEnd =
  | { readonly how: 'lost' | 'complete' }
  | { readonly how: 'refused'; readonly errors: readonly GraphqlBodyError[] };

export interface LiveLineOptions<Event> {
  readonly url: string;
  readonly token: string;
  readonly query: string;
  readonly variables: object;
  readonly onEvent: (event: Event) => void;
  /** The client itself tears the socket down after so long. */
  readonly cutAfterMs: number | null;
  /** The client leaves. */
  readonly signal: AbortSignal;
}

/** One subscription on a socket of its own, until it ends in whatever way; never rejects. */
export function holdLine<Event>(options: LiveLineOptions<Event>): Promise<LineEnd> {
  const { url, token, query, variables, cutAfterMs, signal } = options;
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
    const send = (message: object) => socket.send(JSON.stringify(message));
    let heardMs = performance.now();
    let ended = false;
    const finish = (end: LineEnd) => {
      ended = true;
      clearInterval(ping);
      if (cut) clearTimeout(cut);
      signal.removeEventListener('abort', leave);
      socket.terminate();
      resolve(end);
    };
    const leave = () => finish({ how: 'lost' });
    const ping = setInterval(() => {
      if (performance.now() - heardMs > silenceMs) leave();
      else if (socket.readyState === WebSocket.OPEN) socket.ping();
    }, pingMs);
    const cut = cutAfterMs === null ? null : setTimeout(leave, cutAfterMs);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    const heard = () => {
      heardMs = performance.now();
    };
    socket.on('open', () => send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
    socket.on('pong', heard).on('ping', heard);
    socket.on('message', (data) => {
      heard();
      // What came together with what ended it is not listened to any more.
      if (ended) return;
      const message = JSON.parse(String(data));
      if (message.type === 'connection_ack') send({ type: 'subscribe', id: '1', payload: { query, variables } });
      else if (message.type === 'ping') send({ type: 'pong' });
      else if (message.type === 'error') finish({ how: 'refused', errors: message.payload });
      else if (message.type === 'complete') finish({ how: 'complete' });
      else if (message.type === 'next') {
        if (message.payload.errors) finish({ how: 'refused', errors: message.payload.errors });
        else options.onEvent(message.payload.data);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', leave);
  });
}
