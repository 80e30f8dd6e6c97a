import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Person } from '../../support/person.js';
import { until } from '../../support/until.js';

const subscription = `subscription ($id: ID!, $after: String) { conversation(id: $id, after: $after) {
  __typename
  ... on AnswerDelta { messageId offset text cursor }
  ... on AnswerFinished { message { id status content } cursor }
  ... on MessageChanged { message { id status content rating } cursor }
  ... on ConversationChanged { conversation { title messageCount pinned } cursor branchChanged }
  ... on ConversationDeleted { conversationId }
} }`;

interface LiveMessage {
  readonly id: string;
  readonly status: string;
  readonly content: string;
  readonly rating?: string | null;
}

type LiveEvent =
  | { __typename: 'AnswerDelta'; messageId: string; offset: number; text: string; cursor: string }
  | { __typename: 'AnswerFinished' | 'MessageChanged'; message: LiveMessage; cursor: string }
  | {
      __typename: 'ConversationChanged';
      conversation: { title: string; messageCount: number; pinned: boolean };
      cursor: string;
      branchChanged: boolean;
    }
  | { __typename: 'ConversationDeleted'; conversationId: string };

/** What a client that follows one conversation has on its screen. */
export class ConversationDevice {
  /** In the order in which they were first heard of. */
  readonly messages = new Map<string, LiveMessage>();
  readonly kinds: string[] = [];
  /** Of each ConversationChanged: did another branch become visible? */
  readonly branchChanges: boolean[] = [];
  title = '';
  pinned = false;
  cursor: string | null;
  complete = false;
  private failure: unknown = null;
  private client: Client | null = null;

  constructor(
    private readonly conversationId: string,
    cursor: string | null,
  ) {
    this.cursor = cursor;
  }

  static follow(person: Person, conversationId: string, cursor: string | null = null): ConversationDevice {
    const device = new ConversationDevice(conversationId, cursor);
    device.connect(person);
    return device;
  }

  /** The first results of a subscription, errors and all. */
  static async results(person: Person, id: string, after: string | null = null) {
    const results = [];
    for await (const result of person.follow(subscription, { id, after })) results.push(result);
    return results;
  }

  /** Subscribes where it was left, at whichever instance `person` asks. */
  connect({ url, token }: Person): void {
    this.client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
    this.client.subscribe<{ conversation: LiveEvent }>(
      { query: subscription, variables: { id: this.conversationId, after: this.cursor } },
      {
        next: ({ data, errors }) => {
          if (data) this.take(data.conversation);
          else this.failure = new Error(JSON.stringify(errors));
        },
        error: (error) => {
          this.failure = error;
        },
        complete: () => {
          this.complete = true;
        },
      },
    );
  }

  async leave(): Promise<void> {
    await this.client?.dispose();
  }

  until(condition: () => boolean): Promise<unknown> {
    return until(`the device shows it (${this.kinds.join(' ')})`, () => {
      if (this.failure instanceof Error) throw this.failure;
      return condition();
    });
  }

  idOf(index: number): string {
    return [...this.messages.keys()][index] ?? '';
  }

  contentOf(index: number): string | undefined {
    return this.messages.get(this.idOf(index))?.content;
  }

  state() {
    const messages = [...this.messages.values()].map(({ id, status, content }) => ({ id, status, content }));
    return { title: this.title, messages: messages.sort(byId) };
  }

  private take(event: LiveEvent): void {
    this.kinds.push(event.__typename);
    if (event.__typename === 'ConversationDeleted') return;
    this.cursor = event.cursor;
    if (event.__typename === 'ConversationChanged') {
      this.title = event.conversation.title;
      this.pinned = event.conversation.pinned;
      this.branchChanges.push(event.branchChanged);
    } else if (event.__typename === 'AnswerDelta') {
      const known = this.messages.get(event.messageId);
      if (!known || known.content.length < event.offset) throw new Error('A delta begins beyond what is known.');
      this.messages.set(known.id, { ...known, content: known.content.slice(0, event.offset) + event.text });
    } else {
      this.messages.set(event.message.id, { ...this.messages.get(event.message.id), ...event.message });
    }
  }
}

const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1);

/** The same, read afresh. */
export async function readConversation(person: Person, id: string) {
  const { conversation } = await person.data<{
    conversation: { title: string; messages: { nodes: { id: string; status: string; content: string }[] } };
  }>('query ($id: ID!) { conversation(id: $id) { title messages(last: 100) { nodes { id status content } } } }', {
    id,
  });
  return { title: conversation.title, messages: conversation.messages.nodes.toSorted(byId) };
}
