import { unauthenticated } from '../errors.js';
import { statement, type Transaction } from '../platform/database.js';

const holdStatement = statement(
  'owner.hold',
  'SELECT id FROM users WHERE id = $1 AND erasing_at IS NULL FOR KEY SHARE',
);

/**
 * Keeps the owner's row as it is until the commit: an erasure begins by taking it for itself. Comes after the lock on
 * `requests`, before that on a conversation.
 * @throws UNAUTHENTICATED where the owner is gone or being erased
 */
export async function holdOwner(tx: Transaction, ownerId: string): Promise<void> {
  const rows = await tx.query(holdStatement, [ownerId]);
  if (rows.length === 0) throw unauthenticated();
}
