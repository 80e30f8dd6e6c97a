import { decodeCursor, encodeCursor } from '../platform/cursor.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { ListPlace } from './conversation-list.repository.js';
import type { ConversationRow } from './conversation-row.js';

/** A person has one list; a cursor's key says whose it is. */
const object = 'conversations';

export function writeListCursor(keys: OwnerKeys, row: ConversationRow): string {
  return encodeCursor(keys, 'conversation', object, [row.updated_at, row.id]);
}

/** @throws BAD_USER_INPUT naming `field` */
export function readListCursor(keys: OwnerKeys, cursor: string, field: string): ListPlace {
  const [updatedAt, id] = decodeCursor(keys, 'conversation', object, cursor, field);
  return { updatedAt: String(updatedAt), id: String(id) };
}
