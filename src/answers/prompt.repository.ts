import type { Role } from '../messages/message-row.js';
import { type Querier, statement } from '../platform/database.js';

/** A message that leads to an answer, its content sealed, in base64. */
export interface AncestorRow {
  readonly id: string;
  readonly role: Role;
  readonly position: number;
  readonly content: string;
  readonly token_estimate: number;
}

/** Where an answer stands in its tree. */
export interface AnswerPlace {
  readonly ownerId: string;
  readonly conversationId: string;
  readonly segment: number;
  readonly position: number;
}

// By ancestry and not by what is visible: another device may select another branch meanwhile. The recursion goes up only
// as far as the page reaches; LIMIT makes each of its steps a look-up of its own.
const ancestorsStatement = statement(
  'messages.ancestors',
  `WITH RECURSIVE path AS (
     SELECT first_position, parent_segment, fork_position, $4::integer - 1 AS upto
     FROM segments WHERE owner_id = $1 AND conversation_id = $2 AND first_position = $3
     UNION ALL
     SELECT above.first_position, above.parent_segment, above.fork_position, path.fork_position
     FROM path
     CROSS JOIN LATERAL (
       SELECT first_position, parent_segment, fork_position FROM segments
       WHERE owner_id = $1 AND conversation_id = $2 AND first_position = path.parent_segment
       LIMIT 1
     ) AS above
   )
   SELECT part.* FROM path CROSS JOIN LATERAL (
     SELECT message.id, message.role, message.position, encode(message.sealed_content, 'base64') AS content,
       message.token_estimate
     FROM messages AS message
     WHERE message.owner_id = $1 AND message.conversation_id = $2 AND message.segment = path.first_position
       AND message.position <= least(path.upto, $5::integer - 1)
       AND message.role <> 'TOOL' AND message.sealed_content IS NOT NULL
     ORDER BY message.position DESC LIMIT $6
   ) AS part
   LIMIT $6`,
);

/** The newest `limit` messages before the position `before` that lead to an answer, in no order; without TOOL and erased ones. */
export function findAncestors(
  querier: Querier,
  { ownerId, conversationId, segment, position }: AnswerPlace,
  before: number,
  limit: number,
): Promise<AncestorRow[]> {
  const values = [ownerId, conversationId, segment, position, before, limit];
  return querier.query<AncestorRow>(ancestorsStatement, values);
}
