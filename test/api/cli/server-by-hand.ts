import { createServer, type Server } from 'node:http';
import { WebSocketServer } from 'ws';
import { until } from '../../support/until.js';

export type OnRequest = (query: string, body: string) => string | null | Promise<string | null>;
export type OnSubscribe = (
  variables: Readonly<Record<string, unknown>>,
  say: (event: object) => void,
  close: () => void,
) => void;

export const greeted = JSON.stringify({ data: { viewer: { id: 'usr_1' } } });
export const sent = JSON.stringify({
  data: { sendMessage: { conversation: { id: 'cnv_1' }, answer: { id: 'msg_1' } } },
});
export const unavailable = JSON.stringify({
  errors: [{ message: 'Later.', extensions: { code: 'UNAVAILABLE', retryable: true } }],
});

/** A server whose every word is the test's: the body of each answer (null: none ever comes), and the events of an answer. */
export class ServerByHand {
  /** The documents of the requests so far. */
  readonly queries: string[] = [];
  /** How many subscriptions there were. */
  subscriptions = 0;
  onSubscribe: OnSubscribe = () => undefined;
  private readonly server: Server;
  private readonly sockets: WebSocketServer;

  private constructor(onRequest: OnRequest) {
    this.server = createServer(async (request, response) => {
      let body = '';
      for await (const part of request) body += part;
      const { query } = JSON.parse(body);
      this.queries.push(query);
      const answer = await onRequest(query, body);
      if (answer !== null) response.setHeader('content-type', 'application/json').end(answer);
    });
    this.sockets = new WebSocketServer({ server: this.server });
    this.sockets.on('connection', (socket) => {
      socket.on('message', (text) => {
        const { type, id, payload } = JSON.parse(String(text));
        const say = (message: object) => socket.send(JSON.stringify(message));
        if (type === 'connection_init') say({ type: 'connection_ack' });
        if (type !== 'subscribe') return;
        this.subscriptions += 1;
        const sayEvent = (event: object) => say({ type: 'next', id, payload: { data: { answer: event } } });
        this.onSubscribe(payload.variables, sayEvent, () => socket.close(1001));
      });
    });
  }

  /** Unless told otherwise it takes any question. */
  static async start(
    onRequest: OnRequest = (query) => (query.includes('mutation Send') ? sent : greeted),
  ): Promise<ServerByHand> {
    const byHand = new ServerByHand(onRequest);
    byHand.server.listen(0, '127.0.0.1');
    await until('it listens', () => byHand.server.listening);
    return byHand;
  }

  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The server does not listen.');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.sockets.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export const deltaAt = (offset: number, text: string, cursor: string) => ({
  __typename: 'AnswerDelta',
  ...{ offset, text, cursor, reasoningOffset: null, reasoning: null },
});

export const finishedAs = (message: { content: string; status?: string; error?: { message: string } }) => ({
  __typename: 'AnswerFinished',
  message: { reasoning: null, status: 'COMPLETE', finishReason: 'stop', error: null, ...message },
});
