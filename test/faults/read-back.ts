import { setTimeout as wait } from 'node:timers/promises';
import { toPublicId } from '../../src/platform/ids.js';
import type { Caller } from './clients/caller.js';
import { listedFields } from './clients/list-device.js';
import type { Deployment } from './deployment/deployment.js';
import type { History, InstanceName, ListedConversation, StoredMessage } from './history.js';

const listQuery = `query ($after: String) { conversations(first: 100, after: $after, filter: { archived: null }) {
  nodes { ${listedFields} } pageInfo { hasNextPage endCursor }
} }`;

const conversationQuery = `query ($id: ID!, $after: String) { conversation(id: $id) {
  title metadata messageCount
  messages(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id }
  }
} }`;

const messagesQuery = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message {
  id role status content reasoning rating idempotencyKey visible erasedAt parent { id } error { code }
} } }`;
/** As many as `nodes` takes. */
const messagesAtATime = 100;

/** Connections of before may still turn out to be broken. */
const mostAttempts = 10;

interface PageInfo {
  readonly hasNextPage: boolean;
  readonly endCursor: string | null;
}

interface ReadConversation {
  readonly title: string;
  readonly metadata: { readonly key?: string };
  readonly messageCount: number;
  readonly messages: { readonly pageInfo: PageInfo; readonly nodes: readonly { readonly id: string }[] };
}

interface ReadMessage {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly content: string;
  readonly reasoning: string | null;
  readonly rating: string | null;
  readonly idempotencyKey: string | null;
  readonly visible: boolean;
  readonly erasedAt: string | null;
  readonly parent: { readonly id: string } | null;
  readonly error: { readonly code: string } | null;
}

export interface ReadBack {
  readonly deployment: Deployment;
  readonly history: History;
  readonly callers: Readonly<Record<InstanceName, Caller>>;
  readonly people: readonly string[];
}

/** Reads everything from both instances and from the database into the history: what was heard of, and what is there. */
export async function readBack(deps: ReadBack): Promise<void> {
  const rows = await readRows(deps);
  await Promise.all(deps.people.map((person) => readPerson(deps, person, rows)));
  // Of conversations that nobody heard of, and no list gives.
  for (const [conversation, left] of rows) deps.history.add({ type: 'rows', conversation, rows: left });
}

/** What is read is taken out of `rows`. */
async function readPerson(deps: ReadBack, person: string, rows: Map<string, StoredRow[]>): Promise<void> {
  const heardOf = conversationsOf(deps.history, person);
  const lists = await Promise.all([readList(deps, 'a', person), readList(deps, 'b', person)]);
  for (const conversation of new Set([...heardOf, ...lists.flat()])) {
    const ids = (rows.get(conversation) ?? []).map(({ id }) => id);
    await Promise.all((['a', 'b'] as const).map((name) => readConversation(deps, name, person, { conversation, ids })));
    deps.history.add({ type: 'rows', conversation, rows: rows.get(conversation) ?? [] });
    rows.delete(conversation);
  }
}

function conversationsOf({ events }: History, person: string): Set<string> {
  const own = new Set(events.flatMap((event) => (event.type === 'begin' && event.person === person ? [event.op] : [])));
  const ids = events.flatMap((event) =>
    event.type === 'end' && own.has(event.op) ? (event.result?.conversation ?? []) : [],
  );
  return new Set(ids);
}

async function ask<Data>({ callers, deployment }: ReadBack, name: InstanceName, person: string, what: Asked) {
  for (let attempt = 1; ; attempt += 1) {
    const { data, errors } = await callers[name]
      .call(deployment.tokenOf(person), what.query, what.variables)
      .catch((error: unknown) => ({ data: null, errors: String(error) }));
    if (!errors && data) return data as Data;
    if (attempt === mostAttempts) throw new Error(`Reading back at ${name} failed: ${JSON.stringify(errors)}`);
    await wait(500);
  }
}

interface Asked {
  readonly query: string;
  readonly variables: object;
}

async function readList(deps: ReadBack, name: InstanceName, person: string): Promise<string[]> {
  const listed: ListedConversation[] = [];
  for (let after: string | null = null; ; ) {
    const { conversations }: List = await ask(deps, name, person, { query: listQuery, variables: { after } });
    listed.push(...conversations.nodes);
    if (!conversations.pageInfo.hasNextPage) break;
    after = conversations.pageInfo.endCursor;
  }
  deps.history.add({ type: 'listed', instance: name, person, conversations: listed });
  return listed.map(({ id }) => id);
}

interface List {
  readonly conversations: { readonly nodes: readonly ListedConversation[]; readonly pageInfo: PageInfo };
}

async function readConversation(
  deps: ReadBack,
  instance: InstanceName,
  person: string,
  { conversation: id, ids }: { readonly conversation: string; readonly ids: readonly string[] },
): Promise<void> {
  const visible: string[] = [];
  let header: ReadConversation | null = null;
  for (let after: string | null = null; ; ) {
    const read: { conversation: ReadConversation | null } = await ask(deps, instance, person, {
      query: conversationQuery,
      variables: { id, after },
    });
    header = read.conversation;
    visible.push(...(header?.messages.nodes ?? []).map((message) => message.id));
    if (!header?.messages.pageInfo.hasNextPage) break;
    after = header.messages.pageInfo.endCursor;
  }
  deps.history.add({
    ...{ type: 'stored', instance, person, conversation: id },
    title: header?.title ?? null,
    key: header?.metadata.key ?? null,
    messageCount: header?.messageCount ?? null,
    messages: header && (await readMessages(deps, instance, person, ids)),
    visible: header && visible,
  });
}

/** Those of other branches are on no page. */
async function readMessages(
  deps: ReadBack,
  instance: InstanceName,
  person: string,
  ids: readonly string[],
): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  for (let start = 0; start < ids.length; start += messagesAtATime) {
    const { nodes }: { nodes: (ReadMessage | null)[] } = await ask(deps, instance, person, {
      query: messagesQuery,
      variables: { ids: ids.slice(start, start + messagesAtATime) },
    });
    messages.push(...nodes.flatMap((message) => (message ? [toStored(message)] : [])));
  }
  return messages;
}

const toStored = ({ reasoning, idempotencyKey, parent, error, erasedAt, ...message }: ReadMessage): StoredMessage => ({
  ...message,
  reasoning: reasoning ?? '',
  key: idempotencyKey,
  parent: parent?.id ?? null,
  error: error?.code ?? null,
  erased: erasedAt !== null,
});

async function readRows({ deployment }: ReadBack): Promise<Map<string, StoredRow[]>> {
  const rows = await deployment.postgres.ask<StoredRow & { readonly conversation: string }>(
    `SELECT conversation_id AS conversation, id, position, status,
       sealed_content IS NOT NULL OR sealed_reasoning IS NOT NULL AS "hasText"
     FROM messages ORDER BY position`,
  );
  if (!rows) throw new Error('Reading back from PostgreSQL failed.');
  const named = rows.map(({ conversation, id, ...row }) => ({
    conversation: toPublicId('cnv', conversation),
    row: { id: toPublicId('msg', id), ...row },
  }));
  const groups = Map.groupBy(named, ({ conversation }) => conversation);
  return new Map([...groups].map(([id, group]) => [id, group.map(({ row }) => row)]));
}

interface StoredRow {
  readonly id: string;
  readonly position: number;
  readonly status: string;
  readonly hasText: boolean;
}
