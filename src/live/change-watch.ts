import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { Log } from '../platform/log.js';
import type { PubSub, Subscription } from '../platform/pubsub.js';
import { decodeHint, ownerChannel } from './change-hints.js';
import { compareLists, type FollowedList } from './known-lists.js';
import { findRevisions } from './live.repository.js';
import { WatchedConversation, WatchedList } from './watched.js';

const pollMs = 10_000;
/** So often it is looked whether Redis is there, and PostgreSQL is asked where it is not. */
const stepMs = 1000;

export interface ChangeWatchDeps {
  readonly database: Database;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly log: Log;
}

interface Owner extends FollowedList {
  readonly subscription: Subscription;
  readonly watched: Set<WatchedList>;
  readonly conversations: Set<WatchedConversation>;
}

/**
 * Wakes whoever follows a conversation or a list on this instance when something of it changed. Hints come over pub/sub;
 * as one can be lost with the instance that owed it, PostgreSQL is asked too: once for all that is followed, every 10 s,
 * every second while Redis is away, and at once when a subscription was renewed.
 */
export class ChangeWatch {
  private readonly owners = new Map<string, Owner>();
  private cancelStep: (() => void) | null = null;
  private leftMs = pollMs;
  private polling: Promise<void> | null = null;
  private pollAgain = false;
  private looking: Promise<void> | null = null;
  private closed = false;

  constructor(private readonly deps: ChangeWatchDeps) {}

  /** Begins to watch a conversation. Whoever opens it closes it. */
  openConversation(ownerId: string, conversationId: string): WatchedConversation {
    const owner = this.ownerOf(ownerId);
    const { ready } = owner.subscription;
    const onClose = () => this.remove(owner, owner.conversations, watched);
    const watched: WatchedConversation = new WatchedConversation({ ownerId, ready, onClose }, conversationId);
    owner.conversations.add(watched);
    return watched;
  }

  /** Begins to watch a list. Whoever opens it closes it. */
  openList(ownerId: string): WatchedList {
    const owner = this.ownerOf(ownerId);
    const { ready } = owner.subscription;
    const onClose = () => this.remove(owner, owner.watched, watched);
    const watched: WatchedList = new WatchedList({ ownerId, ready, onClose });
    owner.watched.add(watched);
    return watched;
  }

  /**
   * Resolves when it is known what stands in a list, so that of what changes from then on nothing is missed. Those who
   * come while it is read for others are read together, next.
   * @throws UNAVAILABLE
   */
  async lookAt({ ownerId }: WatchedList): Promise<void> {
    while (!this.closed && this.owners.get(ownerId)?.known === null) {
      this.looking ??= this.lookAtNew().finally(() => {
        this.looking = null;
      });
      await this.looking;
    }
  }

  get count(): number {
    return this.owners.size;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelStep?.();
    const owners = [...this.owners.values()];
    this.owners.clear();
    await Promise.all(owners.map(({ subscription }) => subscription.unsubscribe()));
    await this.polling;
    await this.looking?.catch(() => undefined);
  }

  private ownerOf(ownerId: string): Owner {
    const known = this.owners.get(ownerId);
    if (known) return known;
    const watched = new Set<WatchedList>();
    const conversations = new Set<WatchedConversation>();
    const subscription = this.deps.pubsub.subscribe(ownerChannel(ownerId), {
      message: (text) => {
        const hint = decodeHint(text);
        if (hint === null) return;
        const { conversationId, neverListed } = hint;
        for (const one of conversations) one.hear(conversationId);
        for (const one of watched) neverListed ? one.overlook(conversationId) : one.hear(conversationId);
      },
      renewed: () => this.pollNow(),
    });
    const owner: Owner = { ownerId, subscription, watched, conversations, known: null };
    if (this.owners.size === 0) this.begin();
    this.owners.set(ownerId, owner);
    return owner;
  }

  private remove<W>(owner: Owner, kind: Set<W>, watched: W): void {
    kind.delete(watched);
    if (owner.watched.size === 0) owner.known = null;
    if (owner.watched.size + owner.conversations.size > 0 || this.owners.get(owner.ownerId) !== owner) return;
    this.owners.delete(owner.ownerId);
    owner.subscription.unsubscribe().catch((error: unknown) => this.report(error));
    if (this.owners.size === 0) this.rest();
  }

  private begin(): void {
    this.leftMs = pollMs;
    this.stepLater();
  }

  private rest(): void {
    this.cancelStep?.();
    this.cancelStep = null;
  }

  private stepLater(): void {
    this.cancelStep?.();
    if (!this.closed) this.cancelStep = this.deps.clock.after(stepMs, () => this.step());
  }

  private step(): void {
    this.leftMs -= stepMs;
    if (this.leftMs <= 0 || !this.deps.pubsub.connected) this.pollNow();
    this.stepLater();
  }

  /** One at a time; a wish for another while one is under way is fulfilled after it. */
  private pollNow(): void {
    if (this.closed) return;
    this.leftMs = pollMs;
    if (this.polling) {
      this.pollAgain = true;
      return;
    }
    this.pollAgain = false;
    this.polling = this.poll()
      .catch((error: unknown) => this.report(error))
      .finally(() => {
        this.polling = null;
        if (this.pollAgain) this.pollNow();
      });
  }

  private async poll(): Promise<void> {
    const owners = [...this.owners.values()];
    await this.compareConversations(owners.flatMap(({ conversations }) => [...conversations]));
    // One that was never looked at is looked at by whoever opened it.
    await compareLists(
      this.deps.database,
      owners.filter(({ known }) => known !== null),
    );
  }

  private async compareConversations(all: readonly WatchedConversation[]): Promise<void> {
    if (all.length === 0) return;
    const wanted = new Map(all.map((watched) => [watched.conversationId, watched]));
    const rows = await findRevisions(this.deps.database, [...wanted.values()]);
    const revisions = new Map(rows.map(({ id, revision }) => [id, revision]));
    for (const watched of all) watched.compare(revisions.get(watched.conversationId) ?? null);
  }

  private async lookAtNew(): Promise<void> {
    const unknown = [...this.owners.values()].filter(({ watched, known }) => watched.size > 0 && known === null);
    await compareLists(this.deps.database, unknown);
  }

  private report(error: unknown): void {
    this.deps.log.warn({ error }, 'asking for changes failed, tried again soon');
  }
}
