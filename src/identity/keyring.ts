import { LRUCache } from 'lru-cache';
import { dataIntegrity } from '../errors.js';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import { type DataKey, type KeyEncryption, newDataKey, OwnerKeys } from '../platform/encryption.js';
import { findDataKeys, insertDataKey } from './data-key.repository.js';

/** How long opened keys may stay in memory. */
const openedMs = 60_000;
const openedOwners = 10_000;

/** Opens owners' data keys and keeps them for a minute at most. */
export class Keyring {
  private readonly opened: LRUCache<string, Promise<OwnerKeys>>;

  constructor(
    private readonly database: Database,
    private readonly keyEncryption: KeyEncryption,
    clock: Clock,
  ) {
    const perf = { now: () => clock.monotonic() };
    // What is not asked for again goes as well.
    this.opened = new LRUCache({ max: openedOwners, ttl: openedMs, ttlResolution: 0, ttlAutopurge: true, perf });
  }

  /** @throws DATA_INTEGRITY where the owner has no key, or none of ours opens it. */
  of(ownerId: string): Promise<OwnerKeys> {
    const known = this.opened.get(ownerId);
    if (known) return known;
    const opening = this.open(ownerId);
    this.opened.set(ownerId, opening);
    // A failure is not remembered: the next one asks again.
    opening.catch(() => this.forget(ownerId));
    return opening;
  }

  /** Makes the owner's first key where there is none; whoever is first makes it for all. */
  async ensure(ownerId: string): Promise<void> {
    if ((await findDataKeys(this.database, ownerId)).length > 0) return;
    const dataKey = newDataKey(1);
    const { kekId, wrapped } = await this.keyEncryption.wrap(ownerId, dataKey);
    await insertDataKey(this.database, ownerId, { key_id: dataKey.id, kek_id: kekId, wrapped });
  }

  forget(ownerId: string): void {
    this.opened.delete(ownerId);
  }

  /** Forgets all, and leaves no timer behind. */
  close(): void {
    this.opened.clear();
  }

  private async open(ownerId: string): Promise<OwnerKeys> {
    const rows = await findDataKeys(this.database, ownerId);
    if (rows.length === 0) throw dataIntegrity();
    const keys: DataKey[] = [];
    for (const row of rows) {
      keys.push(await this.keyEncryption.unwrap(ownerId, row.key_id, row.kek_id, row.wrapped));
    }
    return new OwnerKeys(ownerId, keys);
  }
}
