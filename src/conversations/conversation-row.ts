import type { Place } from '../platform/encryption.js';
import type { Instant } from '../platform/instant.js';

/** The header of a conversation as the database gives it: texts sealed, in base64. */
export interface ConversationRow {
  readonly id: string;
  readonly title: string | null;
  readonly automatic_title: string | null;
  readonly system_prompt: string | null;
  readonly metadata: string | null;
  readonly model: string | null;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly revision: number;
  readonly branch_revision: number;
  /** The newest message of the visible branch; null while there is none. */
  readonly leaf_id: string | null;
  readonly message_count: number;
  /** The answer being written at the moment of the read; null where there is none. */
  readonly active_answer_id: string | null;
  /** Sums over its finished answers. */
  readonly used_answers: number;
  readonly used_prompt_tokens: number;
  readonly used_completion_tokens: number;
  readonly used_cost_micro_usd: number;
  readonly unreported_answers: number;
  /** Of a temporary one; null: it is kept. */
  readonly expires_at: Instant | null;
  readonly created_at: Instant;
  readonly updated_at: Instant;
}

/** The columns of a ConversationRow; the name `conversation` must be in scope. */
export const conversationColumns = `
  conversation.id,
  encode(conversation.sealed_title, 'base64') AS title,
  encode(conversation.sealed_automatic_title, 'base64') AS automatic_title,
  encode(conversation.sealed_system_prompt, 'base64') AS system_prompt,
  encode(conversation.sealed_metadata, 'base64') AS metadata,
  conversation.model, conversation.pinned, conversation.archived, conversation.revision,
  conversation.branch_revision, conversation.leaf_id, conversation.message_count,
  (SELECT run.message_id FROM answer_runs AS run
   WHERE run.owner_id = conversation.owner_id AND run.conversation_id = conversation.id) AS active_answer_id,
  conversation.used_answers, conversation.used_prompt_tokens, conversation.used_completion_tokens,
  conversation.used_cost_micro_usd, conversation.unreported_answers,
  conversation.expires_at, conversation.created_at, conversation.updated_at`;

/**
 * Is a conversation there for its owner, neither deleted nor expired? By the database's clock, and whether or not anything
 * was removed yet. `name` is what the table is called where this is asked.
 */
export const isThere = (name: string) =>
  `${name}.deleted_at IS NULL AND (${name}.expires_at IS NULL OR ${name}.expires_at > now())`;

/** Is it in lists? Temporary ones never are. Spelled as the partial indexes of lists are. */
export const isListed = (name: string) => `${name}.deleted_at IS NULL AND ${name}.expires_at IS NULL`;

/**
 * Is a conversation one that retention deletes: in lists, with no message in so many days, and no answer being written?
 * The name `conversation` must be in scope.
 */
export const isInactive = (days: string) => `
  ${isListed('conversation')} AND conversation.updated_at < now() - make_interval(days => ${days})
  AND NOT EXISTS (
    SELECT FROM answer_runs AS run
    WHERE run.owner_id = conversation.owner_id AND run.conversation_id = conversation.id
  )`;

export type TextColumn = 'title' | 'automatic_title' | 'system_prompt' | 'metadata';

/** Where a text of a conversation is sealed to. */
export const conversationPlace = (conversationId: string, column: TextColumn): Place => ({
  table: 'conversations',
  row: conversationId,
  column,
});
