import { isThere } from '../conversations/conversation-row.js';
import { statement, type Transaction } from '../platform/database.js';
import type { RatingValue } from './message-row.js';

// A message never changes its conversation, so its id may be read before the lock that the update takes.
const reviseStatement = statement(
  'conversations.reviseForMessage',
  `UPDATE conversations SET revision = revision + 1
   WHERE owner_id = $1 AND ${isThere('conversations')}
     AND id = (SELECT conversation_id FROM messages WHERE owner_id = $1 AND id = $2)
   RETURNING revision`,
);

/** Locks the conversation of a message and takes its next revision; null where there is no such message. */
export async function reviseConversationOf(
  tx: Transaction,
  ownerId: string,
  messageId: string,
): Promise<number | null> {
  const [row] = await tx.query<{ revision: number }>(reviseStatement, [ownerId, messageId]);
  return row?.revision ?? null;
}

export interface NewRating {
  readonly revision: number;
  /** Null takes it back. */
  readonly rating: RatingValue | null;
  readonly keepsComment: boolean;
  readonly sealedComment: Buffer | null;
}

// Its own columns only: an answer may be settled just after.
const rateStatement = statement(
  'messages.rate',
  `UPDATE messages
   SET revision = $3, rating = $4,
     sealed_rating_comment = CASE WHEN $5::boolean THEN sealed_rating_comment ELSE $6::bytea END
   WHERE owner_id = $1 AND id = $2`,
);

/** Needs the lock of the message's conversation. */
export async function rateMessage(tx: Transaction, ownerId: string, id: string, given: NewRating): Promise<void> {
  const { revision, rating, keepsComment, sealedComment } = given;
  await tx.query(rateStatement, [ownerId, id, revision, rating, keepsComment, sealedComment]);
}
