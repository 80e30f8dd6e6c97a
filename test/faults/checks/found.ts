import type { HistoryEvent, StoredConversation, StoredMessage, Timed } from '../history.js';
import { type Attempt, attemptsOf, eventsOf, isPossible, type Wish, wishesOf } from '../operations.js';
import { type Origin, originsOf } from './origins.js';

/** A history as all checks look at it. */
export class Found {
  readonly attempts: readonly Attempt[];
  /** All that begins an answer: sends, edits, and what is answered anew. */
  readonly asks: readonly Wish[];
  readonly appends: readonly Wish[];
  readonly creates: readonly Wish[];
  /** As instance a gives them, and b, by id. */
  readonly stored: { readonly a: ReadonlyMap<string, StoredConversation>; readonly b: Found['stored']['a'] };
  /** Of instance a: whether both agree is a check of its own. */
  readonly messages: ReadonlyMap<string, StoredMessage & { readonly conversation: string; readonly person: string }>;
  /** Of the stored messages, by id. */
  readonly origins: ReadonlyMap<string, Origin>;
  private readonly deletions: ReadonlyMap<string, readonly Attempt[]>;

  constructor(readonly events: readonly Timed[]) {
    this.attempts = attemptsOf(events);
    this.asks = (['sendMessage', 'editMessage', 'regenerateAnswer'] as const).flatMap((kind) =>
      wishesOf(this.attempts, kind),
    );
    this.appends = wishesOf(this.attempts, 'appendMessages');
    this.creates = wishesOf(this.attempts, 'createConversation');
    const of = (name: string) =>
      new Map(
        eventsOf(events, 'stored')
          .filter(({ instance }) => instance === name)
          .map((stored) => [stored.conversation, stored]),
      );
    this.stored = { a: of('a'), b: of('b') };
    this.messages = new Map(
      [...this.stored.a.values()].flatMap(({ conversation, person, messages }) =>
        (messages ?? []).map((message) => [message.id, { ...message, conversation, person }] as const),
      ),
    );
    this.origins = originsOf(this.messages.values(), this.asks, this.appends);
    this.deletions = Map.groupBy(
      this.attempts.filter(({ kind }) => kind === 'deleteConversations'),
      ({ conversation }) => conversation ?? '',
    );
  }

  of<Type extends HistoryEvent['type']>(type: Type) {
    return eventsOf(this.events, type);
  }

  /** Is it gone, and may it be? */
  isDeleted(conversation: string): boolean {
    return !this.stored.a.get(conversation)?.messages && this.mayBeDeleted(conversation, Number.POSITIVE_INFINITY);
  }

  /** Had somebody asked for its deletion before that time, and was not refused for good? */
  mayBeDeleted(conversation: string, beforeMs: number): boolean {
    return this.deletionsOf(conversation).some((attempt) => attempt.startedMs < beforeMs && isPossible(attempt));
  }

  deletionsOf(conversation: string): readonly Attempt[] {
    return this.deletions.get(conversation) ?? [];
  }

  /** The times between which a fault lasted, for those whose name fits. */
  faults(name: RegExp, instance: string | null = null): { readonly fromMs: number; readonly toMs: number }[] {
    const all = this.of('fault').filter(
      (event) => name.test(event.fault) && (instance === null || event.instance === instance),
    );
    return all
      .filter(({ phase }) => phase === 'begin')
      .map(({ fault, instance: where, atMs }) => {
        const end = all.find(
          (event) => event.phase === 'end' && event.fault === fault && event.instance === where && event.atMs >= atMs,
        );
        return { fromMs: atMs, toMs: end?.atMs ?? Number.POSITIVE_INFINITY };
      });
  }
}

/** One look at a history: what is wrong, a sentence each. */
export type Check = (found: Found) => string[];
