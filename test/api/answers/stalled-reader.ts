import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from '../../support/until.js';

/** What one of its subscriptions was told. */
export interface Told {
  /** Made of deltas alone. */
  content: string;
  final: { readonly status: string; readonly content: string } | null;
  deltas: number;
  /** Of all deltas, in code units. */
  longest: number;
}

/** Every text comes four times, so that what a connection takes without being read is soon full. */
const document = `subscription ($id: ID!) { answer(messageId: $id) {
  __typename
  ... on AnswerDelta { offset text second: text third: text fourth: text reasoningOffset reasoning cursor }
  ... on AnswerFinished { message { status content } cursor }
} }`;

/** One socket that follows many answers, and stops reading at will: no byte is taken from its connection then. */
export class StalledReader {
  readonly told = new Map<string, Told>();
  wrong = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data) => this.hear(JSON.parse(String(data))));
  }

  static async open(url: string, token: string): Promise<StalledReader> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const acknowledged = once(socket, 'message');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
    await acknowledged;
    return new StalledReader(socket);
  }

  follow(answerIds: readonly string[]): void {
    for (const id of answerIds) {
      this.told.set(id, { content: '', final: null, deltas: 0, longest: 0 });
      this.socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query: document, variables: { id } } }));
    }
  }

  /** Resolves when each of its subscriptions has said something. */
  begun(): Promise<unknown> {
    return until('every subscription begins', () => this.all.every(({ deltas }) => deltas > 0));
  }

  stop(): void {
    this.socket.pause();
  }

  readOn(): void {
    this.socket.resume();
  }

  get all(): Told[] {
    return [...this.told.values()];
  }

  get isDone(): boolean {
    return this.all.every(({ final }) => final !== null);
  }

  close(): void {
    this.socket.terminate();
  }

  private hear({ type, id, payload }: Heard): void {
    const told = this.told.get(id);
    const event = payload?.data?.answer;
    if (type === 'complete' && told?.final) return;
    if (type !== 'next' || !told || !event) this.wrong += 1;
    else if (event.__typename === 'AnswerFinished') told.final = event.message;
    else this.take(told, event);
  }

  private take(told: Told, { offset, text }: Delta): void {
    if (offset !== told.content.length) this.wrong += 1;
    told.content += text;
    told.deltas += 1;
    told.longest = Math.max(told.longest, text.length);
  }
}

interface Delta {
  readonly __typename: 'AnswerDelta';
  readonly offset: number;
  readonly text: string;
}

interface Finished {
  readonly __typename: 'AnswerFinished';
  readonly message: { readonly status: string; readonly content: string };
}

interface Heard {
  readonly type: string;
  readonly id: string;
  readonly payload?: { readonly data?: { readonly answer: Delta | Finished } };
}
