import { isThere } from '../conversations/conversation-row.js';
import { claiming, claimValues, type RequestClaim } from '../conversations/request.repository.js';
import { statement, type Transaction } from '../platform/database.js';

/** The header of a conversation whose row this transaction has locked: nobody else adds to it before the commit. */
export interface LockedConversation {
  readonly id: string;
  readonly revision: number;
  readonly last_position: number;
  readonly leaf_id: string | null;
  readonly leaf_position: number;
  readonly leaf_segment: number;
  readonly message_count: number;
  readonly model: string | null;
  readonly system_prompt: string | null;
  /** Of a temporary one, by the database's clock; null: it is kept. */
  readonly expires_in_ms: number | null;
  readonly has_title: boolean;
  readonly has_automatic_title: boolean;
  /** Of all its messages, on every branch. */
  readonly token_estimate: number;
}

const lockedColumns = `
  conversation.id, conversation.revision, conversation.last_position, conversation.leaf_id,
  conversation.leaf_position, conversation.leaf_segment, conversation.message_count, conversation.model,
  (extract(epoch FROM conversation.expires_at - now()) * 1000)::double precision AS expires_in_ms,
  encode(conversation.sealed_system_prompt, 'base64') AS system_prompt,
  conversation.sealed_title IS NOT NULL AS has_title,
  conversation.sealed_automatic_title IS NOT NULL AS has_automatic_title,
  conversation.token_estimate`;

// Where answers are counted, the owner's row is held so that whoever else counts theirs waits: a later statement sees what
// they began.
const claimStatement = statement('requests.claimKey', `WITH ${claiming('KEY SHARE')} SELECT id FROM owner`);
const claimCountingStatement = statement(
  'requests.claimKeyCounting',
  `WITH ${claiming('NO KEY UPDATE')} SELECT id FROM owner`,
);

const locking = (holding: 'KEY SHARE' | 'NO KEY UPDATE') => `
   WITH ${claiming(holding)}
   SELECT ${lockedColumns} FROM conversations AS conversation
   WHERE conversation.owner_id = $1 AND conversation.id = $5 AND ${isThere('conversation')}
     AND EXISTS (SELECT FROM owner)
   FOR UPDATE`;
const claimAndLockStatement = statement('requests.claimAndLock', locking('KEY SHARE'));
const claimAndLockCountingStatement = statement('requests.claimAndLockCounting', locking('NO KEY UPDATE'));

const lock = (whatIsHeld: '' | 'SKIP LOCKED') => `
   WITH owner AS (SELECT id FROM users WHERE id = $1 AND erasing_at IS NULL FOR KEY SHARE ${whatIsHeld})
   SELECT ${lockedColumns} FROM conversations AS conversation
   WHERE conversation.owner_id = $1 AND conversation.id = $2 AND ${isThere('conversation')}
     AND EXISTS (SELECT FROM owner)
   FOR UPDATE ${whatIsHeld}`;
const lockStatement = statement('conversations.lock', lock(''));
const lockIfFreeStatement = statement('conversations.lockIfFree', lock('SKIP LOCKED'));

/** Whose key is claimed, and what for. */
export interface Claiming {
  readonly claim: RequestClaim;
  /** Will the owner's running answers be counted, and one more begun? Then one such transaction at a time. */
  readonly countsAnswers: boolean;
}

/** Claims the key and holds the owner's row; false where the key was used before or the owner is being erased. */
export async function claim(tx: Transaction, { claim: wanted, countsAnswers }: Claiming): Promise<boolean> {
  const chosen = countsAnswers ? claimCountingStatement : claimStatement;
  return (await tx.query(chosen, claimValues(wanted))).length > 0;
}

/** The same, and locks the conversation; null where the key was used before or there is no such conversation. */
export async function claimAndLock(
  tx: Transaction,
  { claim: wanted, countsAnswers }: Claiming,
  conversationId: string,
): Promise<LockedConversation | null> {
  const chosen = countsAnswers ? claimAndLockCountingStatement : claimAndLockStatement;
  const [row] = await tx.query<LockedConversation>(chosen, [...claimValues(wanted), conversationId]);
  return row ?? null;
}

/** Holds the owner's row and locks the conversation; null where there is no such conversation. */
export async function lockConversation(
  tx: Transaction,
  ownerId: string,
  conversationId: string,
): Promise<LockedConversation | null> {
  const [row] = await tx.query<LockedConversation>(lockStatement, [ownerId, conversationId]);
  return row ?? null;
}

/** The same without waiting for anybody; null also where somebody holds it. */
export async function lockConversationIfFree(
  tx: Transaction,
  ownerId: string,
  conversationId: string,
): Promise<LockedConversation | null> {
  const [row] = await tx.query<LockedConversation>(lockIfFreeStatement, [ownerId, conversationId]);
  return row ?? null;
}
