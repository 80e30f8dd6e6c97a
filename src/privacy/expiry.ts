import { appendAuditEvents } from '../audit/audit.repository.js';
import { type MarkedDeleted, markExpired, markInactive } from '../conversations/conversation-removal.repository.js';
import { ParleyError } from '../errors.js';
import type { Keyring } from '../identity/keyring.js';
import { holdOwner } from '../identity/owner.repository.js';
import type { Database, Transaction } from '../platform/database.js';
import { toPublicId } from '../platform/ids.js';
import type { Log } from '../platform/log.js';
import {
  beforeAllExpired,
  findExpired,
  findInactive,
  findRetainedOwners,
  type RetainedOwner,
} from './retention.repository.js';

export interface ExpiryDeps {
  /** Of its own: it waits for nobody, and nobody for it. */
  readonly database: Database;
  readonly keyring: Keyring;
  readonly log: Log;
  /** The server's days of retention; null: it keeps everything. */
  readonly serverDays: number | null;
  /** Told after each commit, as after a deletion by hand. Must not throw. */
  readonly onDeleted: (ownerId: string, deleted: MarkedDeleted) => void;
}

/** Conversations that one transaction marks deleted: their rows are locked meanwhile. */
const batch = 100;
/** People who are looked at in one statement. */
const ownersAtOnce = 100;
/** So many owners in a row that cannot be served are a database that is away. */
const mostFailures = 3;
const beforeEverybody = '00000000-0000-0000-0000-000000000000';

type Mark = (tx: Transaction, ownerId: string, ids: readonly string[]) => Promise<MarkedDeleted>;

/**
 * Deletes what has had its time, in batches that each lock little and briefly, and writes down what it did. Any instance
 * may run it, and go on where another stopped: what is marked deleted is found no more.
 */
export class Expiry {
  private failures = 0;

  constructor(private readonly deps: ExpiryDeps) {}

  /** Temporary conversations that have expired; they read as not there already. Gives how many it deleted. */
  async expireTemporary(signal: AbortSignal): Promise<number> {
    this.failures = 0;
    let count = 0;
    for (let after = beforeAllExpired; !signal.aborted; ) {
      const found = await findExpired(this.deps.database, after, batch);
      if (!found) break;
      for (const [ownerId, ids] of found.byOwner) {
        if (signal.aborted) break;
        count += await this.expire(ownerId, ids, 'temporary', markExpired);
      }
      // What could not be deleted now does not keep back what follows it.
      after = found.last;
    }
    return count;
  }

  /** Conversations that were inactive for as long as their owners, or the server, keep such. Gives how many it deleted. */
  async expireInactive(signal: AbortSignal): Promise<number> {
    this.failures = 0;
    const { database, serverDays } = this.deps;
    let count = 0;
    for (let after = beforeEverybody; !signal.aborted; ) {
      const owners = await findRetainedOwners(database, after, ownersAtOnce, serverDays);
      const last = owners.at(-1);
      if (!last) break;
      const inactive = await findInactive(database, owners, batch);
      for (const owner of owners) {
        count += await this.expireInactiveOf(owner, inactive.get(owner.id) ?? [], signal);
      }
      after = last.id;
    }
    return count;
  }

  private async expireInactiveOf(owner: RetainedOwner, first: readonly string[], signal: AbortSignal): Promise<number> {
    const mark: Mark = (tx, ownerId, ids) => markInactive(tx, ownerId, ids, owner.days);
    let count = 0;
    for (let ids = first; ids.length > 0 && !signal.aborted; ) {
      const marked = await this.expire(owner.id, ids.slice(0, batch), 'inactive', mark);
      // Somebody uses them all just now, or they cannot be deleted: another time.
      if (marked === 0) break;
      count += marked;
      ids = (await findInactive(this.deps.database, [owner], batch)).get(owner.id) ?? [];
    }
    return count;
  }

  /** One batch of one owner; 0 where nobody may write there now, or the owner's keys cannot be opened. */
  private async expire(ownerId: string, ids: readonly string[], reason: string, mark: Mark): Promise<number> {
    try {
      const deleted = await this.deleteBatch(ownerId, ids, reason, mark);
      this.failures = 0;
      if (deleted.conversationIds.length > 0) this.deps.onDeleted(ownerId, deleted);
      return deleted.conversationIds.length;
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      // An owner who is being erased needs nothing of this.
      if (error.code === 'UNAUTHENTICATED') return 0;
      this.failures += 1;
      if (error.code === 'UNAVAILABLE' && this.failures >= mostFailures) throw error;
      this.deps.log.warn({ error, owner: ownerId }, 'expiry of conversations failed for an owner, tried again later');
      return 0;
    }
  }

  private async deleteBatch(
    ownerId: string,
    ids: readonly string[],
    reason: string,
    mark: Mark,
  ): Promise<MarkedDeleted> {
    const { database, keyring } = this.deps;
    const { pseudonym } = await keyring.of(ownerId);
    return await database.transaction(async (tx) => {
      await holdOwner(tx, ownerId);
      const deleted = await mark(tx, ownerId, ids);
      const conversations = deleted.conversationIds.map((id) => toPublicId('cnv', id));
      if (conversations.length === 0) return deleted;
      const details = { reason, count: conversations.length, conversations };
      await appendAuditEvents(tx, pseudonym, [{ action: 'retention.expire', targetId: null, details }]);
      return deleted;
    });
  }
}
