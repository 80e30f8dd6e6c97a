import { ParleyError } from '../../src/errors.js';
import { type AnswerText, messagePlace } from '../../src/messages/message-texts.js';
import type { OwnerKeys } from '../../src/platform/encryption.js';
import type { SqlClient } from '../support/sql-client.js';
import type { Asked, ScriptedAnswer } from './asked.js';
import { BranchingStory } from './branching-story.js';
import type { ConversationTranscript } from './conversation-transcript.js';
import type { Story } from './story.js';
import type { Transcript } from './transcript.js';

interface StoredMessage extends AnswerText {
  readonly id: string;
  readonly conversation_id: string;
  readonly parent_id: string | null;
  readonly role: string;
  readonly status: string;
  readonly position: number;
  readonly revision: number;
  readonly error_code: string | null;
  /** Only its writer knows how long it took: null where somebody else settled it. */
  readonly latency_ms: number | null;
}

type Row = Omit<StoredMessage, 'content' | 'reasoning'> &
  Readonly<Record<'sealed_content' | 'sealed_reasoning', Buffer | null>>;

/** What must hold after every story, whatever its order was; gives what does not. */
export async function brokenInvariants(story: Story, sql: SqlClient, keys: OwnerKeys): Promise<string[]> {
  const messages = await readMessages(story.ownerId, sql, keys);
  return [
    ...(await nothingIsLeft(story, sql)),
    ...(await ordersAreDense(story, sql, messages)),
    ...story.asked.flatMap((asked) => oneAnswerPerKey(story, asked, messages)),
    ...story.answers.flatMap((answer) => answersAreTrue(story, answer, messages)),
    ...story.transcripts.flatMap((transcript) => transcriptIsTrue(story, transcript, messages)),
    ...(await branchIsVisible(story, sql)),
    ...promptsAreTrue(story, messages),
    ...(story instanceof BranchingStory ? await conversationsAreTrue(story, sql, messages) : []),
    ...refusalsAreKnown(story),
  ];
}

async function readMessages(ownerId: string, sql: SqlClient, keys: OwnerKeys): Promise<StoredMessage[]> {
  const rows = await sql.rows<Row>(
    `SELECT message.*, message.revision::integer AS revision FROM messages AS message
     JOIN conversations AS conversation ON conversation.id = message.conversation_id
     WHERE message.owner_id = $1 AND conversation.deleted_at IS NULL ORDER BY message.position`,
    [ownerId],
  );
  return rows.map((row) => {
    const open = (column: 'content' | 'reasoning', sealed: Buffer | null) =>
      sealed ? keys.open(messagePlace(row.id, column), sealed) : '';
    return {
      ...row,
      content: open('content', row.sealed_content),
      reasoning: open('reasoning', row.sealed_reasoning),
    };
  });
}

