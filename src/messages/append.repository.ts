import { type Statement, statement, type Transaction } from '../platform/database.js';
import type { Instant } from '../platform/instant.js';
import { type QuotaStanding, quotaStanding } from '../usage/quota.js';
import type { Reservation } from '../usage/reservation.js';
import { addToUsageDays, today } from '../usage/usage-row.js';
import { switching } from './branch-switch.js';
import { endOfBranch } from './message.repository.js';
import { type MessageRow, messageColumns, type Role, type Status } from './message-row.js';
import type { MessageTerms } from './message-terms.js';

/** What stands where something is to be appended, read after the lock. */
export interface Surroundings {
  /** The answer being written on this conversation, and the run that writes it. */
  readonly running_id: string | null;
  readonly run_id: string | null;
  /** How many answers are being written for this owner, here and elsewhere. */
  readonly answers_running: number;
  /** How their quotas stand; null where that was not asked for. */
  readonly quota_standing: QuotaStanding | null;
  /** The wanted parent; all null where it is not in this conversation, or none is wanted. */
  readonly parent_id: string | null;
  readonly parent_position: number | null;
  readonly parent_segment: number | null;
  readonly parent_depth: number | null;
  /** Does no message of its segment follow it? */
  readonly parent_ends_segment: boolean | null;
  /** How many messages follow the wanted parent, or begin the conversation where that is wanted. */
  readonly alternatives: number;
}

/** Where something is to be appended: at the end of the visible branch, after a message, or as another beginning. */
export type AppendPlace =
  | { readonly kind: 'end' }
  | { readonly kind: 'after'; readonly parentId: string }
  | { readonly kind: 'beginning' };

const surroundingsStatement = statement(
  'messages.surroundings',
  `SELECT run.message_id AS running_id, run.run_id,
     (SELECT count(*)::integer FROM answer_runs WHERE owner_id = $1) AS answers_running,
     ${quotaStanding('$4::boolean')} AS quota_standing,
     parent.id AS parent_id, parent.position AS parent_position, parent.segment AS parent_segment,
     parent.depth AS parent_depth,
     NOT EXISTS (
       SELECT FROM messages AS next
       WHERE next.owner_id = $1 AND next.conversation_id = $2
         AND next.segment = parent.segment AND next.position > parent.position
     ) AS parent_ends_segment,
     CASE WHEN $5::boolean THEN (
       SELECT count(*)::integer FROM messages AS root
       WHERE root.owner_id = $1 AND root.conversation_id = $2 AND root.parent_id IS NULL
     ) ELSE (
       SELECT count(*)::integer FROM messages AS child
       WHERE child.owner_id = $1 AND child.conversation_id = $2 AND child.parent_id = parent.id
     ) END AS alternatives
   FROM (SELECT) AS one
   LEFT JOIN answer_runs AS run ON run.owner_id = $1 AND run.conversation_id = $2
   LEFT JOIN messages AS parent ON parent.owner_id = $1 AND parent.id = $3 AND parent.conversation_id = $2`,
);

export async function readSurroundings(
  tx: Transaction,
  ownerId: string,
  conversationId: string,
  place: AppendPlace,
  withQuotas = false,
): Promise<Surroundings> {
  const parentId = place.kind === 'after' ? place.parentId : null;
  const values = [ownerId, conversationId, parentId, withQuotas, place.kind === 'beginning'];
  const [row] = await tx.query<Surroundings>(surroundingsStatement, values);
  if (!row) throw new Error('A statement that gives one row gave none.');
  return row;
}

/** A message with its place, texts sealed. Instants null: now, by the database's clock. */
export interface PlacedMessage {
  readonly id: string;
  readonly parentId: string | null;
  readonly position: number;
  readonly depth: number;
  readonly role: Role;
  readonly status: Status;
  readonly sealedContent: Buffer | null;
  readonly sealedReasoning: Buffer | null;
  readonly sealedMetadata: Buffer | null;
  readonly sealedIdempotencyKey: Buffer | null;
  readonly model: string | null;
  readonly terms: MessageTerms | null;
  readonly tokenEstimate: number;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costMicroUsd: number | null;
  readonly latencyMs: number | null;
  readonly createdAt: Instant | null;
}

