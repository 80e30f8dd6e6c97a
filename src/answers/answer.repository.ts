import { isThere } from '../conversations/conversation-row.js';
import { type ChunkRow, chunkRows, type MessageRow, messageColumns, type Status } from '../messages/message-row.js';
import type { MessageTerms } from '../messages/message-terms.js';
import type { Offsets } from '../messages/message-texts.js';
import { type Querier, statement, type Transaction } from '../platform/database.js';
import type { Instant } from '../platform/instant.js';
import type { EndedRun, Estimate } from '../usage/reservation.js';
import { addToUsageDays, type EndedRunRow, endedRunColumns, endedRunOf } from '../usage/usage-row.js';

/** Names a run: nobody else's run of the same answer is meant. */
export interface RunKey {
  readonly ownerId: string;
  readonly conversationId: string;
  readonly messageId: string;
  readonly runId: string;
}

/** What a checkpoint says of one run; `sealed` null where there is no new text and only the lease is renewed. */
export interface Checkpoint {
  readonly run: RunKey;
  readonly from: Offsets;
  readonly to: Offsets;
  readonly sealed: Buffer | null;
}

export interface CheckpointResult {
  readonly message_id: string;
  readonly cancel_requested: boolean;
}

// The update locks the row of the run and is the fence: a writer whose run was settled, or whose durable ends moved,
// changes nothing. An INSERT … SELECT … WHERE alone would leave an orphan beside an uncommitted delete. A row that
// somebody holds is passed over: all other runs would wait with it, and their leases run out.
const checkpointStatement = statement(
  'runs.checkpoint',
  `WITH given AS (
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::integer[],
       $7::integer[], $8::bytea[])
     AS given (owner_id, message_id, run_id, from_content, from_reasoning, to_content, to_reasoning, sealed)
   ), free AS (
     SELECT given.* FROM given
     JOIN answer_runs AS run ON run.owner_id = given.owner_id AND run.message_id = given.message_id
     FOR UPDATE OF run SKIP LOCKED
   ), fenced AS (
     UPDATE answer_runs AS run
     SET lease_until = clock_timestamp() + interval '10 s', suspect_since = NULL,
       chunks = run.chunks + (given.sealed IS NOT NULL)::integer,
       durable_content = given.to_content, durable_reasoning = given.to_reasoning
     FROM free AS given
     WHERE run.owner_id = given.owner_id AND run.message_id = given.message_id AND run.run_id = given.run_id
       AND run.durable_content = given.from_content AND run.durable_reasoning = given.from_reasoning
     RETURNING run.owner_id, run.message_id, run.chunks, run.cancel_requested,
       given.from_content, given.from_reasoning, given.sealed
   ), written AS (
     INSERT INTO answer_chunks (owner_id, message_id, number, content_offset, reasoning_offset, sealed)
     SELECT owner_id, message_id, chunks, from_content, from_reasoning, sealed FROM fenced WHERE sealed IS NOT NULL
   )
   SELECT message_id, cancel_requested FROM fenced`,
);

/** Makes new text durable and renews leases, for many runs in one statement. A run that gives no row was not written. */
export function checkpoint(querier: Querier, checkpoints: readonly Checkpoint[]): Promise<CheckpointResult[]> {
  const all = <T>(pick: (checkpoint: Checkpoint) => T) => checkpoints.map(pick);
  return querier.query<CheckpointResult>(checkpointStatement, [
    all(({ run }) => run.ownerId),
    all(({ run }) => run.messageId),
    all(({ run }) => run.runId),
    all(({ from }) => from.content),
    all(({ from }) => from.reasoning),
    all(({ to }) => to.content),
    all(({ to }) => to.reasoning),
    all(({ sealed }) => sealed),
  ]);
}

const durableEndsStatement = statement(
  'runs.durableEnds',
  `SELECT durable_content AS content, durable_reasoning AS reasoning FROM answer_runs
   WHERE owner_id = $1 AND message_id = $2 AND run_id = $3`,
);

/** How far the database has the text; null where the run is not ours any more. */
export async function findDurableEnds(querier: Querier, run: RunKey): Promise<Offsets | null> {
  const [row] = await querier.query<Offsets>(durableEndsStatement, [run.ownerId, run.messageId, run.runId]);
  return row ?? null;
}

