import { isThere } from '../conversations/conversation-row.js';
import { type Querier, statement } from '../platform/database.js';
import { type MessageRow, messageColumns, messageSurroundings } from './message-row.js';

/** A position beyond all positions: `before` of a page that ends at the newest message, and `visible_to` of an open segment. */
export const endOfBranch = 2_147_483_647;

const byIdsStatement = statement(
  'messages.byIds',
  `SELECT ${messageColumns}
   FROM messages AS message
   ${messageSurroundings}
   WHERE message.owner_id = $1 AND message.id = ANY ($2::uuid[]) AND ${isThere('conversation')}`,
);

/** The owner's messages with these ids, in no order; what is not there, deleted or somebody else's is left out. */
export function findMessages(querier: Querier, ownerId: string, ids: readonly string[]): Promise<MessageRow[]> {
  return querier.query<MessageRow>(byIdsStatement, [ownerId, ids]);
}

export async function findMessage(querier: Querier, ownerId: string, id: string): Promise<MessageRow | null> {
  const [row] = await findMessages(querier, ownerId, [id]);
  return row ?? null;
}

/** A place in the tree at which messages are alternatives of one another; null: the beginning of a conversation. */
export interface Fork {
  readonly conversationId: string;
  readonly parentId: string | null;
}

const siblingsStatement = statement(
  'messages.siblings',
  `SELECT ${messageColumns}
   FROM unnest($2::uuid[], $3::uuid[]) AS wanted (conversation_id, parent_id)
   CROSS JOIN LATERAL (
     SELECT child.* FROM messages AS child
     WHERE child.owner_id = $1 AND child.conversation_id = wanted.conversation_id
       AND child.parent_id = wanted.parent_id
     UNION ALL
     SELECT root.* FROM messages AS root
     WHERE root.owner_id = $1 AND root.conversation_id = wanted.conversation_id
       AND root.parent_id IS NULL AND wanted.parent_id IS NULL
   ) AS message
   ${messageSurroundings}
   WHERE ${isThere('conversation')}
   ORDER BY message.position`,
);

/** The messages at all these places, oldest first within each conversation. */
export function findSiblings(querier: Querier, ownerId: string, forks: readonly Fork[]): Promise<MessageRow[]> {
  const conversationIds = forks.map(({ conversationId }) => conversationId);
  const parentIds = forks.map(({ parentId }) => parentId);
  return querier.query<MessageRow>(siblingsStatement, [ownerId, conversationIds, parentIds]);
}

/** Which part of a visible branch: positions strictly between `after` and `before`, at most `limit` from one end. */
export interface PageBounds {
  readonly after: number;
  readonly before: number;
  readonly limit: number;
  readonly from: 'oldest' | 'newest';
}

/** A page of one conversation, ascending by position; the two flags are exact at the moment of the read. */
export interface MessagePage {
  readonly rows: readonly MessageRow[];
  readonly hasPreviousPage: boolean;
  readonly hasNextPage: boolean;
  /** Messages on the whole visible branch. */
  readonly totalCount: number;
}

type PagedRow = Omit<MessageRow, 'id'> & {
  readonly id: string | null;
  readonly wanted_id: string;
  readonly message_count: number;
  readonly leaf_position: number;
  readonly root_position: number | null;
};

// Visible segments are disjoint ranges in the order of first_position, so a page walks them from one end and stops.
// Both walks are bounded by the segment that holds the position after the cursor, found by one index look-up.
// An empty page still gives one row, which says what stands around it.
const page = (direction: 'ASC' | 'DESC') => `
  SELECT wanted.id AS wanted_id, conversation.message_count, conversation.leaf_position, page.*,
    CASE WHEN page.id IS NULL THEN (
      SELECT min(root.first_position) FROM segments AS root
      WHERE root.owner_id = $1 AND root.conversation_id = wanted.id AND root.visible_to IS NOT NULL
    ) END AS root_position
  FROM unnest($2::uuid[]) AS wanted (id)
  JOIN conversations AS conversation
    ON conversation.owner_id = $1 AND conversation.id = wanted.id AND ${isThere('conversation')}
  LEFT JOIN LATERAL (
    SELECT part.*
    FROM segments AS segment
    CROSS JOIN LATERAL (
      SELECT ${messageColumns}
      FROM messages AS message
      WHERE message.owner_id = segment.owner_id
        AND message.conversation_id = segment.conversation_id
        AND message.segment = segment.first_position
        AND message.position > $3
        AND message.position <= least(segment.visible_to, $4::integer - 1)
      ORDER BY message.position ${direction}
      LIMIT $5
    ) AS part
    WHERE segment.owner_id = $1
      AND segment.conversation_id = wanted.id
      AND segment.visible_to IS NOT NULL
      AND segment.first_position < $4
      AND segment.first_position >= coalesce((
        SELECT max(first.first_position)
        FROM segments AS first
        WHERE first.owner_id = $1
          AND first.conversation_id = wanted.id
          AND first.visible_to IS NOT NULL
          AND first.first_position <= $3::integer + 1
      ), 0)
    ORDER BY segment.first_position ${direction}, part.position ${direction}
    LIMIT $5
  ) AS page ON true`;

const newestStatement = statement('messages.newest', page('DESC'));
const oldestStatement = statement('messages.oldest', page('ASC'));

/** The same page of the visible branch of each of these conversations, in one statement; by conversation id. */
export async function findPages(
  querier: Querier,
  ownerId: string,
  conversationIds: readonly string[],
  bounds: PageBounds,
): Promise<ReadonlyMap<string, MessagePage>> {
  const pageStatement = bounds.from === 'newest' ? newestStatement : oldestStatement;
  const { after, before, limit } = bounds;
  const rows = await querier.query<PagedRow>(pageStatement, [ownerId, conversationIds, after, before, limit]);
  const byConversation = new Map<string, PagedRow[]>();
  for (const row of rows) {
    const group = byConversation.get(row.wanted_id);
    if (group) group.push(row);
    else byConversation.set(row.wanted_id, [row]);
  }
  const pages = new Map<string, MessagePage>();
  for (const [id, group] of byConversation) pages.set(id, toPage(group, bounds));
  return pages;
}

function toPage(group: readonly PagedRow[], { after, before }: PageBounds): MessagePage {
  const rows = group.filter(isMessage).sort((one, other) => one.position - other.position);
  const totalCount = group[0]?.message_count ?? 0;
  const leaf = group[0]?.leaf_position ?? 0;
  const root = group[0]?.root_position ?? endOfBranch;
  const first = rows[0];
  const last = rows.at(-1);
  return {
    rows,
    totalCount,
    // A message of depth 1 is the first of its branch, and the leaf is the last.
    hasPreviousPage: first ? first.depth > 1 : totalCount > 0 && root <= after,
    hasNextPage: last ? last.position < leaf : totalCount > 0 && leaf >= before,
  };
}

const isMessage = (row: PagedRow): row is PagedRow & MessageRow => row.id !== null;
