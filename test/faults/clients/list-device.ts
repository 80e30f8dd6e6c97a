import { setTimeout as wait } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { ListedConversation, ListShown } from '../history.js';
import { holdLine } from './live-line.js';
import { anyInstance, type World } from './world.js';

export const listedFields = 'id title preview messageCount updatedAt';

const readQuery = `query ($after: String) { conversations(first: 100, after: $after) {
  nodes { ${listedFields} } pageInfo { hasNextPage endCursor }
} }`;

const followQuery = `subscription { conversations {
  __typename
  ... on ConversationChanged { conversation { ${listedFields} } }
  ... on ConversationDeleted { conversationId }
} }`;

type LiveEvent =
  | { __typename: 'ConversationListReady' }
  | { __typename: 'ConversationChanged'; conversation: ListedConversation }
  | { __typename: 'ConversationDeleted'; conversationId: string };

interface Read {
  readonly nodes: readonly ListedConversation[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** Shows somebody's list: reads it whenever it is told that it is ready, and follows it, over any number of connections. */
export class ListDevice {
  private readonly shown = new Map<string, ListedConversation>();
  private readonly errors: ListShown['errors'][number][] = [];
  private hasRead = false;
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly world: World,
    private readonly person: string,
    private readonly random: SeededRandom,
  ) {}

  /** Does it show this list? */
  shows(stored: readonly ListedConversation[]): boolean {
    return this.hasRead && JSON.stringify(inOrder(stored)) === JSON.stringify(this.conversations);
  }

  /** Until `world.leaving`; then logs what it shows. */
  async follow(): Promise<void> {
    while (!this.world.leaving.aborted) {
      await this.connect();
      await wait(this.random.between(20, 500));
    }
    const conversations = this.hasRead ? this.conversations : null;
    this.world.history.add({ type: 'list', person: this.person, conversations, errors: this.errors });
  }

  private get conversations(): ListedConversation[] {
    return inOrder([...this.shown.values()]);
  }

  private async connect(): Promise<void> {
    const { world, random, person } = this;
    const line = new AbortController();
    const instance = anyInstance(random);
    const end = await holdLine<{ conversations: LiveEvent }>({
      ...{ url: world.callers[instance].url, token: world.tokenOf(person), query: followQuery, variables: {} },
      onEvent: ({ conversations }) => {
        // In the order of what it is told: what comes while the list is read is newer than the list.
        this.work = this.work.then(() => this.take(conversations, line));
      },
      cutAfterMs: random.next() < 0.5 ? random.between(500, 20_000) : null,
      signal: AbortSignal.any([world.leaving, line.signal]),
    });
    await this.work;
    if (end.how !== 'refused') return;
    const { code, retryable } = end.errors[0]?.extensions ?? { code: 'NONE', retryable: false };
    this.errors.push({ code: String(code), retryable: retryable === true });
  }

  private async take(event: LiveEvent, line: AbortController): Promise<void> {
    if (line.signal.aborted) return;
    if (event.__typename === 'ConversationChanged') this.shown.set(event.conversation.id, event.conversation);
    else if (event.__typename === 'ConversationDeleted') this.shown.delete(event.conversationId);
    else await this.read().catch(() => line.abort());
  }

  private async read(): Promise<void> {
    const { world, random, person } = this;
    const caller = world.callers[anyInstance(random)];
    const listed: ListedConversation[] = [];
    for (let after: string | null = null; ; ) {
      const { data, errors } = await caller.call(world.tokenOf(person), readQuery, { after });
      if (errors || !data) throw new Error('The list could not be read.');
      const { nodes, pageInfo } = (data as { conversations: Read }).conversations;
      listed.push(...nodes);
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    this.shown.clear();
    for (const conversation of listed) this.shown.set(conversation.id, conversation);
    this.hasRead = true;
  }
}

const inOrder = (list: readonly ListedConversation[]): ListedConversation[] =>
  list.toSorted((one, other) => (one.id < other.id ? -1 : 1));
