import { conversationPlace } from '../../../src/conversations/conversation-row.js';
import { endOfBranch } from '../../../src/messages/message.repository.js';
import type { Role, Status } from '../../../src/messages/message-row.js';
import { messagePlace, sealChunk } from '../../../src/messages/message-texts.js';
import { statement } from '../../../src/platform/database.js';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import type { Person } from '../conversations/test-domain.js';

/** A message to plant: it follows the one at `after` (a position), or begins the conversation. */
export interface PlantedMessage {
  readonly after: number | null;
  readonly text: string;
  readonly role?: Role;
  /** STREAMING: `text` stands in checkpoints, a word each, and a run is there. */
  readonly status?: Status;
}

export interface PlantedTree {
  readonly conversationId: string;
  readonly publicId: string;
  /** Row ids by position, from 1. */
  readonly ids: readonly string[];
  /** Positions of the visible branch, oldest first, reckoned from parents alone. */
  readonly visible: readonly number[];
}

const insertConversation = statement(
  'test.conversations.plant',
  `WITH titled AS (INSERT INTO conversation_titles (owner_id, conversation_id, terms) VALUES ($1, $2, '{}'))
   INSERT INTO conversations (owner_id, id, sealed_title, pinned, archived, revision, branch_revision,
     last_position, leaf_id, leaf_position, leaf_segment, message_count, created_at, updated_at)
   VALUES ($1, $2, $3, false, false, $4, 0, $4, $5, $6, $7, $8, now(), now())`,
);

const insertSegments = statement(
  'test.segments.plant',
  `INSERT INTO segments (owner_id, conversation_id, first_position, parent_segment, fork_position, visible_to)
   SELECT $1, $2, * FROM unnest($3::integer[], $4::integer[], $5::integer[], $6::integer[])`,
);

const insertMessages = statement(
  'test.messages.plant',
  `INSERT INTO messages (owner_id, conversation_id, id, parent_id, segment, position, depth, revision, role, status,
     sealed_content, token_estimate, created_at, completed_at)
   SELECT $1, $2, id, parent_id, segment, position, depth, position, role, status, content, 1,
     '2026-11-20T12:00:00Z'::timestamptz + position * interval '1 s', CASE WHEN status <> 'STREAMING' THEN now() END
   FROM unnest($3::uuid[], $4::uuid[], $5::integer[], $6::integer[], $7::integer[], $8::text[], $9::text[], $10::bytea[])
     AS planted (id, parent_id, segment, position, depth, role, status, content)`,
);

const insertRun = statement(
  'test.runs.plant',
  `INSERT INTO answer_runs (owner_id, message_id, conversation_id, run_id, instance, lease_until, cancel_requested,
     chunks, durable_content, durable_reasoning)
   VALUES ($1, $2, $3, $4, 'test', now() + interval '1 h', false, 0, 0, 0)`,
);

const insertChunk = statement(
  'test.chunks.plant',
  `INSERT INTO answer_chunks (owner_id, message_id, number, content_offset, reasoning_offset, sealed)
   VALUES ($1, $2, $3, $4, 0, $5)`,
);

/**
 * Writes a conversation as the append path would have: a message whose parent ends its segment joins that segment, any
 * other opens one. The visible branch ends at `leaf` (a position; the newest message where it is not given).
 */
export async function plantTree(
  person: Person,
  messages: readonly PlantedMessage[],
  options: { readonly leaf?: number; readonly title?: string } = {},
): Promise<PlantedTree> {
  const { database } = person.domain;
  const conversationId = newId();
  const ids = messages.map(() => newId());
  const placed = place(messages);
  const leafPosition = options.leaf ?? messages.length;
  const visible = pathTo(messages, leafPosition);
  const sealedTitle = options.title
    ? person.keys.seal(conversationPlace(conversationId, 'title'), options.title)
    : null;
  const at = (position: number) => placed[position - 1];
  await database.query(insertConversation, [
    person.id,
    conversationId,
    sealedTitle,
    messages.length,
    ids[leafPosition - 1] ?? null,
    messages.length === 0 ? 0 : leafPosition,
    at(leafPosition)?.segment ?? 0,
    visible.length,
  ]);
  const segments = placed.filter(({ segment, position }) => segment === position);
  await database.query(insertSegments, [
    person.id,
    conversationId,
    segments.map(({ position }) => position),
    segments.map(({ after }) => (after === null ? null : at(after)?.segment)),
    segments.map(({ after }) => after),
    segments.map(({ segment }) => visibleTo(segment)),
  ]);
  await database.query(insertMessages, [
    person.id,
    conversationId,
    ids,
    placed.map(({ after }) => (after === null ? null : ids[after - 1])),
    placed.map(({ segment }) => segment),
    placed.map(({ position }) => position),
    placed.map(({ position }) => pathTo(messages, position).length),
    placed.map(({ role }) => role ?? 'USER'),
    placed.map(({ status }) => status ?? 'COMPLETE'),
    placed.map(({ position, text, status }) =>
      status === 'STREAMING' ? null : person.keys.seal(messagePlace(ids[position - 1] ?? '', 'content'), text),
    ),
  ]);
  for (const { status, position, text } of placed) {
    if (status === 'STREAMING') await plantRun(person, conversationId, ids[position - 1] ?? '', text);
  }
  return { conversationId, publicId: toPublicId('cnv', conversationId), ids, visible };

  function visibleTo(segment: number): number | null {
    const shown = visible.filter((position) => at(position)?.segment === segment);
    if (shown.length === 0) return null;
    return at(leafPosition)?.segment === segment ? endOfBranch : (shown.at(-1) ?? null);
  }
}

/** Messages that follow one another, each with the text `n`. */
export const lineOf = (length: number): PlantedMessage[] =>
  Array.from({ length }, (_, index) => ({ after: index === 0 ? null : index, text: String(index + 1) }));

async function plantRun(person: Person, conversationId: string, id: string, text: string): Promise<void> {
  const { database } = person.domain;
  await database.query(insertRun, [person.id, id, conversationId, newId()]);
  await growAnswer(person, id, { from: 0, number: 1, text });
}

/** Adds checkpoints to a running answer, one a word. */
export async function growAnswer(
  person: Person,
  id: string,
  added: { readonly from: number; readonly number: number; readonly text: string },
): Promise<void> {
  let { from, number } = added;
  for (const word of added.text.split(/(?<= )/)) {
    const start = { content: from, reasoning: 0 };
    const sealed = sealChunk(person.keys, id, start, { content: word, reasoning: '' });
    await person.domain.database.query(insertChunk, [person.id, id, number, from, sealed]);
    from += word.length;
    number += 1;
  }
}

function place(messages: readonly PlantedMessage[]) {
  const placed: (PlantedMessage & { position: number; segment: number })[] = [];
  for (const [index, message] of messages.entries()) {
    const position = index + 1;
    const parent = message.after === null ? undefined : placed[message.after - 1];
    const endsSegment =
      parent && !placed.some((one) => one.segment === parent.segment && one.position > parent.position);
    placed.push({ ...message, position, segment: parent && endsSegment ? parent.segment : position });
  }
  return placed;
}

function pathTo(messages: readonly PlantedMessage[], position: number): number[] {
  const path: number[] = [];
  for (let at: number | null = messages.length === 0 ? null : position; at !== null; ) {
    path.unshift(at);
    at = messages[at - 1]?.after ?? null;
  }
  return path;
}
