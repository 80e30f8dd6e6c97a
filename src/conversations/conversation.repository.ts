import { type Querier, statement, type Transaction } from '../platform/database.js';
import { type QuotaStanding, quotaStanding } from '../usage/quota.js';
import type { SealedConversation } from './conversation-input.js';
import { type ConversationRow, conversationColumns, isThere } from './conversation-row.js';

const byIdsStatement = statement(
  'conversations.byIds',
  `SELECT ${conversationColumns} FROM conversations AS conversation
   WHERE conversation.owner_id = $1 AND conversation.id = ANY ($2::uuid[]) AND ${isThere('conversation')}`,
);

/** The owner's conversations with these ids, in no order; what is not there, deleted or somebody else's is left out. */
export function findConversations(
  querier: Querier,
  ownerId: string,
  ids: readonly string[],
): Promise<ConversationRow[]> {
  return querier.query<ConversationRow>(byIdsStatement, [ownerId, ids]);
}

/** A conversation whose row stands, though it may be gone for its owner. */
export type FoundConversation = ConversationRow & { readonly gone: boolean };

const orGoneStatement = statement(
  'conversations.byIdsOrGone',
  `SELECT ${conversationColumns}, NOT (${isThere('conversation')}) AS gone FROM conversations AS conversation
   WHERE conversation.owner_id = $1 AND conversation.id = ANY ($2::uuid[])`,
);

/** The same with those that are gone and whose rows are not removed yet. */
export function findConversationsOrGone(
  querier: Querier,
  ownerId: string,
  ids: readonly string[],
): Promise<FoundConversation[]> {
  return querier.query<FoundConversation>(orGoneStatement, [ownerId, ids]);
}

export async function findConversation(querier: Querier, ownerId: string, id: string): Promise<ConversationRow | null> {
  const [row] = await findConversations(querier, ownerId, [id]);
  return row ?? null;
}

const insertStatement = statement(
  'conversations.insert',
  `WITH titled AS (
     INSERT INTO conversation_titles (owner_id, conversation_id, terms) VALUES ($1, $2, $4)
   )
   INSERT INTO conversations AS conversation (
     owner_id, id, sealed_title, sealed_system_prompt, sealed_metadata, model, pinned, archived,
     revision, branch_revision, last_position, leaf_position, leaf_segment, message_count,
     expires_at, created_at, updated_at)
   VALUES ($1, $2, $3, $5, $6, $7, false, false, 1, 0, 0, 0, 0, 0, now() + make_interval(hours => $9), now(), now())
   RETURNING ${conversationColumns},
     (SELECT count(*)::integer FROM answer_runs WHERE owner_id = $1) AS answers_running,
     ${quotaStanding('$8::boolean')} AS quota_standing`,
);

/** A new conversation; and how many answers are being written for its owner, and how their quotas stand. */
export interface InsertedConversation extends ConversationRow {
  readonly answers_running: number;
  /** Null where it was not asked for. */
  readonly quota_standing: QuotaStanding | null;
}

/** A conversation without messages, at revision 1. */
export async function insertConversation(
  tx: Transaction,
  ownerId: string,
  id: string,
  sealed: SealedConversation,
  withQuotas = false,
): Promise<InsertedConversation> {
  const { sealedTitle, titleTerms, sealedSystemPrompt, sealedMetadata, model, expiresInHours } = sealed;
  return one(
    await tx.query<InsertedConversation>(insertStatement, [
      ownerId,
      id,
      sealedTitle,
      titleTerms,
      sealedSystemPrompt,
      sealedMetadata,
      model,
      withQuotas,
      expiresInHours,
    ]),
  );
}

const lockStatement = statement(
  'conversations.lockHeader',
  `SELECT ${conversationColumns} FROM conversations AS conversation
   WHERE conversation.owner_id = $1 AND conversation.id = $2 AND ${isThere('conversation')}
   FOR UPDATE`,
);

/** The header, which nobody else changes before the commit; null where there is none. */
export async function lockHeader(tx: Transaction, ownerId: string, id: string): Promise<ConversationRow | null> {
  const [row] = await tx.query<ConversationRow>(lockStatement, [ownerId, id]);
  return row ?? null;
}

/** What an update writes; what is absent stays. */
export interface HeaderChange {
  readonly title?: { readonly sealed: Buffer | null; readonly terms: readonly Buffer[] };
  readonly systemPrompt?: { readonly sealed: Buffer | null };
  readonly metadata?: { readonly sealed: Buffer | null };
  readonly model?: { readonly id: string | null };
  readonly pinned?: boolean;
  readonly archived?: boolean;
}

const updateStatement = statement(
  'conversations.update',
  `WITH titled AS (
     INSERT INTO conversation_titles (owner_id, conversation_id, terms)
     SELECT $1, $2, $5::bytea[] WHERE $3::boolean
     ON CONFLICT (owner_id, conversation_id) DO UPDATE SET terms = excluded.terms
   )
   UPDATE conversations AS conversation
   SET revision = conversation.revision + 1,
     sealed_title = CASE WHEN $3 THEN $4::bytea ELSE conversation.sealed_title END,
     sealed_system_prompt = CASE WHEN $6::boolean THEN $7::bytea ELSE conversation.sealed_system_prompt END,
     sealed_metadata = CASE WHEN $8::boolean THEN $9::bytea ELSE conversation.sealed_metadata END,
     model = CASE WHEN $10::boolean THEN $11::text ELSE conversation.model END,
     pinned = coalesce($12::boolean, conversation.pinned),
     archived = coalesce($13::boolean, conversation.archived)
   WHERE conversation.owner_id = $1 AND conversation.id = $2 AND ${isThere('conversation')}
   RETURNING ${conversationColumns}`,
);

/** Takes the next revision; leaves updated_at, which messages move. Needs the row's lock. */
export async function updateHeader(
  tx: Transaction,
  ownerId: string,
  id: string,
  change: HeaderChange,
): Promise<ConversationRow> {
  const { title, systemPrompt, metadata, model, pinned, archived } = change;
  return one(
    await tx.query<ConversationRow>(updateStatement, [
      ownerId,
      id,
      title !== undefined,
      title?.sealed ?? null,
      title?.terms ?? [],
      systemPrompt !== undefined,
      systemPrompt?.sealed ?? null,
      metadata !== undefined,
      metadata?.sealed ?? null,
      model !== undefined,
      model?.id ?? null,
      pinned ?? null,
      archived ?? null,
    ]),
  );
}

function one<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (!row || rows.length > 1) throw new Error(`A statement that changes one row changed ${rows.length}.`);
  return row;
}

const anyStatement = statement('conversations.any', 'SELECT EXISTS (SELECT FROM conversations) AS any');

/** Does anybody have a conversation here? */
export async function hasConversations(querier: Querier): Promise<boolean> {
  const [row] = await querier.query<{ any: boolean }>(anyStatement, []);
  return row?.any ?? false;
}
