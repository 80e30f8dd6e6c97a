import { type Querier, statement, type Transaction } from '../platform/database.js';
import { switching } from './branch-switch.js';
import { endOfBranch } from './message.repository.js';

/** The end of a branch. */
export interface Leaf {
  readonly id: string;
  readonly segment: number;
  readonly position: number;
  readonly depth: number;
}

// Over segments, never over messages: all that follows a message stands in its own segment after it, and in those that
// fork off from there, whose newest messages are found by one look-up each. OFFSET keeps PostgreSQL from reading all
// segments at every step.
const newestLeafStatement = statement(
  'branches.newestLeaf',
  `WITH RECURSIVE below AS (
     SELECT message.segment AS first_position, message.position AS since
     FROM messages AS message
     WHERE message.owner_id = $1 AND message.id = $3 AND message.conversation_id = $2
     UNION ALL
     SELECT fork.first_position, 0
     FROM below
     CROSS JOIN LATERAL (
       SELECT segment.first_position FROM segments AS segment
       WHERE segment.owner_id = $1 AND segment.conversation_id = $2
         AND segment.parent_segment = below.first_position AND segment.fork_position >= below.since
       OFFSET 0
     ) AS fork
   )
   SELECT newest.id, newest.segment, newest.position, newest.depth
   FROM below
   CROSS JOIN LATERAL (
     SELECT message.id, message.segment, message.position, message.depth FROM messages AS message
     WHERE message.owner_id = $1 AND message.conversation_id = $2 AND message.segment = below.first_position
     ORDER BY message.position DESC
     LIMIT 1
   ) AS newest
   ORDER BY newest.position DESC
   LIMIT 1`,
);

/** The newest of all that follow a message of this conversation, itself included; null where it is not there. */
export async function findNewestLeaf(
  querier: Querier,
  ownerId: string,
  conversationId: string,
  messageId: string,
): Promise<Leaf | null> {
  const [leaf] = await querier.query<Leaf>(newestLeafStatement, [ownerId, conversationId, messageId]);
  return leaf ?? null;
}

const selectStatement = statement(
  'branches.select',
  `WITH RECURSIVE ${switching('$3', `${endOfBranch}`)}
   UPDATE conversations
   SET revision = revision + 1, branch_revision = revision + 1,
     leaf_segment = $3, leaf_id = $4, leaf_position = $5, message_count = $6
   WHERE owner_id = $1 AND id = $2`,
);

/**
 * Makes the branch that ends at this leaf the visible one: touches the segments between the two branches and the header,
 * and takes one revision. Leaves updated_at, which messages move. Needs the conversation's lock.
 */
export async function selectBranch(
  tx: Transaction,
  ownerId: string,
  conversationId: string,
  leaf: Leaf,
): Promise<void> {
  const { segment, id, position, depth } = leaf;
  await tx.query(selectStatement, [ownerId, conversationId, segment, id, position, depth]);
}