async function nothingIsLeft({ ownerId, cast }: Story, sql: SqlClient): Promise<string[]> {
  const left = await sql.row<{ runs: number; chunks: number }>(
    `SELECT (SELECT count(*)::integer FROM answer_runs WHERE owner_id = $1) AS runs,
       (SELECT count(*)::integer FROM answer_chunks WHERE owner_id = $1) AS chunks`,
    [ownerId],
  );
  const inProcess = cast.map(({ instance, clock, pubsub }) => ({
    runs: instance.runs.count,
    replicas: instance.replicas.count,
    timers: clock.timers,
    channels: pubsub.listeners.channels.length,
    lines: instance.turns.count,
  }));
  const all = [
    ['the database', left] as const,
    ...cast.map(({ name }, index) => [name, inProcess[index] ?? {}] as const),
  ];
  return all.flatMap(([where, counts]) =>
    Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what} are left in ${where}`])),
  );
}

/** Positions follow one another, and every change took a revision of its own. */
async function ordersAreDense(story: Story, sql: SqlClient, messages: readonly StoredMessage[]): Promise<string[]> {
  const conversations = await sql.rows<{ id: string; revision: number; last_position: number }>(
    'SELECT id, revision::integer, last_position FROM conversations WHERE owner_id = $1 AND deleted_at IS NULL',
    [story.ownerId],
  );
  return conversations.flatMap(({ id, revision, last_position }) => {
    const within = messages.filter((message) => message.conversation_id === id);
    const faults: string[] = [];
    const positions = within.map(({ position }) => position).join();
    const dense = within.map((_, index) => index + 1).join();
    if (positions !== dense || last_position !== within.length) faults.push(`positions are ${positions}`);
    const { least, most } = story.revisions(within);
    if (revision < least || revision > most)
      faults.push(`the revision is ${revision}, and not from ${least} to ${most}`);
    const revisions = within.flatMap((message) => (story.isOfBatch(message) ? [] : [message.revision]));
    if (new Set(revisions).size !== revisions.length) faults.push(`revisions are ${revisions.join()}`);
    return faults;
  });
}

/** One question and one answer a key, one call of the model at most, and the same for all who sent it. */
function oneAnswerPerKey(story: Story, asked: Asked, messages: readonly StoredMessage[]): string[] {
  const { question, acknowledged } = asked;
  const faults: string[] = [];
  const stored = messages.filter(({ content }) => content === question);
  const calls = story.model.calls.filter((call) => call === question).length;
  if (calls > story.callsAllowed(question)) faults.push(`the model was called ${calls} times for one key`);
  if (stored.length > 1) faults.push('one key made two questions');
  const ids = new Set(acknowledged.map(({ message, answer }) => `${message.id} ${answer.id}`));
  if (ids.size > 1) faults.push('one key was acknowledged with two answers');
  if (ids.size === 1 && stored.length === 0 && !story.deleted) faults.push('what was acknowledged is not stored');
  const [sent] = acknowledged;
  if (sent && stored[0] && stored[0].id !== sent.message.id) faults.push('another question was acknowledged');
  return faults;
}

function answersAreTrue(
  story: Story,
  { answer, script }: ScriptedAnswer,
  messages: readonly StoredMessage[],
): string[] {
  const stored = messages.find(({ id }) => id === answer.id);
  if (!stored || story.isErased(answer.id)) return [];
  const faults: string[] = [];
  if (stored.status === 'STREAMING') faults.push('an answer is not final');
  if (stored.error_code === 'INTERNAL') faults.push('an answer failed on our side');
  for (const part of ['content', 'reasoning'] as const) {
    if (!script[part].startsWith(stored[part])) faults.push(`the stored ${part} is not what the model said`);
    const whole = stored.status === 'COMPLETE' || stored.error_code === 'PROVIDER_ERROR';
    if (whole && stored[part] !== script[part]) faults.push(`the ${part} of a ${stored.status} answer is not whole`);
    const durable = story.expired.filter(({ answerId }) => answerId === stored.id).map((one) => one[part]);
    if (stored[part].length < Math.max(0, ...durable)) faults.push(`${part} was durable and is not stored`);
  }
  return faults;
}

/** The model was shown what leads to its answer, as far back as it fits, and nothing else. */
function promptsAreTrue(story: Story, messages: readonly StoredMessage[]): string[] {
  if (messages.some(({ id }) => story.isErased(id))) return [];
  const byId = new Map(messages.map((message) => [message.id, message]));
  return story.model.shown.flatMap((shown) => {
    const path: string[] = [];
    let one = messages.find(({ content }) => content === shown.at(-1));
    if (!one) return [];
    for (; one; one = byId.get(one.parent_id ?? '')) {
      if (one.role !== 'TOOL' && one.content !== '') path.unshift(one.content);
    }
    const expected = path.slice(-shown.length);
    return expected.join() === shown.join() ? [] : ['the model was shown something else than what leads to its answer'];
  });
}

function transcriptIsTrue(story: Story, transcript: Transcript, messages: readonly StoredMessage[]): string[] {
  const { script, from, text, final, finishedAt } = transcript;
  const faults = [...transcript.faults];
  const erased = story.isErased(transcript.answerId);
  const stored = messages.find(({ id }) => id === transcript.answerId && !erased);
  for (const part of ['content', 'reasoning'] as const) {
    const said = script[part].slice(from[part], from[part] + text[part].length);
    if (said !== text[part]) faults.push(`a follower was told ${part} that the model did not say`);
    const end = transcript.end[part];
    if (stored && text[part] !== '' && stored.latency_ms !== null && end > stored[part].length)
      faults.push(`a follower was told more ${part} than its writer stored`);
    if (final && stored && end < stored[part].length) faults.push(`a follower missed ${part} at the end`);
    if (final && stored && finishedAt?.[part] !== stored[part].length)
      faults.push(`the end of ${part} is not the stored`);
  }
  if (final && stored && final.status !== stored.status) faults.push('a follower was told another end');
  if (!final && !transcript.left && transcript.ended) faults.push('a follower was told no end');
  if (!final && !story.deleted && !transcript.left && story.refusals.length === 0)
    faults.push('a follower got nothing');
  return faults;
}

interface Header {
  readonly id: string;
  readonly revision: number;
  readonly branch_revision: number;
  readonly leaf_id: string;
  readonly leaf_position: number;
  readonly leaf_segment: number;
  readonly message_count: number;
}

interface Placed {
  readonly id: string;
  readonly parent_id: string | null;
  readonly conversation_id: string;
  readonly segment: number;
  readonly position: number;
  readonly depth: number;
  readonly visible: boolean;
}

const readHeaders = (ownerId: string, sql: SqlClient) =>
  sql.rows<Header>(
    `SELECT id, revision::integer, branch_revision::integer, leaf_id, leaf_position, leaf_segment, message_count
     FROM conversations WHERE owner_id = $1 AND deleted_at IS NULL`,
    [ownerId],
  );

/** What leads to the leaf is visible, and nothing else. */
async function branchIsVisible({ ownerId }: Story, sql: SqlClient): Promise<string[]> {
  const rows = await sql.rows<Placed>(
    `SELECT message.*, coalesce(segment.visible_to >= message.position, false) AS visible
     FROM messages AS message JOIN segments AS segment
       ON segment.owner_id = message.owner_id AND segment.conversation_id = message.conversation_id
       AND segment.first_position = message.segment
     WHERE message.owner_id = $1 ORDER BY message.position`,
    [ownerId],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const faults = rows.flatMap(({ depth, parent_id: parentId }) =>
    depth === (byId.get(parentId ?? '')?.depth ?? 0) + 1 ? [] : [`a message stands at depth ${depth}`],
  );
  for (const header of await readHeaders(ownerId, sql)) {
    const leaf = byId.get(header.leaf_id);
    const path = new Set<string>();
    for (let one = leaf; one; one = byId.get(one.parent_id ?? '')) path.add(one.id);
    const shown = rows.filter(({ visible, conversation_id: id }) => visible && id === header.id);
    if (shown.length !== path.size || shown.some(({ id }) => !path.has(id)))
      faults.push(`visible are ${shown.map(({ position }) => position).join()}, which is not what leads to the leaf`);
    const { leaf_position: position, leaf_segment: segment, message_count: depth } = header;
    if (leaf && (leaf.position !== position || leaf.segment !== segment || leaf.depth !== depth))
      faults.push('the header tells of another leaf');
  }
  return faults;
}

async function conversationsAreTrue(
  { ownerId, conversations }: BranchingStory,
  sql: SqlClient,
  messages: readonly StoredMessage[],
): Promise<string[]> {
  const [header] = await readHeaders(ownerId, sql);
  return conversations.flatMap((transcript) => [
    ...transcript.faults,
    ...(transcript.left ? [] : conversationIsTrue(transcript, header ?? null, messages)),
  ]);
}

function conversationIsTrue(
  transcript: ConversationTranscript,
  header: Header | null,
  messages: readonly StoredMessage[],
): string[] {
  if (!header) return transcript.deleted ? [] : ['a client was not told that the conversation is gone'];
  if (transcript.deleted) return ['a client was told that the conversation is gone'];
  const faults: string[] = [];
  if (transcript.header?.revision !== header.revision)
    faults.push(`a client knows revision ${transcript.header?.revision} of ${header.revision}`);
  if (transcript.header?.leaf_id !== header.leaf_id) faults.push('a client knows another leaf');
  if (Math.max(transcript.since, transcript.branchRevision) < header.branch_revision)
    faults.push('a client was not told that another branch is visible');
  for (const { id, position, revision, ...stored } of messages) {
    const known = transcript.messages.get(id);
    const where = `message ${position} of revision ${revision}`;
    if (!known && revision > transcript.since) faults.push(`a client was not told of ${where}`);
    if (!known) continue;
    if (known.status !== stored.status) faults.push(`a client has ${where} as ${known.status}, not ${stored.status}`);
    for (const part of ['content', 'reasoning'] as const) {
      if (known[part] !== stored[part]) faults.push(`a client has other ${part} of ${where} than is stored`);
    }
  }
  return faults;
}

/** Busy, gone, and shutting down are answers; anything else is a fault. */
function refusalsAreKnown(story: Story): string[] {
  const drained = story.cast.some(({ drained }) => drained);
  return story.refusals.flatMap((error) => {
    if (error instanceof ParleyError) {
      if (error.extensions.reason === 'ANSWER_IN_PROGRESS') return [];
      if (error.code === 'NOT_FOUND' && story.deleted) return [];
      if (error.code === 'UNAVAILABLE' && (drained || story.faultRate > 0)) return [];
    }
    return [`somebody was told ${error instanceof Error ? `${error.stack}` : String(error)}`];
  });
}
