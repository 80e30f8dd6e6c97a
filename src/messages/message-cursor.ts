import { decodeCursor, encodeCursor } from '../platform/cursor.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { MessageRow } from './message-row.js';

/** By position, so that it holds its place also where the message is not on the visible branch. */
export function writeMessageCursor(keys: OwnerKeys, row: Pick<MessageRow, 'conversation_id' | 'position'>): string {
  return encodeCursor(keys, 'message', row.conversation_id, [row.position]);
}

/**
 * The position of a cursor of this conversation's messages.
 * @throws BAD_USER_INPUT naming `field`
 */
export function readMessageCursor(keys: OwnerKeys, conversationId: string, cursor: string, field: string): number {
  const [position] = decodeCursor(keys, 'message', conversationId, cursor, field);
  return Number(position);
}