/** The one attempt to write an answer, as it begins. */
export interface NewRun {
  readonly messageId: string;
  readonly runId: string;
  readonly instance: string;
  /** What it holds back from the owner's quotas until it has ended. */
  readonly reserved: Reservation;
}

/** All that one append writes. */
export interface Writing {
  readonly ownerId: string;
  readonly conversationId: string;
  readonly revision: number;
  readonly segment: number;
  readonly messages: readonly PlacedMessage[];
  /** Where the visible branch moves: the segment to climb from, null for another root, and up to where it is visible. */
  readonly branch: { readonly from: number | null; readonly visibleTo: number } | null;
  /** The segment that begins here. */
  readonly opens: { readonly parentSegment: number | null; readonly forkPosition: number | null } | null;
  readonly run: NewRun | null;
  /** Do answers among the messages count as used by the owner, for this department (null: for none)? */
  readonly usage: { readonly department: string | null } | null;
  /** A title made of the first message; terms null where one of the person's own is shown. */
  readonly title: { readonly sealed: Buffer; readonly terms: readonly Buffer[] | null } | null;
}

const writing = (branch: string) => `
  WITH RECURSIVE ${branch}
  given AS (
    SELECT * FROM unnest(
      $6::uuid[], $7::uuid[], $8::integer[], $9::integer[], $10::text[], $11::text[], $12::bytea[], $13::bytea[],
      $14::bytea[], $15::bytea[], $16::text[], $17::integer[], $18::integer[], $19::integer[], $20::integer[],
      $21::integer[], $22::timestamptz[], $39::text[]
    ) AS given (
      id, parent_id, position, depth, role, status, sealed_content, sealed_reasoning,
      sealed_metadata, sealed_idempotency_key, model, token_estimate, prompt_tokens, completion_tokens, cost_micro_usd,
      latency_ms, created_at, terms
    )
  ), opened AS (
    INSERT INTO segments (owner_id, conversation_id, first_position, parent_segment, fork_position, visible_to)
    SELECT $1, $2, $4, $24, $25, ${endOfBranch} WHERE $23::boolean
  ), message AS (
    INSERT INTO messages (
      owner_id, id, conversation_id, parent_id, segment, position, depth, revision, role, status,
      sealed_content, sealed_reasoning, sealed_metadata, sealed_idempotency_key, model, token_estimate,
      prompt_tokens, completion_tokens, cost_micro_usd, latency_ms, terms, created_at, completed_at)
    SELECT $1, id, $2, parent_id, $4, position, depth, $3, role, status,
      sealed_content, sealed_reasoning, sealed_metadata, sealed_idempotency_key, model, token_estimate,
      prompt_tokens, completion_tokens, cost_micro_usd, latency_ms, terms::bigint[],
      coalesce(created_at, clock_timestamp()),
      CASE WHEN status <> 'STREAMING' THEN coalesce(created_at, clock_timestamp()) END
    FROM given
    RETURNING *
  ), run AS (
    INSERT INTO answer_runs (owner_id, message_id, conversation_id, run_id, instance, lease_until, cancel_requested,
      chunks, durable_content, durable_reasoning, department, reserved_prompt_tokens, reserved_completion_tokens,
      reserved_prompt_micro_usd, reserved_completion_micro_usd)
    SELECT $1, $26, $2, $27, $28, now() + interval '10 s', false, 0, 0, 0, $34::text, $35::integer, $36::integer,
      $37::integer, $38::integer
    WHERE $26::uuid IS NOT NULL
  ), used AS (
    SELECT coalesce(model, '') AS model, count(*) AS answers, coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
      coalesce(sum(completion_tokens), 0) AS completion_tokens, coalesce(sum(cost_micro_usd), 0) AS cost_micro_usd,
      count(*) FILTER (
        WHERE prompt_tokens IS NULL OR completion_tokens IS NULL OR cost_micro_usd IS NULL
      ) AS unreported_answers
    FROM given WHERE $33::boolean AND role = 'ASSISTANT' AND status <> 'STREAMING'
    GROUP BY 1
  ), header AS (
    UPDATE conversations
    SET revision = $3,
      branch_revision = CASE WHEN $5::boolean THEN $3 ELSE branch_revision END,
      last_position = (SELECT max(position) FROM given),
      leaf_id = (SELECT id FROM given ORDER BY position DESC LIMIT 1),
      leaf_position = (SELECT max(position) FROM given),
      leaf_segment = $4,
      message_count = (SELECT max(depth) FROM given),
      archived = false,
      used_answers = used_answers + (SELECT coalesce(sum(used.answers), 0) FROM used),
      used_prompt_tokens = used_prompt_tokens + (SELECT coalesce(sum(used.prompt_tokens), 0) FROM used),
      used_completion_tokens = used_completion_tokens + (SELECT coalesce(sum(used.completion_tokens), 0) FROM used),
      used_cost_micro_usd = used_cost_micro_usd + (SELECT coalesce(sum(used.cost_micro_usd), 0) FROM used),
      unreported_answers = unreported_answers + (SELECT coalesce(sum(used.unreported_answers), 0) FROM used),
      token_estimate = token_estimate + (SELECT sum(given.token_estimate) FROM given),
      sealed_automatic_title = coalesce($29::bytea, sealed_automatic_title),
      updated_at = clock_timestamp()
    WHERE owner_id = $1 AND id = $2
  ), titled AS (
    INSERT INTO conversation_titles (owner_id, conversation_id, terms)
    SELECT $1, $2, $32::bytea[] WHERE $32::bytea[] IS NOT NULL
    ON CONFLICT (owner_id, conversation_id) DO UPDATE SET terms = excluded.terms
  ), usage_of_days AS (
    ${addToUsageDays(`
    SELECT $1, ${today}, model, coalesce($34::text, ''), answers, prompt_tokens, completion_tokens, cost_micro_usd,
      unreported_answers, 0, 0
    FROM used ORDER BY model`)}
  )
  SELECT ${messageColumns}
  FROM message CROSS JOIN (SELECT ${endOfBranch} AS visible_to) AS segment
  ORDER BY message.position`;