export interface Progress {
  readonly status: Status;
  readonly chunks: readonly ChunkRow[];
  /** Has the lease run out? */
  readonly expired: boolean;
}

// Status and checkpoints in one statement, beginning with the checkpoint that holds the reader's own end.
const progressStatement = statement(
  'answers.progress',
  `SELECT message.status,
     coalesce((SELECT run.lease_until < now() FROM answer_runs AS run
       WHERE run.owner_id = message.owner_id AND run.message_id = message.id), false) AS expired,
     (SELECT ${chunkRows}
      FROM answer_chunks AS chunk
      WHERE chunk.owner_id = $1 AND chunk.message_id = $2 AND chunk.number >= coalesce((
        SELECT holding.number FROM answer_chunks AS holding
        WHERE holding.owner_id = $1 AND holding.message_id = $2
          AND holding.content_offset <= $3 AND holding.reasoning_offset <= $4
        ORDER BY holding.number DESC LIMIT 1), 0)) AS chunks
   FROM messages AS message
   JOIN conversations AS conversation
     ON conversation.owner_id = message.owner_id AND conversation.id = message.conversation_id
   WHERE message.owner_id = $1 AND message.id = $2 AND ${isThere('conversation')}`,
);

/** How far an answer is, from `end` on; null where it is not there. */
export async function findProgress(
  querier: Querier,
  ownerId: string,
  messageId: string,
  end: Offsets,
): Promise<Progress | null> {
  const [row] = await querier.query<Progress>(progressStatement, [ownerId, messageId, end.content, end.reasoning]);
  return row ?? null;
}

const requestCancelStatement = statement(
  'runs.requestCancel',
  'UPDATE answer_runs SET cancel_requested = true WHERE owner_id = $1 AND message_id = $2 RETURNING message_id',
);

/** Asks the writer, wherever it is, to stop; false where nobody writes. */
export async function requestCancel(querier: Querier, ownerId: string, messageId: string): Promise<boolean> {
  return (await querier.query(requestCancelStatement, [ownerId, messageId])).length > 0;
}

const takeStatement = statement(
  'runs.take',
  `DELETE FROM answer_runs AS run
   WHERE owner_id = $1 AND message_id = $2 AND run_id = $3
     AND (NOT $4::boolean OR (lease_until < clock_timestamp() AND suspect_since < clock_timestamp() - interval '5 s'))
   RETURNING ${endedRunColumns}`,
);

/**
 * Ends the run, so that nobody else can; null where it is not there any more. With `onlyLost`, only where nobody has
 * renewed its lease for long enough.
 */
export async function takeRun(tx: Transaction, run: RunKey, onlyLost: boolean): Promise<EndedRun | null> {
  const [row] = await tx.query<EndedRunRow>(takeStatement, [run.ownerId, run.messageId, run.runId, onlyLost]);
  return row ? endedRunOf(row) : null;
}

const chunksStatement = statement(
  'answers.chunks',
  `SELECT content_offset, reasoning_offset, encode(sealed, 'base64') AS sealed FROM answer_chunks
   WHERE owner_id = $1 AND message_id = $2 ORDER BY number`,
);

export function findChunks(querier: Querier, ownerId: string, messageId: string): Promise<ChunkRow[]> {
  return querier.query<ChunkRow>(chunksStatement, [ownerId, messageId]);
}

/** The final state of an answer, texts sealed. */
export interface FinalState {
  readonly status: Exclude<Status, 'STREAMING'>;
  readonly sealedContent: Buffer | null;
  readonly sealedReasoning: Buffer | null;
  readonly terms: MessageTerms | null;
  readonly tokenEstimate: number;
  readonly finishReason: string | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly errorRetryable: boolean | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costMicroUsd: number | null;
  readonly firstTokenMs: number | null;
  readonly latencyMs: number | null;
  /** Whom it is counted for in usage, beside the owner. */
  readonly department: string | null;
  /** What it counts in quotas beside what is known. */
  readonly estimate: Estimate;
}

