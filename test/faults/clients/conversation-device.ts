import { setTimeout as wait } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { DeviceShown, SeenMessage, StoredConversation } from '../history.js';
import { holdLine } from './live-line.js';
import { anyInstance, type World } from './world.js';

/** Messages that a device reads at once; of a longer branch it shows the end. */
export const shownAtOnce = 100;

const readQuery = `query ($id: ID!) {
  conversation(id: $id) { syncCursor messages(last: ${shownAtOnce}) { nodes { id status content visible parent { id } } } }
}`;

const followQuery = `subscription ($id: ID!, $after: String) { conversation(id: $id, after: $after) {
  __typename
  ... on AnswerDelta { messageId offset text cursor }
  ... on AnswerFinished { message { id status content visible parent { id } } cursor }
  ... on MessageChanged { message { id status content visible parent { id } } cursor }
  ... on ConversationChanged { branchChanged cursor }
  ... on ConversationDeleted { conversationId }
} }`;

interface LiveMessage extends SeenMessage {
  readonly visible: boolean;
  readonly parent: { readonly id: string } | null;
}

type LiveEvent =
  | { __typename: 'AnswerDelta'; messageId: string; offset: number; text: string; cursor: string }
  | { __typename: 'AnswerFinished' | 'MessageChanged'; message: LiveMessage; cursor: string }
  | { __typename: 'ConversationChanged'; branchChanged: boolean; cursor: string }
  | { __typename: 'ConversationDeleted'; conversationId: string };

/** Shows one conversation: reads it, then follows it by its cursor, over any number of connections; where its branch changed it reads again. */
export class ConversationDevice {
  /** Messages of other branches too. */
  private readonly known = new Map<string, LiveMessage>();
  private readonly broken: string[] = [];
  private readonly errors: DeviceShown['errors'][number][] = [];
  private cursor: string | null = null;
  private deleted = false;

  constructor(
    private readonly world: World,
    private readonly person: string,
    readonly conversation: string,
    private readonly random: SeededRandom,
  ) {}

  /** Does it show what is stored, or that it is deleted? */
  shows(stored: StoredConversation | undefined): boolean {
    if (!stored?.messages || this.deleted) return !stored?.messages && this.deleted;
    const { branch } = this;
    const isSame = lastOf(stored.visible ?? []).join() === lastOf(branch.map(({ id }) => id)).join();
    const isKnown = ({ id, status, content }: SeenMessage) => {
      const seen = branch.find((message) => message.id === id);
      return !seen || (seen.status === status && seen.content === content);
    };
    return this.cursor !== null && isSame && stored.messages.every(isKnown);
  }

  /** Until it is deleted or `world.leaving`; then logs what it shows. */
  async follow(): Promise<void> {
    while (!this.deleted && !this.world.leaving.aborted) {
      if (this.cursor === null) await this.read().catch(() => undefined);
      else await this.connect(this.cursor);
      if (!this.deleted) await wait(this.random.between(20, 500));
    }
    const { person, conversation, deleted, broken, errors } = this;
    const messages = this.branch.map(({ id, status, content }) => ({ id, status, content }));
    this.world.history.add({ type: 'device', person, conversation, deleted, messages, broken, errors });
  }

  private async read(): Promise<void> {
    const { world, random, person, conversation } = this;
    const erased = new Set(world.erased);
    const caller = world.callers[anyInstance(random)];
    const { data, errors } = await caller.call(world.tokenOf(person), readQuery, { id: conversation });
    if (errors || !data) return;
    const read = (data as { conversation: Read | null }).conversation;
    this.deleted = read === null;
    this.known.clear();
    for (const message of read?.messages.nodes ?? []) this.show(message, erased);
    this.cursor = read?.syncCursor ?? null;
  }

  private async connect(after: string): Promise<void> {
    const { world, random } = this;
    const erased = new Set(world.erased);
    const stale = new AbortController();
    const end = await holdLine<{ conversation: LiveEvent }>({
      url: world.callers[anyInstance(random)].url,
      token: world.tokenOf(this.person),
      query: followQuery,
      variables: { id: this.conversation, after },
      onEvent: ({ conversation }) => {
        if (stale.signal.aborted) return;
        this.take(conversation, erased);
        if (this.cursor === null) stale.abort();
      },
      cutAfterMs: random.next() < 0.7 ? random.between(100, 10_000) : null,
      signal: AbortSignal.any([world.leaving, stale.signal]),
    });
    if (end.how === 'complete' && !this.deleted) this.broken.push('that it is complete, and it is not deleted');
    if (end.how !== 'refused') return;
    const { code, retryable } = end.errors[0]?.extensions ?? { code: 'NONE', retryable: false };
    this.errors.push({ code: String(code), retryable: retryable === true });
    this.deleted ||= code === 'NOT_FOUND';
  }

  private take(event: LiveEvent, erased: ReadonlySet<string>): void {
    if (event.__typename === 'ConversationDeleted') {
      this.deleted = true;
      return;
    }
    this.cursor = event.cursor;
    if (event.__typename === 'ConversationChanged') {
      // What it shows is stale: it begins anew.
      if (event.branchChanged) this.cursor = null;
      return;
    }
    if (event.__typename !== 'AnswerDelta') {
      this.show(event.message, erased);
      return;
    }
    const { messageId, offset, text } = event;
    const known = this.known.get(messageId);
    if (erased.has(messageId) && text !== '') this.broken.push(`what ${messageId} said, which had been erased`);
    if (!known) this.broken.push(`a delta of ${messageId}, which it had not heard of`);
    else if (offset > known.content.length) this.broken.push(`a delta at ${offset} after ${known.content.length}`);
    else this.known.set(messageId, { ...known, content: known.content.slice(0, offset) + text });
  }

  private show(message: LiveMessage, erased: ReadonlySet<string>): void {
    const { id, content } = message;
    if (erased.has(id) && content !== '') this.broken.push(`what ${id} said, which had been erased`);
    this.known.set(id, message);
  }

  /** One after the other, by their parents: they are heard of in the order of their changes. */
  private get branch(): readonly LiveMessage[] {
    const visible = [...this.known.values()].filter((message) => message.visible);
    const followers = new Map(visible.map((message) => [message.parent?.id ?? null, message]));
    let next = visible.find(({ parent }) => !parent || !this.known.get(parent.id)?.visible);
    const branch: LiveMessage[] = [];
    for (; next && branch.length < visible.length; next = followers.get(next.id)) branch.push(next);
    return branch;
  }
}

/** What a device that reads so many at once must show of a branch. */
export const lastOf = <T>(branch: readonly T[]): readonly T[] => branch.slice(-shownAtOnce);

interface Read {
  readonly syncCursor: string;
  readonly messages: { readonly nodes: readonly LiveMessage[] };
}
