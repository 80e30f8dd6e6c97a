import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { Log } from '../platform/log.js';
import type { PubSub, Subscription } from '../platform/pubsub.js';
import { decodeHint, ownerChannel } from './change-hints.js';
import { findRecentRevisions, findRevisions } from './live.repository.js';
import { Watched } from './watched.js';

const pollMs = 10_000;
const pollWithoutRedisMs = 1000;

export interface ChangeWatchDeps {
  readonly database: Database;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly log: Log;
}

interface Owner {
  readonly subscription: Subscription;
  readonly watched: Set<Watched>;
  /** The top of the list as it was last seen, for people who follow their list. */
  recent: ReadonlyMap<string, number> | null;
}

/**
 * Wakes whoever follows a conversation or a list on this instance when something of it changed. Hints come over pub/sub;
 * as one can be lost with the instance that owed it, PostgreSQL is asked too: once for all that is followed, every 10 s,
 * every second while Redis is away, and at once when a subscription was renewed.
 */
export class ChangeWatch {
  private readonly owners = new Map<string, Owner>();
  private cancelPoll: (() => void) | null = null;
  private polling: Promise<void> | null = null;
  /** Asked for while one is under way, which may have read before what it is asked for. */
  private pollAgain = false;
  private closed = false;

  constructor(private readonly deps: ChangeWatchDeps) {}

  /** Begins to watch; `conversationId` null is the list. Whoever opens it closes it. */
  open(ownerId: string, conversationId: string | null): Watched {
    const owner = this.owners.get(ownerId) ?? this.add(ownerId);
    const watched: Watched = new Watched(ownerId, conversationId, owner.subscription.ready, () =>
      this.remove(owner, watched),
    );
    owner.watched.add(watched);
    if (this.cancelPoll === null) this.pollLater();
    return watched;
  }

  get count(): number {
    return this.owners.size;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelPoll?.();
    const owners = [...this.owners.values()];
    this.owners.clear();
    await Promise.all(owners.map(({ subscription }) => subscription.unsubscribe()));
    await this.polling;
  }

  private add(ownerId: string): Owner {
    const watched = new Set<Watched>();
    const subscription = this.deps.pubsub.subscribe(ownerChannel(ownerId), {
      message: (text) => {
        const hint = decodeHint(text);
        if (hint === null) return;
        for (const one of watched) {
          if (hint.neverListed && one.conversationId === null) one.overlook(hint.conversationId);
          else one.hear(hint.conversationId);
        }
      },
      renewed: () => this.pollNow(),
    });
    const owner: Owner = { subscription, watched, recent: null };
    this.owners.set(ownerId, owner);
    return owner;
  }

  private remove(owner: Owner, watched: Watched): void {
    owner.watched.delete(watched);
    if (owner.watched.size > 0 || this.owners.get(watched.ownerId) !== owner) return;
    this.owners.delete(watched.ownerId);
    owner.subscription.unsubscribe().catch((error: unknown) => this.report(error));
    if (this.owners.size > 0) return;
    this.cancelPoll?.();
    this.cancelPoll = null;
  }

  private pollLater(): void {
    if (this.closed) return;
    const waitMs = this.deps.pubsub.connected ? pollMs : pollWithoutRedisMs;
    // In steps of a second, so that the loss of Redis is noticed within one.
    let leftMs = waitMs;
    const step = () => {
      leftMs -= pollWithoutRedisMs;
      if (leftMs > 0 && this.deps.pubsub.connected) this.cancelPoll = this.deps.clock.after(pollWithoutRedisMs, step);
      else this.pollNow();
    };
    this.cancelPoll = this.deps.clock.after(pollWithoutRedisMs, step);
  }

  private pollNow(): void {
    this.cancelPoll?.();
    if (this.polling) {
      this.pollAgain = true;
      return;
    }
    this.polling = this.poll()
      .catch((error: unknown) => this.report(error))
      .finally(() => {
        this.polling = null;
        if (this.owners.size === 0 || this.closed) return;
        if (this.pollAgain) this.pollNow();
        else this.pollLater();
      });
    this.pollAgain = false;
  }

  private async poll(): Promise<void> {
    const all = [...this.owners.values()].flatMap(({ watched }) => [...watched]);
    const conversations = all.flatMap((watched) =>
      watched.conversationId === null
        ? []
        : [{ watched, ownerId: watched.ownerId, conversationId: watched.conversationId }],
    );
    if (conversations.length > 0) {
      const rows = await findRevisions(this.deps.database, conversations);
      const revisions = new Map(rows.map(({ id, revision }) => [id, revision]));
      for (const { watched, conversationId } of conversations) watched.compare(revisions.get(conversationId) ?? null);
    }
    await this.pollLists(all.filter(({ conversationId }) => conversationId === null));
  }

  private async pollLists(lists: readonly Watched[]): Promise<void> {
    const ownerIds = [...new Set(lists.map(({ ownerId }) => ownerId))];
    if (ownerIds.length === 0) return;
    const rows = await findRecentRevisions(this.deps.database, ownerIds);
    for (const ownerId of ownerIds) {
      const owner = this.owners.get(ownerId);
      if (!owner) continue;
      const now = new Map(rows.flatMap((row) => (row.owner_id === ownerId ? [[row.id, row.revision] as const] : [])));
      for (const id of changedBetween(owner.recent ?? now, now)) for (const one of owner.watched) one.hear(id);
      owner.recent = now;
    }
  }

  private report(error: unknown): void {
    this.deps.log.warn({ error }, 'asking for changes failed, tried again soon');
  }
}

/** What is new, has another revision, or is not there any more. */
function changedBetween(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Set<string> {
  const changed = new Set<string>();
  for (const [id, revision] of now) if (before.get(id) !== revision) changed.add(id);
  for (const id of before.keys()) if (!now.has(id)) changed.add(id);
  return changed;
}
