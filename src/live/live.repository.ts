import { isListed, isThere } from '../conversations/conversation-row.js';
import { type MessageRow, messageColumns } from '../messages/message-row.js';
import { type Querier, statement } from '../platform/database.js';

/** How far a reader is: everything up to this place of this revision is known. */
export interface Seen {
  readonly revision: number;
  readonly position: number;
}

const changedStatement = statement(
  'messages.changed',
  `SELECT ${messageColumns}
   FROM messages AS message
   JOIN segments AS segment
     ON segment.owner_id = message.owner_id AND segment.conversation_id = message.conversation_id
     AND segment.first_position = message.segment
   WHERE message.owner_id = $1 AND message.conversation_id = $2
     AND (message.revision, message.position) > ($3, $4) AND message.revision <= $5
   ORDER BY message.revision, message.position
   LIMIT $6`,
);

/** The messages that changed after `seen`, up to a revision, in the order of their changes. */
export function findChangedMessages(
  querier: Querier,
  place: { readonly ownerId: string; readonly conversationId: string },
  seen: Seen,
  upTo: number,
  limit: number,
): Promise<MessageRow[]> {
  const { ownerId, conversationId } = place;
  return querier.query<MessageRow>(changedStatement, [
    ownerId,
    conversationId,
    seen.revision,
    seen.position,
    upTo,
    limit,
  ]);
}

export interface RevisionRow {
  readonly id: string;
  /** Null: it is not there any more. */
  readonly revision: number | null;
}

const revisionsStatement = statement(
  'conversations.revisions',
  `SELECT wanted.id, conversation.revision
   FROM unnest($1::uuid[], $2::uuid[]) AS wanted (owner_id, id)
   LEFT JOIN conversations AS conversation
     ON conversation.owner_id = wanted.owner_id AND conversation.id = wanted.id AND ${isThere('conversation')}`,
);

/** The revisions of these conversations now, in one statement however many owners they have. */
export function findRevisions(
  querier: Querier,
  wanted: readonly { readonly ownerId: string; readonly conversationId: string }[],
): Promise<RevisionRow[]> {
  const ownerIds = wanted.map(({ ownerId }) => ownerId);
  const conversationIds = wanted.map(({ conversationId }) => conversationId);
  return querier.query<RevisionRow>(revisionsStatement, [ownerIds, conversationIds]);
}

const recentStatement = statement(
  'conversations.recentRevisions',
  `SELECT owner.id AS owner_id, recent.id, recent.revision
   FROM unnest($1::uuid[]) AS owner (id)
   CROSS JOIN unnest(ARRAY[false, true]) AS wanted (archived)
   CROSS JOIN LATERAL (
     SELECT conversation.id, conversation.revision FROM conversations AS conversation
     WHERE conversation.owner_id = owner.id AND conversation.archived = wanted.archived
       AND ${isListed('conversation')}
     ORDER BY conversation.updated_at DESC, conversation.id DESC
     LIMIT 100
   ) AS recent`,
);

/** What stands at the top of these people's lists, in one statement. */
export function findRecentRevisions(
  querier: Querier,
  ownerIds: readonly string[],
): Promise<{ readonly owner_id: string; readonly id: string; readonly revision: number }[]> {
  return querier.query(recentStatement, [ownerIds]);
}
