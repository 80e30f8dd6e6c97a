import { setTimeout as wait } from 'node:timers/promises';
import { toPublicId } from '../../src/platform/ids.js';
import type { Caller } from './clients/caller.js';
import type { Deployment } from './deployment/deployment.js';
import type { History, InstanceName, StoredMessage } from './history.js';

const listQuery = `query ($after: String) { conversations(first: 100, after: $after, filter: { archived: null }) {
  nodes { id } pageInfo { hasNextPage endCursor }
} }`;

const conversationQuery = `query ($id: ID!, $after: String) { conversation(id: $id) {
  title metadata messageCount
  messages(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id role status content reasoning rating idempotencyKey parent { id } error { code } }
  }
} }`;

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
  readonly messages: { readonly pageInfo: PageInfo; readonly nodes: readonly ReadMessage[] };
}

interface ReadMessage {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly content: string;
  readonly reasoning: string | null;
  readonly rating: string | null;
  readonly idempotencyKey: string | null;
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
    await Promise.all((['a', 'b'] as const).map((name) => readConversation(deps, name, person, conversation)));
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
  const ids: string[] = [];
  for (let after: string | null = null; ; ) {
    const { conversations }: List = await ask(deps, name, person, { query: listQuery, variables: { after } });
    ids.push(...conversations.nodes.map(({ id }) => id));
    if (!conversations.pageInfo.hasNextPage) return ids;
    after = conversations.pageInfo.endCursor;
  }
}

interface List {
  readonly conversations: { readonly nodes: readonly { readonly id: string }[]; readonly pageInfo: PageInfo };
}

async function readConversation(deps: ReadBack, instance: InstanceName, person: string, id: string): Promise<void> {
  const messages: StoredMessage[] = [];
  let header: ReadConversation | null = null;
  for (let after: string | null = null; ; ) {
    const read: { conversation: ReadConversation | null } = await ask(deps, instance, person, {
      query: conversationQuery,
      variables: { id, after },
    });
    header = read.conversation;
    messages.push(...(header?.messages.nodes ?? []).map(toStored));
    if (!header?.messages.pageInfo.hasNextPage) break;
    after = header.messages.pageInfo.endCursor;
  }
  deps.history.add({
    ...{ type: 'stored', instance, person, conversation: id },
    title: header?.title ?? null,
    key: header?.metadata.key ?? null,
    messageCount: header?.messageCount ?? null,
    messages: header && messages,
  });
}

const toStored = ({ reasoning, idempotencyKey, parent, error, ...message }: ReadMessage): StoredMessage => ({
  ...message,
  reasoning: reasoning ?? '',
  key: idempotencyKey,
  parent: parent?.id ?? null,
  error: error?.code ?? null,
});

async function readRows({ deployment }: ReadBack): Promise<Map<string, StoredRow[]>> {
  const rows = await deployment.postgres.ask<StoredRow & { readonly conversation: string }>(
    'SELECT conversation_id AS conversation, id, position, status FROM messages ORDER BY position',
  );
  if (!rows) throw new Error('Reading back from PostgreSQL failed.');
  const named = rows.map(({ conversation, id, position, status }) => ({
    conversation: toPublicId('cnv', conversation),
    row: { id: toPublicId('msg', id), position, status },
  }));
  const groups = Map.groupBy(named, ({ conversation }) => conversation);
  return new Map([...groups].map(([id, group]) => [id, group.map(({ row }) => row)]));
}

interface StoredRow {
  readonly id: string;
  readonly position: number;
  readonly status: string;
}
