import { expect } from '@jest/globals';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';

interface StoredMessage {
  readonly id: string;
  readonly parent_id: string | null;
  readonly segment: number;
  readonly position: number;
  readonly depth: number;
  readonly revision: number;
  readonly erased_at: Date | null;
  readonly sealed_content: Buffer | null;
  readonly token_estimate: number;
}

interface StoredSegment {
  readonly first_position: number;
  readonly parent_segment: number | null;
  readonly fork_position: number | null;
  readonly visible_to: number | null;
}

interface StoredHeader {
  readonly revision: number;
  readonly branch_revision: number;
  readonly last_position: number;
  readonly leaf_id: string | null;
  readonly leaf_position: number;
  readonly leaf_segment: number;
  readonly message_count: number;
  readonly token_estimate: string;
}

/** A conversation as the tables hold it. */
export interface StoredTree {
  readonly header: StoredHeader;
  readonly messages: readonly StoredMessage[];
  readonly segments: readonly StoredSegment[];
}

export async function readStoredTree(sql: SqlClient, conversationId: string): Promise<StoredTree> {
  const id = uuidOf(conversationId);
  // Of one moment: answers may end meanwhile.
  await sql.rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const tree: StoredTree = {
    header: await sql.row('SELECT * FROM conversations WHERE id = $1', [id]),
    messages: await sql.rows('SELECT * FROM messages WHERE conversation_id = $1 ORDER BY position', [id]),
    segments: await sql.rows('SELECT * FROM segments WHERE conversation_id = $1 ORDER BY first_position', [id]),
  };
  await sql.rows('COMMIT');
  return tree;
}

const endOfBranch = 2_147_483_647;

/** Ids of the messages that segments show. */
const shown = ({ messages, segments }: StoredTree) => {
  const visibleTo = new Map(segments.map((segment) => [segment.first_position, segment.visible_to]));
  return messages.filter(({ segment, position }) => position <= (visibleTo.get(segment) ?? 0)).map(({ id }) => id);
};

/** What must hold of every conversation, whatever was done to it; gives the visible branch, oldest first. */
export function expectSound(tree: StoredTree): readonly string[] {
  const { header, messages } = tree;
  const byId = new Map(messages.map((message) => [message.id, message]));
  const parentOf = (message: StoredMessage) => (message.parent_id === null ? null : byId.get(message.parent_id));
  // Every message is reachable: each has a place of its own, and its parent stands before it.
  expect(messages.map(({ position }) => position)).toEqual(messages.map((_, index) => index + 1));
  for (const message of messages) {
    const parent = parentOf(message);
    expect(message.depth).toBe(parent === null ? 1 : (parent?.depth ?? Number.NaN) + 1);
    expect(message.revision).toBeLessThanOrEqual(header.revision);
    if (message.erased_at !== null) expect([message.sealed_content, message.token_estimate]).toEqual([null, 0]);
  }
  expectSegments(tree, parentOf);
  // What is shown is the path from a beginning to the leaf that the header names, at which nothing follows.
  const leaf = messages.find(({ id }) => id === header.leaf_id) ?? null;
  const path: string[] = [];
  for (let at = leaf; at; at = parentOf(at) ?? null) path.unshift(at.id);
  expect(shown(tree)).toEqual(path);
  expect(messages.filter(({ parent_id: parentId }) => parentId === header.leaf_id && parentId !== null)).toEqual([]);
  expect(header).toMatchObject({
    ...{ last_position: messages.length, message_count: path.length },
    ...{ leaf_position: leaf?.position ?? 0, leaf_segment: leaf?.segment ?? 0 },
  });
  const estimate = messages.reduce((sum, message) => sum + message.token_estimate, 0);
  expect(Number(header.token_estimate)).toBe(estimate);
  expect(header.branch_revision).toBeLessThanOrEqual(header.revision);
  return path;
}

/** Each holds a line without a fork, named by its first message, and forks off where that one's parent stands. */
function expectSegments(
  { messages, segments }: StoredTree,
  parentOf: (message: StoredMessage) => StoredMessage | null | undefined,
): void {
  const lines = Map.groupBy(messages, ({ segment }) => segment);
  expect(segments.map((segment) => segment.first_position)).toEqual([...lines.keys()].sort((one, two) => one - two));
  for (const segment of segments) {
    const [first, ...rest] = lines.get(segment.first_position) ?? [];
    const parent = first ? parentOf(first) : undefined;
    expect(segment).toMatchObject({
      first_position: first?.position,
      parent_segment: parent?.segment ?? null,
      fork_position: parent?.position ?? null,
    });
    let above = first;
    for (const message of rest) {
      expect(message.parent_id).toBe(above?.id);
      above = message;
    }
  }
  // The last of what is shown is open, so that what joins it is shown too.
  const last = segments.findLast((segment) => segment.visible_to !== null);
  expect(last?.visible_to ?? endOfBranch).toBe(endOfBranch);
}
