import type { GraphqlBodyError } from './http-client.js';
import type { Person } from './person.js';
import { SocketClient } from './socket-client.js';
import { until } from './until.js';

export interface AnswerDelta {
  readonly __typename: 'AnswerDelta';
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
  readonly reasoningOffset: number | null;
  readonly reasoning: string | null;
  readonly cursor: string;
}

export interface StoredAnswer {
  readonly id: string;
  readonly status: string;
  readonly content: string;
  readonly reasoning: string | null;
  readonly finishReason: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly retryable: boolean } | null;
  readonly streamCursor: string | null;
}

export interface AnswerFinished {
  readonly __typename: 'AnswerFinished';
  readonly message: StoredAnswer;
  readonly cursor: string;
}

export const storedFields = 'id status content reasoning finishReason error { code message retryable } streamCursor';

export const followAnswer = `subscription ($id: ID!, $after: String) {
  answer(messageId: $id, after: $after) {
    __typename
    ... on AnswerDelta { messageId offset text reasoningOffset reasoning cursor }
    ... on AnswerFinished { message { ${storedFields} } cursor }
  }
}`;

/** The same with all of the text in every delta: what fills the buffers of a connection that is not read. */
export const followAllText = followAnswer.replace('AnswerDelta {', 'AnswerDelta { message { content }');

interface NextPayload {
  readonly data?: { readonly answer: AnswerDelta | AnswerFinished } | null;
  readonly errors?: readonly GraphqlBodyError[];
}

/** What a client keeps of an answer, and how it applies what it is told of it. */
export class ClientText {
  content = '';
  reasoning = '';

  constructor(start: { readonly content: string; readonly reasoning: string | null } = { content: '', reasoning: '' }) {
    this.content = start.content;
    this.reasoning = start.reasoning ?? '';
  }

  apply(delta: AnswerDelta): void {
    this.content = this.content.slice(0, delta.offset) + delta.text;
    if (delta.reasoningOffset === null) return;
    this.reasoning = this.reasoning.slice(0, delta.reasoningOffset) + (delta.reasoning ?? '');
  }
}

export interface FollowOptions {
  readonly after?: string;
  /** What the client has already. */
  readonly text?: ClientText;
  readonly document?: string;
  /** Connects again when its socket closes, with the cursor of the last event. */
  readonly reconnects?: boolean;
}

/**
 * One subscription to an answer, on a socket of its own, held to the protocol: whatever breaks it is named in `broken`.
 */
export class AnswerFollower {
  readonly deltas: AnswerDelta[] = [];
  finished: AnswerFinished | null = null;
  errors: readonly GraphqlBodyError[] = [];
  completed = false;
  readonly broken: string[] = [];
  /** How many deltas said again what was there: none should, where a cursor was given. */
  repeated = 0;

  /** The socket of the moment. */
  client: SocketClient;
  /** What the client had before, where it goes on from a cursor. */
  readonly text: ClientText;
  private closed = false;

  private constructor(
    client: SocketClient,
    private readonly person: Person,
    private readonly id: string,
    private readonly options: FollowOptions,
  ) {
    this.text = options.text ?? new ClientText();
    this.client = client;
    this.subscribe(client, options.after);
  }

  static async open(person: Person, id: string, options: FollowOptions = {}): Promise<AnswerFollower> {
    return new AnswerFollower(await connect(person), person, id, options);
  }

  private subscribe(client: SocketClient, after: string | undefined): void {
    client.socket.on('message', (data) => this.hear(String(data)));
    const goOn = () => {
      if (this.options.reconnects && !this.closed && !this.completed) this.reconnect();
    };
    if (client.closed) {
      goOn();
      return;
    }
    client.socket.once('close', goOn);
    client.subscribe('answer', this.options.document ?? followAnswer, {
      id: this.id,
      ...(after !== undefined && { after }),
    });
  }

  private async reconnect(): Promise<void> {
    const client = await until('a socket opens again', () => connect(this.person).catch(() => null));
    if (this.closed) return client.terminate();
    this.client = client;
    this.subscribe(client, this.deltas.at(-1)?.cursor ?? this.options.after);
  }

  get content(): string {
    return this.text.content;
  }

  /** The cursor of the last event. */
  get cursor(): string {
    const cursor = this.finished?.cursor ?? this.deltas.at(-1)?.cursor;
    if (cursor === undefined) throw new Error('Nothing has come yet.');
    return cursor;
  }

  /** Resolves when the text is this, which must come within the time. */
  async has(content: string, withinMs?: number): Promise<void> {
    await until(`the text "${content.slice(-40)}"`, () => this.content === content, withinMs);
  }

  /** Resolves when so many code units are there. */
  async reaches(content: number, reasoning = 0): Promise<void> {
    const isThere = () => this.text.content.length >= content && this.text.reasoning.length >= reasoning;
    await until(`${content} code units, and ${reasoning} of reasoning`, isThere);
  }

  /** Resolves when the subscription is over. */
  async ended(withinMs?: number): Promise<void> {
    await until('the subscription is over', () => this.completed, withinMs);
  }

  /** The stored message that came last. */
  async end(withinMs?: number): Promise<StoredAnswer> {
    await this.ended(withinMs);
    if (!this.finished) throw new Error(`It ended without AnswerFinished: ${JSON.stringify(this.errors)}.`);
    return this.finished.message;
  }

  leave(): void {
    this.client.send({ type: 'complete', id: 'answer' });
  }

  close(): void {
    this.closed = true;
    this.client.terminate();
  }

  private hear(data: string): void {
    const { type, payload } = JSON.parse(data);
    if (type === 'next') this.take(payload);
    else if (type === 'error') this.errors = payload;
    if (type === 'complete' || type === 'error') this.completed = true;
  }

  private take({ data, errors }: NextPayload): void {
    if (this.completed) this.broken.push('an event after the end');
    if (this.finished) this.broken.push('an event after AnswerFinished');
    if (errors) this.errors = errors;
    const event = data?.answer;
    if (event?.__typename === 'AnswerFinished') this.finished = event;
    else if (event) this.takeDelta(event);
  }

  private takeDelta(delta: AnswerDelta): void {
    const { content, reasoning } = this.text;
    const thoughtAt = delta.reasoningOffset ?? reasoning.length;
    if (delta.offset < content.length || thoughtAt < reasoning.length) this.repeated += 1;
    if (delta.offset > content.length) this.broken.push(`a delta at ${delta.offset} after ${content.length}`);
    if (thoughtAt > reasoning.length) this.broken.push(`reasoning at ${thoughtAt} after ${reasoning.length}`);
    const length = delta.text.length + (delta.reasoning?.length ?? 0);
    if (length > 32_768) this.broken.push(`a delta of ${length} code units`);
    if (length === 0) this.broken.push('a delta of nothing');
    if (!delta.text.isWellFormed() || delta.reasoning?.isWellFormed() === false) this.broken.push('half a character');
    this.deltas.push(delta);
    this.text.apply(delta);
  }
}

const connect = (person: Person) => SocketClient.connect(`${person.url.replace(/^http/, 'ws')}/graphql`, person.token);
