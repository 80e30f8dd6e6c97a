import { decodeCursor, encodeCursor } from '../platform/cursor.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { SearchKey } from './search.repository.js';

const everything = 'everything';

/** A place in all that is searched, or in one conversation; it holds for other words, too. */
export function writeSearchCursor(keys: OwnerKeys, conversationId: string | null, key: SearchKey): string {
  return encodeCursor(keys, 'search', conversationId ?? everything, [key]);
}

/** @throws BAD_USER_INPUT naming `after` */
export function readSearchCursor(keys: OwnerKeys, conversationId: string | null, cursor: string): SearchKey {
  const [key] = decodeCursor(keys, 'search', conversationId ?? everything, cursor, 'after');
  return conversationId === null ? String(key) : Number(key);
}
