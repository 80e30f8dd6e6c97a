import { statement, type Transaction } from '../platform/database.js';
import { estimateUnreported, nothingReported } from '../usage/reservation.js';
import { type AbandonedAnswer, countAbandoned } from '../usage/usage.repository.js';
import { type EndedRunRow, endedRunColumns, endedRunOf } from '../usage/usage-row.js';
import { isInactive, isThere } from './conversation-row.js';

const lockStatement = statement(
  'conversations.lockMany',
  `SELECT id, expires_at IS NOT NULL AS temporary FROM conversations
   WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND ${isThere('conversations')}
   ORDER BY id
   FOR UPDATE`,
);

const markStatement = statement(
  'conversations.markDeleted',
  `UPDATE conversations SET deleted_at = now(), revision = revision + 1
   WHERE owner_id = $1 AND id = ANY ($2::uuid[])`,
);

const dropRunsStatement = statement(
  'answerRuns.drop',
  `DELETE FROM answer_runs AS run USING messages AS message
   WHERE run.owner_id = $1 AND run.conversation_id = ANY ($2::uuid[])
     AND message.owner_id = run.owner_id AND message.id = run.message_id
   RETURNING run.message_id, message.model, run.durable_content + run.durable_reasoning AS written, ${endedRunColumns}`,
);

interface DroppedRun extends EndedRunRow {
  readonly message_id: string;
  readonly model: string | null;
  /** UTF-16 code units; a token is at least one of them, by our estimate. */
  readonly written: number;
}

const dropChunksStatement = statement(
  'answerChunks.drop',
  'DELETE FROM answer_chunks WHERE owner_id = $1 AND message_id = ANY ($2::uuid[])',
);

/** What a deletion made unreadable. */
export interface MarkedDeleted {
  readonly conversationIds: readonly string[];
  /** Those of them that no list has shown. */
  readonly temporaryIds: readonly string[];
  /** Answers that were being written: their runs are gone, so whoever writes them is fenced. */
  readonly answerIds: readonly string[];
}

/** Marks the owner's conversations among these gone; what is not there, or is gone already, is left out. */
export async function markDeleted(tx: Transaction, ownerId: string, ids: readonly string[]): Promise<MarkedDeleted> {
  return await markLocked(tx, ownerId, await tx.query<LockedRow>(lockStatement, [ownerId, ids]));
}

/** Expired, whether or not somebody holds it: nobody can do anything with it any more. */
const lockExpiredStatement = statement(
  'conversations.lockExpired',
  `SELECT id, true AS temporary FROM conversations
   WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND deleted_at IS NULL AND expires_at <= now()
   ORDER BY id
   FOR UPDATE SKIP LOCKED`,
);

/** The same for those among these that are temporary and have expired. Waits for nobody; what is held is left out. */
export async function markExpired(tx: Transaction, ownerId: string, ids: readonly string[]): Promise<MarkedDeleted> {
  return await markLocked(tx, ownerId, await tx.query<LockedRow>(lockExpiredStatement, [ownerId, ids]));
}

// Whoever holds one is about to use it. What was used after this statement began has another updated_at behind its lock.
const lockInactiveStatement = statement(
  'conversations.lockInactive',
  `SELECT id, false AS temporary FROM conversations AS conversation
   WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND ${isInactive('$3')}
   ORDER BY id
   FOR UPDATE SKIP LOCKED`,
);

/** The same for those among these that nobody used for so many days. */
export async function markInactive(
  tx: Transaction,
  ownerId: string,
  ids: readonly string[],
  days: number,
): Promise<MarkedDeleted> {
  return await markLocked(tx, ownerId, await tx.query<LockedRow>(lockInactiveStatement, [ownerId, ids, days]));
}

interface LockedRow {
  readonly id: string;
  readonly temporary: boolean;
}

async function markLocked(tx: Transaction, ownerId: string, locked: readonly LockedRow[]): Promise<MarkedDeleted> {
  const conversationIds = locked.map(({ id }) => id);
  const temporaryIds = locked.flatMap(({ id, temporary }) => (temporary ? [id] : []));
  if (conversationIds.length === 0) return { conversationIds, temporaryIds, answerIds: [] };
  await tx.query(markStatement, [ownerId, conversationIds]);
  // Only now, behind the locks: a statement that had waited for them would not see a run that began meanwhile.
  const runs = await tx.query<DroppedRun>(dropRunsStatement, [ownerId, conversationIds]);
  const answerIds = runs.map((run) => run.message_id);
  if (answerIds.length > 0) await tx.query(dropChunksStatement, [ownerId, answerIds]);
  await countAbandoned(tx, ownerId, runs.map(abandoned));
  return { conversationIds, temporaryIds, answerIds };
}

/** The model was called: a quota is not to be passed by deleting what one has asked. */
function abandoned({ model, written, ...row }: DroppedRun): AbandonedAnswer {
  const run = endedRunOf(row);
  const supposed = { promptTokens: run.promptTokens, completionTokens: Math.min(written, run.completionTokens) };
  return { model, department: run.department, estimate: estimateUnreported(run, nothingReported, supposed) };
}

const takeStatement = statement(
  'conversations.takeDeleted',
  `SELECT owner_id, id FROM conversations
   WHERE deleted_at IS NOT NULL
   ORDER BY deleted_at
   LIMIT 1
   FOR UPDATE SKIP LOCKED`,
);

const removeMessagesStatement = statement(
  'messages.removeBatch',
  `WITH batch AS (
     SELECT position FROM messages WHERE owner_id = $1 AND conversation_id = $2 ORDER BY position LIMIT $3
   ), removed AS (
     DELETE FROM messages USING batch
     WHERE messages.owner_id = $1 AND messages.conversation_id = $2 AND messages.position = batch.position
     RETURNING messages.position
   )
   SELECT count(*)::integer AS count FROM removed`,
);

const removeSegmentsStatement = statement(
  'segments.remove',
  'DELETE FROM segments WHERE owner_id = $1 AND conversation_id = $2',
);

const removeStatement = statement('conversations.remove', 'DELETE FROM conversations WHERE owner_id = $1 AND id = $2');

/**
 * Removes the rows of one conversation that was marked deleted, at most `batch` messages of it; the conversation itself
 * goes last. Skips what another instance is removing. False where there is nothing to do.
 */
export async function removeDeletedBatch(tx: Transaction, batch: number): Promise<boolean> {
  const [taken] = await tx.query<{ owner_id: string; id: string }>(takeStatement, []);
  if (!taken) return false;
  const place = [taken.owner_id, taken.id];
  const [removed] = await tx.query<{ count: number }>(removeMessagesStatement, [...place, batch]);
  if ((removed?.count ?? 0) >= batch) return true;
  await tx.query(removeSegmentsStatement, place);
  await tx.query(removeStatement, place);
  return true;
}
