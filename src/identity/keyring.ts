import { LRUCache } from 'lru-cache';
import { dataIntegrity } from '../errors.js';
import type { Clock } from '../platform/clock.js';
import { type Database, statement } from '../platform/database.js';
import { type DataKey, type KeyEncryption, newDataKey, OwnerKeys } from '../platform/encryption.js';

/** How long opened keys may stay in memory. */
const openedMs = 60_000;
const openedOwners = 10_000;

const readKeys = statement(
  'keys.read',
  'SELECT key_id, kek_id, wrapped FROM keys.data_keys WHERE user_id = $1 ORDER BY key_id',
);

const insertKey = statement(
  'keys.insert',
  `INSERT INTO keys.data_keys (user_id, key_id, kek_id, wrapped, created_at)
   VALUES ($1, $2, $3, $4, now()) ON CONFLICT (user_id, key_id) DO NOTHING`,
);

interface KeyRow {
  readonly key_id: number;
  readonly kek_id: string;
  readonly wrapped: Buffer;
}

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
    if ((await this.database.query<KeyRow>(readKeys, [ownerId])).length > 0) return;
    const dataKey = newDataKey(1);
    const { kekId, wrapped } = await this.keyEncryption.wrap(ownerId, dataKey);
    await this.database.query(insertKey, [ownerId, dataKey.id, kekId, wrapped]);
  }

  forget(ownerId: string): void {
    this.opened.delete(ownerId);
  }

  /** Forgets all, and leaves no timer behind. */
  close(): void {
    this.opened.clear();
  }

  private async open(ownerId: string): Promise<OwnerKeys> {
    const rows = await this.database.query<KeyRow>(readKeys, [ownerId]);
    if (rows.length === 0) throw dataIntegrity();
    const keys: DataKey[] = [];
    for (const row of rows) {
      keys.push(await this.keyEncryption.unwrap(ownerId, row.key_id, row.kek_id, row.wrapped));
    }
    return new OwnerKeys(ownerId, keys);
  }
}