const noBranch = 'unused AS (SELECT $30::integer, $31::integer),';
const writeStatement = statement('messages.append', writing(noBranch));
const writeElsewhereStatement = statement('messages.appendElsewhere', writing(`${switching('$30', '$31')},`));

/** Everything that an append changes, in one statement; gives the new messages as they stand. */
export function write(tx: Transaction, writing: Writing): Promise<MessageRow[]> {
  const chosen: Statement = writing.branch ? writeElsewhereStatement : writeStatement;
  const all = <T>(pick: (message: PlacedMessage) => T) => writing.messages.map(pick);
  return tx.query<MessageRow>(chosen, [
    writing.ownerId,
    writing.conversationId,
    writing.revision,
    writing.segment,
    writing.branch !== null,
    all((message) => message.id),
    all((message) => message.parentId),
    all((message) => message.position),
    all((message) => message.depth),
    all((message) => message.role),
    all((message) => message.status),
    all((message) => message.sealedContent),
    all((message) => message.sealedReasoning),
    all((message) => message.sealedMetadata),
    all((message) => message.sealedIdempotencyKey),
    all((message) => message.model),
    all((message) => message.tokenEstimate),
    all((message) => message.promptTokens),
    all((message) => message.completionTokens),
    all((message) => message.costMicroUsd),
    all((message) => message.latencyMs),
    all((message) => message.createdAt),
    writing.opens !== null,
    writing.opens?.parentSegment ?? null,
    writing.opens?.forkPosition ?? null,
    writing.run?.messageId ?? null,
    writing.run?.runId ?? null,
    writing.run?.instance ?? null,
    writing.title?.sealed ?? null,
    writing.branch?.from ?? null,
    writing.branch?.visibleTo ?? null,
    writing.title?.terms ?? null,
    writing.usage !== null,
    writing.usage?.department ?? null,
    writing.run?.reserved.promptTokens ?? null,
    writing.run?.reserved.completionTokens ?? null,
    writing.run?.reserved.promptMicroUsd ?? null,
    writing.run?.reserved.completionMicroUsd ?? null,
    all((message) => message.terms && `{${message.terms.join(',')}}`),
  ]);
}
