import { type Querier, statement, type Transaction } from '../platform/database.js';
import { type MessageRow, messageColumns } from './message-row.js';

/** The automatic title of a conversation beside a message that is to be erased; texts sealed, in base64. */
export interface TitleStanding {
  readonly automatic_title: string | null;
  readonly titled_by_model: boolean;
  /** Did the model make the title of this message? */
  readonly model_read_it: boolean;
  /** The first words of the person: an automatic title that no model made is made of them. */
  readonly first_id: string | null;
  /** The first words of the person in any other message. */
  readonly next_id: string | null;
  readonly next: string | null;
}

const titleStandingStatement = statement(
  'titles.standing',
  `SELECT encode(conversation.sealed_automatic_title, 'base64') AS automatic_title, conversation.titled_by_model,
     conversation.titled_by_model AND ($3 = conversation.title_answer_id OR $3 = (
       SELECT answer.parent_id FROM messages AS answer
       WHERE answer.owner_id = $1 AND answer.id = conversation.title_answer_id
     )) IS NOT FALSE AS model_read_it,
     (SELECT question.id FROM messages AS question
      WHERE question.owner_id = $1 AND question.conversation_id = $2
        AND question.role = 'USER' AND question.sealed_content IS NOT NULL
      ORDER BY question.position LIMIT 1) AS first_id,
     next.id AS next_id, encode(next.sealed_content, 'base64') AS next
   FROM conversations AS conversation
   LEFT JOIN LATERAL (
     SELECT question.id, question.sealed_content FROM messages AS question
     WHERE question.owner_id = $1 AND question.conversation_id = $2
       AND question.role = 'USER' AND question.sealed_content IS NOT NULL AND question.id <> $3
     ORDER BY question.position LIMIT 1
   ) AS next ON true
   WHERE conversation.owner_id = $1 AND conversation.id = $2`,
);

export async function findTitleStanding(
  querier: Querier,
  ownerId: string,
  message: Pick<MessageRow, 'id' | 'conversation_id'>,
): Promise<TitleStanding | null> {
  const values = [ownerId, message.conversation_id, message.id];
  const [row] = await querier.query<TitleStanding>(titleStandingStatement, values);
  return row ?? null;
}

/** The automatic title after an erasure: no model has made it. Terms null: what it is found by stays. */
export interface ErasedTitle {
  readonly sealed: Buffer | null;
  readonly terms: readonly Buffer[] | null;
}

const eraseStatement = statement(
  'messages.erase',
  `WITH erased AS (
     SELECT message.token_estimate FROM messages AS message WHERE message.owner_id = $1 AND message.id = $3
   ), header AS (
     UPDATE conversations
     SET revision = revision + 1,
       token_estimate = token_estimate - (SELECT erased.token_estimate FROM erased),
       sealed_automatic_title = CASE WHEN $4::boolean THEN $5::bytea ELSE sealed_automatic_title END,
       titled_by_model = titled_by_model AND NOT $4,
       title_answer_id = CASE WHEN NOT $4 THEN title_answer_id END
     WHERE owner_id = $1 AND id = $2
     RETURNING revision
   ), titled AS (
     UPDATE conversation_titles SET terms = $6::bytea[]
     WHERE owner_id = $1 AND conversation_id = $2 AND $6::bytea[] IS NOT NULL
   ), message AS (
     UPDATE messages
     SET sealed_content = NULL, sealed_reasoning = NULL, sealed_metadata = NULL, terms = NULL, token_estimate = 0,
       erased_at = clock_timestamp(), revision = (SELECT revision FROM header)
     WHERE owner_id = $1 AND id = $3
     RETURNING *
   )
   SELECT ${messageColumns}
   FROM message
   JOIN segments AS segment
     ON segment.owner_id = $1 AND segment.conversation_id = $2 AND segment.first_position = message.segment`,
);

/**
 * Takes a final message's texts away and leaves its place; `title` null where the conversation's stays. Takes one
 * revision, and leaves updated_at. Needs the conversation's lock.
 */
export async function eraseMessage(
  tx: Transaction,
  ownerId: string,
  message: Pick<MessageRow, 'id' | 'conversation_id'>,
  title: ErasedTitle | null,
): Promise<MessageRow> {
  const [row] = await tx.query<MessageRow>(eraseStatement, [
    ownerId,
    message.conversation_id,
    message.id,
    title !== null,
    title?.sealed ?? null,
    title?.terms ?? null,
  ]);
  if (!row) throw new Error('A message that was there could not be erased.');
  return row;
}