const finishStatement = statement(
  'answers.finish',
  `WITH header AS (
     UPDATE conversations SET revision = revision + 1, updated_at = clock_timestamp(),
       used_answers = used_answers + 1,
       used_prompt_tokens = used_prompt_tokens + coalesce($12::integer, 0),
       used_completion_tokens = used_completion_tokens + coalesce($13::integer, 0),
       used_cost_micro_usd = used_cost_micro_usd + coalesce($14::integer, 0),
       unreported_answers = unreported_answers + ($12 IS NULL OR $13 IS NULL OR $14 IS NULL)::integer,
       token_estimate = token_estimate + $7
     WHERE owner_id = $1 AND id = $2
     RETURNING revision
   ), message AS (
     UPDATE messages
     SET status = $4, sealed_content = $5, sealed_reasoning = $6, token_estimate = $7, finish_reason = $8,
       error_code = $9, error_message = $10, error_retryable = $11, prompt_tokens = $12, completion_tokens = $13,
       cost_micro_usd = $14, first_token_ms = $15, latency_ms = $16,
       terms = $20, completed_at = clock_timestamp(), revision = (SELECT revision FROM header)
     WHERE owner_id = $1 AND id = $3 AND status = 'STREAMING'
     RETURNING *
   ), chunks AS (
     DELETE FROM answer_chunks WHERE owner_id = $1 AND message_id = $3
   ), used AS (
     ${addToUsageDays(`
     SELECT $1, (completed_at AT TIME ZONE 'UTC')::date, coalesce(model, ''), coalesce($17::text, ''), 1,
       coalesce($12, 0), coalesce($13, 0), coalesce($14, 0), ($12 IS NULL OR $13 IS NULL OR $14 IS NULL)::integer,
       $18::bigint, $19::bigint
     FROM message`)}
   )
   SELECT ${messageColumns}
   FROM message
   JOIN segments AS segment
     ON segment.owner_id = $1 AND segment.conversation_id = $2 AND segment.first_position = message.segment`,
);

/** Writes the final state, deletes the checkpoints, counts what was used, takes the next revision; gives the message as it stands. */
export async function finish(tx: Transaction, run: RunKey, state: FinalState): Promise<MessageRow | null> {
  const [row] = await tx.query<MessageRow>(finishStatement, [
    run.ownerId,
    run.conversationId,
    run.messageId,
    state.status,
    state.sealedContent,
    state.sealedReasoning,
    state.tokenEstimate,
    state.finishReason,
    state.errorCode,
    state.errorMessage,
    state.errorRetryable,
    state.promptTokens,
    state.completionTokens,
    state.costMicroUsd,
    state.firstTokenMs,
    state.latencyMs,
    state.department,
    state.estimate.tokens,
    state.estimate.costMicroUsd,
    state.terms,
  ]);
  return row ?? null;
}

/** How many lost runs are seen to at a time. */
export const lostAtATime = 100;
const noId = '00000000-0000-0000-0000-000000000000';

// now() and not clock_timestamp(), which changes while a statement runs: no index finds what is less than that.
const suspectStatement = statement(
  'runs.suspect',
  `UPDATE answer_runs AS run SET suspect_since = clock_timestamp()
   FROM (
     SELECT owner_id, message_id FROM answer_runs
     WHERE lease_until < now() AND suspect_since IS NULL
     ORDER BY lease_until LIMIT ${lostAtATime} FOR UPDATE SKIP LOCKED
   ) AS expired
   WHERE run.owner_id = expired.owner_id AND run.message_id = expired.message_id
   RETURNING run.message_id`,
);

const lostStatement = statement(
  'runs.lost',
  `SELECT owner_id AS "ownerId", conversation_id AS "conversationId", message_id AS "messageId", run_id AS "runId",
     lease_until AS "leaseUntil"
   FROM answer_runs
   WHERE lease_until < now() AND suspect_since < now() - interval '5 s' AND (lease_until, message_id) > ($1, $2)
   ORDER BY lease_until, message_id LIMIT ${lostAtATime}`,
);

/** Marks some of the runs whose lease is seen expired for the first time; false where there may be more of them. */
export async function suspectExpired(querier: Querier): Promise<boolean> {
  return (await querier.query(suspectStatement, [])).length < lostAtATime;
}

export interface LostRun extends RunKey {
  readonly leaseUntil: Instant;
}

/**
 * Runs that nobody has renewed for five seconds since they were seen expired, a hundred at most. Those that follow
 * `last`: what cannot be settled must not stand before the others for ever.
 */
export function findLost(querier: Querier, last: LostRun | null): Promise<LostRun[]> {
  return querier.query<LostRun>(lostStatement, [last?.leaseUntil ?? '-infinity', last?.messageId ?? noId]);
}
