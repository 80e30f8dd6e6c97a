import { isListed, isThere } from '../conversations/conversation-row.js';
import { type MessageRow, messageColumns, messageSurroundings } from '../messages/message-row.js';
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
   ${messageSurroundings}
   WHERE message.owner_id = $1 AND message.conversation_id = $2 AND ${isThere('conversation')}
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

// A revision only grows, and every change takes one: two lists with the same digest are the same.
const digestsStatement = statement(
  'conversations.listDigests',
  `SELECT conversation.owner_id, count(*)::integer AS count,
     sum(uuid_hash_extended(conversation.id, conversation.revision))::text AS digest
   FROM conversations AS conversation
   WHERE conversation.owner_id = ANY ($1::uuid[]) AND ${isListed('conversation')}
   GROUP BY conversation.owner_id`,
);

export interface ListDigestRow {
  readonly owner_id: string;
  readonly count: number;
  readonly digest: string;
}

/** What says whether anything changed in these people's lists, in one statement; no row for an empty one. */
export function findListDigests(querier: Querier, ownerIds: readonly string[]): Promise<ListDigestRow[]> {
  return querier.query<ListDigestRow>(digestsStatement, [ownerIds]);
}

const listRevisionsStatement = statement(
  'conversations.listRevisions',
  `SELECT conversation.owner_id, conversation.id, conversation.revision
   FROM conversations AS conversation
   WHERE conversation.owner_id = ANY ($1::uuid[]) AND ${isListed('conversation')}`,
);

/** All that stands in these people's lists, in one statement. */
export function findListRevisions(
  querier: Querier,
  ownerIds: readonly string[],
): Promise<{ readonly owner_id: string; readonly id: string; readonly revision: number }[]> {
  return querier.query(listRevisionsStatement, [ownerIds]);
}
