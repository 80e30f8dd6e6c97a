import type { GraphqlBody } from './http-client.js';
import type { Person } from './person.js';

/** A message as the tests read it. */
export interface ReadMessage {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly content: string;
  readonly cursor: string;
}

/** What an operation came to: its data, or the code of its first error and what else that says. */
export type Outcome<Data> =
  | { readonly data: Data; readonly code?: undefined }
  | {
      readonly data?: undefined;
      readonly code: string;
      readonly reason?: unknown;
      readonly field?: unknown;
      readonly retryAfterMs?: unknown;
      readonly message: string;
    };

/** Runs an operation that may be refused. */
export async function attempt<Data>(person: Person, query: string, variables: object): Promise<Outcome<Data>> {
  return outcomeOf<Data>(await person.graphql(query, variables));
}

export function outcomeOf<Data>({ data, errors }: GraphqlBody): Outcome<Data> {
  const [error] = errors ?? [];
  if (!error) return { data: data as Data };
  const { code, reason, field, retryAfterMs } = error.extensions;
  return { code, reason, field, retryAfterMs, message: error.message };
}

const message = 'id role status content cursor';

export interface Sent {
  readonly sendMessage: {
    readonly conversation: { readonly id: string; readonly messageCount: number };
    readonly message: ReadMessage;
    readonly answer: ReadMessage;
  };
}

export const sendMutation = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { conversation { id messageCount } message { ${message} } answer { ${message} } }
}`;

export async function send(person: Person, input: object): Promise<Sent['sendMessage']> {
  return (await person.data<Sent>(sendMutation, { input })).sendMessage;
}

export interface Appended {
  readonly appendMessages: {
    readonly conversation: { readonly id: string; readonly messageCount: number };
    readonly messages: readonly ReadMessage[];
  };
}

export const appendMutation = `mutation ($input: AppendMessagesInput!) {
  appendMessages(input: $input) { conversation { id messageCount } messages { ${message} } }
}`;

export async function append(person: Person, input: object): Promise<Appended['appendMessages']> {
  return (await person.data<Appended>(appendMutation, { input })).appendMessages;
}

export interface Created {
  readonly createConversation: { readonly conversation: { readonly id: string; readonly title: string } };
}

export const createMutation = `mutation ($input: CreateConversationInput!) {
  createConversation(input: $input) { conversation { id title } }
}`;

/** A new conversation; gives its id. */
export async function create(person: Person, input: object = {}): Promise<string> {
  return (await person.data<Created>(createMutation, { input })).createConversation.conversation.id;
}

export async function remove(person: Person, ...ids: string[]): Promise<void> {
  await person.data('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', { ids });
}

export async function readMessage(person: Person, id: string): Promise<ReadMessage> {
  const query = `query ($id: ID!) { message(id: $id) { ${message} } }`;
  const found = (await person.data<{ message: ReadMessage | null }>(query, { id })).message;
  if (!found) throw new Error('There is no such message.');
  return found;
}

interface Page {
  readonly conversation: {
    readonly messageCount: number;
    readonly messages: {
      readonly nodes: readonly ReadMessage[];
      readonly totalCount: number;
      readonly pageInfo: {
        readonly hasNextPage: boolean;
        readonly hasPreviousPage: boolean;
        readonly startCursor: string | null;
        readonly endCursor: string | null;
      };
    };
  } | null;
}

const pageQuery = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  conversation(id: $id) { messageCount messages(first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { ${message} }
  } }
}`;

/** One page of a conversation's visible branch. */
export async function readPage(person: Person, id: string, page: object = {}) {
  const { conversation } = await person.data<Page>(pageQuery, { id, ...page });
  if (!conversation) throw new Error('There is no such conversation.');
  return { ...conversation.messages, messageCount: conversation.messageCount };
}

/** The whole visible branch, oldest first, page by page from one end; `sizeOf` gives the size of the nth page. */
export async function readBranch(
  person: Person,
  id: string,
  from: 'start' | 'end' = 'start',
  sizeOf: (page: number) => number = () => 100,
): Promise<ReadMessage[]> {
  const found: ReadMessage[] = [];
  let cursor: string | null = null;
  for (let number = 0; ; number += 1) {
    const size = sizeOf(number);
    const wanted: object = from === 'start' ? { first: size, after: cursor } : { last: size, before: cursor };
    const { nodes, pageInfo } = await readPage(person, id, wanted);
    if (from === 'start') found.push(...nodes);
    else found.unshift(...nodes);
    if (!(from === 'start' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage)) return found;
    cursor = from === 'start' ? pageInfo.endCursor : pageInfo.startCursor;
  }
}
