import { isThere } from '../conversations/conversation-row.js';
import { type Querier, statement } from '../platform/database.js';

/** What a model makes a title from: the first words that were exchanged, sealed, in base64. */
export interface TitleSource {
  readonly automatic_title: string;
  readonly question_id: string;
  readonly question: string;
  readonly answer_id: string;
  readonly answer: string;
}

const sourceStatement = statement(
  'titles.source',
  `SELECT encode(conversation.sealed_automatic_title, 'base64') AS automatic_title,
     question.id AS question_id, encode(question.sealed_content, 'base64') AS question,
     answer.id AS answer_id, encode(answer.sealed_content, 'base64') AS answer
   FROM conversations AS conversation
   JOIN messages AS answer
     ON answer.owner_id = conversation.owner_id AND answer.id = $3 AND answer.conversation_id = conversation.id
   JOIN messages AS question ON question.owner_id = answer.owner_id AND question.id = answer.parent_id
   WHERE conversation.owner_id = $1 AND conversation.id = $2 AND ${isThere('conversation')}
     AND conversation.sealed_title IS NULL AND NOT conversation.titled_by_model
     AND conversation.sealed_automatic_title IS NOT NULL
     AND question.sealed_content IS NOT NULL AND answer.sealed_content IS NOT NULL`,
);

/** Null where there is a title of the person's own, or one that a model made, or nothing to make one from. */
export async function findTitleSource(
  querier: Querier,
  ownerId: string,
  conversationId: string,
  answerId: string,
): Promise<TitleSource | null> {
  const [row] = await querier.query<TitleSource>(sourceStatement, [ownerId, conversationId, answerId]);
  return row ?? null;
}

// In one statement, so that a title of the person's own, or an erasure of what the source was, comes before or after it
// and never between. It takes a revision and leaves updated_at, which messages move.
const writeStatement = statement(
  'titles.write',
  `WITH owner AS (
     SELECT id FROM users WHERE id = $1 AND erasing_at IS NULL FOR KEY SHARE
   ), header AS (
     UPDATE conversations
     SET sealed_automatic_title = $3, titled_by_model = true, title_answer_id = $6, revision = revision + 1
     WHERE owner_id = $1 AND id = $2 AND ${isThere('conversations')}
       AND NOT titled_by_model AND sealed_automatic_title = $4
       AND EXISTS (SELECT FROM owner)
     RETURNING sealed_title
   ), terms AS (
     INSERT INTO conversation_titles (owner_id, conversation_id, terms)
     SELECT $1, $2, $5::bytea[] FROM header WHERE sealed_title IS NULL
     ON CONFLICT (owner_id, conversation_id) DO UPDATE SET terms = excluded.terms
   )
   SELECT sealed_title IS NULL AS shown FROM header`,
);

export interface TitleWriting {
  readonly ownerId: string;
  readonly conversationId: string;
  /** The answer that it was made of. */
  readonly answerId: string;
  readonly sealed: Buffer;
  readonly terms: readonly Buffer[];
  /** The automatic title as it was when the model was asked: where it is another by now, nothing is written. */
  readonly instead: Buffer;
}

/** Makes it the automatic title; false where that is not wanted any more. */
export async function writeTitle(querier: Querier, writing: TitleWriting): Promise<boolean> {
  const { ownerId, conversationId, answerId, sealed, terms, instead } = writing;
  const values = [ownerId, conversationId, sealed, instead, terms, answerId];
  return (await querier.query(writeStatement, values)).length > 0;
}
