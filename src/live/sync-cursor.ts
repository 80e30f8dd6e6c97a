import { endOfBranch } from '../messages/message.repository.js';
import type { Offsets } from '../messages/message-texts.js';
import { decodeCursor, encodeCursor } from '../platform/cursor.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { Seen } from './live.repository.js';

/** How far a follower of a conversation is: what it has seen, and how much of the answer that was running. */
export interface SyncState {
  readonly seen: Seen;
  /**
   * The revision of the header that it was given last. It comes behind the messages, so that within a catch-up it is
   * older than what was seen: a branch that changed in between is still to be told of.
   */
  readonly header: number;
  readonly running: { readonly messageId: string; readonly offsets: Offsets } | null;
}

/** A revision that was delivered whole. */
export const whole = (revision: number): Seen => ({ revision, position: endOfBranch });

/** Everything before this place of a revision. */
export const justBefore = ({ revision, position }: Seen): Seen => ({ revision, position: position - 1 });

/** Where somebody stands who has all of a revision, and nothing later. */
export const allOf = (revision: number, running: SyncState['running'] = null): SyncState => ({
  seen: whole(revision),
  header: revision,
  running,
});

export function writeSyncCursor(keys: OwnerKeys, conversationId: string, { seen, header, running }: SyncState): string {
  const values = [seen.revision, seen.position, header];
  if (!running) return encodeCursor(keys, 'sync', conversationId, values);
  const { messageId, offsets } = running;
  return encodeCursor(keys, 'sync', conversationId, [...values, messageId, offsets.content, offsets.reasoning]);
}

/** @throws BAD_USER_INPUT */
export function readSyncCursor(keys: OwnerKeys, conversationId: string, cursor: string, field: string): SyncState {
  const values = decodeCursor(keys, 'sync', conversationId, cursor, field);
  const [revision, position, header, messageId, content, reasoning] = values;
  const seen = { revision: Number(revision), position: Number(position) };
  if (messageId === undefined) return { seen, header: Number(header), running: null };
  return {
    seen,
    header: Number(header),
    running: { messageId: String(messageId), offsets: { content: Number(content), reasoning: Number(reasoning) } },
  };
}
