import { setTimeout as wait } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { DeviceShown, SeenMessage } from '../history.js';
import { holdLine } from './live-line.js';
import { anyInstance, type World } from './world.js';

const readQuery = `query ($id: ID!) {
  conversation(id: $id) { syncCursor messages(last: 100) { nodes { id status content } } }
}`;

const followQuery = `subscription ($id: ID!, $after: String) { conversation(id: $id, after: $after) {
  __typename
  ... on AnswerDelta { messageId offset text cursor }
  ... on AnswerFinished { message { id status content } cursor }
  ... on MessageChanged { message { id status content } cursor }
  ... on ConversationChanged { cursor }
  ... on ConversationDeleted { conversationId }
} }`;

type LiveEvent =
  | { __typename: 'AnswerDelta'; messageId: string; offset: number; text: string; cursor: string }
  | { __typename: 'AnswerFinished' | 'MessageChanged'; message: SeenMessage; cursor: string }
  | { __typename: 'ConversationChanged'; cursor: string }
  | { __typename: 'ConversationDeleted'; conversationId: string };

/** Shows one conversation: reads it once, then follows it by its cursor, over any number of connections. */
export class ConversationDevice {
  private readonly shown = new Map<string, SeenMessage>();
  private readonly broken: string[] = [];
  private readonly errors: DeviceShown['errors'][number][] = [];
  private cursor: string | null = null;
  private deleted = false;

  constructor(
    private readonly world: World,
    private readonly person: string,
    private readonly conversation: string,
    private readonly random: SeededRandom,
  ) {}

  /** Does it show what is stored? Null, or nothing: that it is deleted. */
  shows(stored: ReadonlyMap<string, readonly SeenMessage[] | null>): boolean {
    const messages = stored.get(this.conversation) ?? null;
    if (messages === null || this.deleted) return messages === null && this.deleted;
    return messages.every(({ id, status, content }) => {
      const seen = this.shown.get(id);
      return seen?.status === status && seen.content === content;
    });
  }

  /** Until it is deleted or `world.leaving`; then logs what it shows. */
  async follow(): Promise<void> {
    while (!this.deleted && !this.world.leaving.aborted) {
      if (this.cursor === null) await this.read().catch(() => undefined);
      else await this.connect(this.cursor);
      if (!this.deleted) await wait(this.random.between(20, 500));
    }
    const { person, conversation, deleted, broken, errors } = this;
    if (this.cursor === null && !deleted) return;
    const messages = [...this.shown.values()];
    this.world.history.add({ type: 'device', person, conversation, deleted, messages, broken, errors });
  }

  private async read(): Promise<void> {
    const { world, random, person, conversation } = this;
    const caller = world.callers[anyInstance(random)];
    const { data, errors } = await caller.call(world.tokenOf(person), readQuery, { id: conversation });
    if (errors || !data) return;
    const read = (data as { conversation: Read | null }).conversation;
    this.deleted = read === null;
    for (const message of read?.messages.nodes ?? []) this.shown.set(message.id, message);
    this.cursor = read?.syncCursor ?? null;
  }

  private async connect(after: string): Promise<void> {
    const { world, random } = this;
    const end = await holdLine<{ conversation: LiveEvent }>({
      url: world.callers[anyInstance(random)].url,
      token: world.tokenOf(this.person),
      query: followQuery,
      variables: { id: this.conversation, after },
      onEvent: ({ conversation }) => this.take(conversation),
      cutAfterMs: random.next() < 0.7 ? random.between(100, 10_000) : null,
      signal: world.leaving,
    });
    if (end.how === 'complete' && !this.deleted) this.broken.push('that it is complete, and it is not deleted');
    if (end.how !== 'refused') return;
    const { code, retryable } = end.errors[0]?.extensions ?? { code: 'NONE', retryable: false };
    this.errors.push({ code: String(code), retryable: retryable === true });
    this.deleted ||= code === 'NOT_FOUND';
  }

  private take(event: LiveEvent): void {
    if (event.__typename === 'ConversationDeleted') {
      this.deleted = true;
      return;
    }
    this.cursor = event.cursor;
    if (event.__typename === 'ConversationChanged') return;
    if (event.__typename !== 'AnswerDelta') {
      this.shown.set(event.message.id, event.message);
      return;
    }
    const { messageId, offset, text } = event;
    const known = this.shown.get(messageId);
    if (!known) this.broken.push(`a delta of ${messageId}, which it had not heard of`);
    else if (offset > known.content.length) this.broken.push(`a delta at ${offset} after ${known.content.length}`);
    else this.shown.set(messageId, { ...known, content: known.content.slice(0, offset) + text });
  }
}

interface Read {
  readonly syncCursor: string;
  readonly messages: { readonly nodes: readonly SeenMessage[] };
}
