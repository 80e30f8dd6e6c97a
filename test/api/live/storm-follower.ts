import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { ClientText, followAnswer } from '../../support/answer-follower.js';

const followConversation = `subscription ($id: ID!, $after: String) { conversation(id: $id, after: $after) {
  __typename
  ... on AnswerDelta { messageId offset text reasoningOffset reasoning cursor }
  ... on AnswerFinished { message { id status content } cursor }
  ... on MessageChanged { message { id status content } cursor }
  ... on ConversationChanged { cursor }
} }`;

interface StormEvent {
  readonly __typename: string;
  readonly offset?: number;
  readonly text?: string;
  readonly message?: { readonly id: string; readonly status: string; readonly content: string };
  readonly cursor: string;
}

export interface Followed {
  readonly kind: 'answer' | 'conversation';
  readonly conversationId: string;
  readonly answerId: string;
}

/** So long somebody waits who was told to try again. */
const againMs = 200;

/** One of a crowd: a socket of its own, which goes on by its cursor whenever it was closed, until the answer is final. */
export class StormFollower {
  readonly text = new ClientText();
  final: { readonly status: string; readonly content: string } | null = null;
  /** Whatever it was told but events: all but UNAVAILABLE, marked retryable, is wrong. */
  readonly wrong: string[] = [];
  /** How often it was told to try again. */
  refused = 0;
  readonly closeCodes: number[] = [];
  isServed = false;
  private cursor: string | null = null;
  private socket: WebSocket | null = null;
  private left = false;

  constructor(
    private readonly socketUrls: () => string,
    private readonly token: () => string,
    readonly followed: Followed,
  ) {}

  /** Follows to the end; `delayMs` before each connection. */
  async follow(delayMs: () => number): Promise<void> {
    while (!this.final && !this.left) {
      await wait(delayMs());
      if (!this.left) await this.session();
    }
  }

  cut(): void {
    this.isServed = false;
    this.socket?.terminate();
  }

  leave(): void {
    this.left = true;
    this.socket?.terminate();
  }

  /** From one connection to its close. */
  private session(): Promise<void> {
    const socket = new WebSocket(this.socketUrls(), 'graphql-transport-ws');
    this.socket = socket;
    return new Promise((resolve) => {
      socket.on('open', () => {
        socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${this.token()}` } }));
      });
      socket.on('message', (data) => this.hear(socket, JSON.parse(String(data))));
      socket.on('error', () => undefined);
      socket.on('close', (code) => {
        this.isServed = false;
        this.closeCodes.push(code);
        resolve();
      });
    });
  }

  private hear(socket: WebSocket, { type, payload }: { type: string; payload: unknown }): void {
    if (type === 'connection_ack') this.subscribe(socket);
    else if (type === 'error') this.take(socket, { errors: payload });
    else if (type === 'next') this.take(socket, payload as object);
    else if (type === 'complete' && this.final) socket.close(1000);
  }

  private subscribe(socket: WebSocket): void {
    const { kind, conversationId, answerId } = this.followed;
    const query = kind === 'answer' ? followAnswer : followConversation;
    const variables = { id: kind === 'answer' ? answerId : conversationId, after: this.cursor };
    socket.send(JSON.stringify({ type: 'subscribe', id: 's', payload: { query, variables } }));
  }

  private take(socket: WebSocket, { data, errors }: { data?: Record<string, StormEvent> | null; errors?: unknown }) {
    if (errors) {
      const [error] = errors as { extensions: { code: string; retryable?: boolean } }[];
      if (error?.extensions.code !== 'UNAVAILABLE' || !error.extensions.retryable)
        this.wrong.push(JSON.stringify(errors));
      this.refused += 1;
      setTimeout(() => socket.readyState === WebSocket.OPEN && this.subscribe(socket), againMs);
      return;
    }
    this.isServed = true;
    const event = data?.[this.followed.kind];
    if (event) this.apply(socket, event);
  }

  private apply(socket: WebSocket, event: StormEvent): void {
    this.cursor = event.cursor;
    const { offset, text = '', message } = event;
    if (offset !== undefined) {
      if (offset > this.text.content.length) this.wrong.push(`a delta at ${offset} after ${this.text.content.length}`);
      this.text.content = this.text.content.slice(0, offset) + text;
    } else if (message?.id === this.followed.answerId || event.__typename === 'AnswerFinished') {
      if (message && message.status !== 'STREAMING') this.final = message;
      else if (message) this.text.content = message.content;
    }
    if (this.final && this.followed.kind === 'conversation') socket.close(1000);
  }
}
