import { endOfBranch } from '../messages/message.repository.js';
import type { Offsets } from '../messages/message-texts.js';
import { decodeCursor, encodeCursor } from '../platform/cursor.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { Seen } from './live.repository.js';

/** How far a follower of a conversation is: what it has seen, and how much of the answer that was running. */
export interface SyncState {
  readonly seen: Seen;
  readonly running: { readonly messageId: string; readonly offsets: Offsets } | null;
}

/** A revision that was delivered whole. */
export const whole = (revision: number): Seen => ({ revision, position: endOfBranch });

export function writeSyncCursor(keys: OwnerKeys, conversationId: string, { seen, running }: SyncState): string {
  const values = [seen.revision, seen.position];
  if (!running) return encodeCursor(keys, 'sync', conversationId, values);
  const { messageId, offsets } = running;
  return encodeCursor(keys, 'sync', conversationId, [...values, messageId, offsets.content, offsets.reasoning]);
}

/** @throws BAD_USER_INPUT */
export function readSyncCursor(keys: OwnerKeys, conversationId: string, cursor: string, field: string): SyncState {
  const values = decodeCursor(keys, 'sync', conversationId, cursor, field);
  const [revision, position, messageId, content, reasoning] = values;
  const seen = { revision: Number(revision), position: Number(position) };
  if (messageId === undefined) return { seen, running: null };
  return {
    seen,
    running: { messageId: String(messageId), offsets: { content: Number(content), reasoning: Number(reasoning) } },
  };
}
