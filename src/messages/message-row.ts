import type { Instant } from '../platform/instant.js';

export type Role = 'SYSTEM' | 'USER' | 'ASSISTANT' | 'TOOL';
export type Status = 'STREAMING' | 'COMPLETE' | 'CANCELLED' | 'INTERRUPTED' | 'FAILED';
export type RatingValue = 'UP' | 'DOWN';

/** A message as the database gives it: texts sealed, in base64; of a running answer its checkpoints beside it. */
export interface MessageRow {
  readonly id: string;
  readonly conversation_id: string;
  readonly parent_id: string | null;
  readonly segment: number;
  readonly position: number;
  readonly depth: number;
  readonly revision: number;
  readonly role: Role;
  readonly status: Status;
  readonly content: string | null;
  readonly reasoning: string | null;
  readonly metadata: string | null;
  readonly idempotency_key: string | null;
  readonly model: string | null;
  readonly finish_reason: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly error_retryable: boolean | null;
  readonly prompt_tokens: number | null;
  readonly completion_tokens: number | null;
  readonly cost_micro_usd: number | null;
  readonly first_token_ms: number | null;
  readonly latency_ms: number | null;
  readonly rating: RatingValue | null;
  readonly rating_comment: string | null;
  readonly visible: boolean;
  readonly created_at: Instant;
  readonly completed_at: Instant | null;
  readonly erased_at: Instant | null;
  /** Checkpoints in their order, for a message that is STREAMING; null otherwise. */
  readonly chunks: readonly ChunkRow[] | null;
}

export interface ChunkRow {
  readonly content_offset: number;
  readonly reasoning_offset: number;
  readonly sealed: string;
}

/** ChunkRows in their order, as JSON; the name `chunk` must be in scope. */
export const chunkRows = `coalesce(json_agg(json_build_object(
    'content_offset', chunk.content_offset,
    'reasoning_offset', chunk.reasoning_offset,
    'sealed', encode(chunk.sealed, 'base64')) ORDER BY chunk.number), '[]')`;

/**
 * The columns of a MessageRow. A running answer's checkpoints are read by the same statement as its status, since two
 * statements could see two lengths of it, or an answer with neither checkpoints nor its final text. The names
 * `message` and `segment` must be in scope; the subquery runs for running answers only.
 */
export const messageColumns = `
  message.id, message.conversation_id, message.parent_id, message.segment, message.position, message.depth,
  message.revision, message.role, message.status,
  encode(message.sealed_content, 'base64') AS content,
  encode(message.sealed_reasoning, 'base64') AS reasoning,
  encode(message.sealed_metadata, 'base64') AS metadata,
  encode(message.sealed_idempotency_key, 'base64') AS idempotency_key,
  message.model, message.finish_reason, message.error_code, message.error_message, message.error_retryable,
  message.prompt_tokens, message.completion_tokens, message.cost_micro_usd, message.first_token_ms, message.latency_ms,
  message.rating, encode(message.sealed_rating_comment, 'base64') AS rating_comment,
  coalesce(segment.visible_to >= message.position, false) AS visible,
  message.created_at, message.completed_at, message.erased_at,
  CASE WHEN message.status = 'STREAMING' THEN (
    SELECT ${chunkRows}
    FROM answer_chunks AS chunk
    WHERE chunk.owner_id = message.owner_id AND chunk.message_id = message.id
  ) END AS chunks`;

/** The conversation and the segment that a message stands in; the name `message` must be in scope. */
export const messageSurroundings = `
  JOIN conversations AS conversation
    ON conversation.owner_id = message.owner_id AND conversation.id = message.conversation_id
  JOIN segments AS segment
    ON segment.owner_id = message.owner_id AND segment.conversation_id = message.conversation_id
    AND segment.first_position = message.segment`;
