import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { type Belongings, belongingsOf } from '../support/belongings.js';
import { outcomeOf } from '../support/conversations.js';
import { ModelServer } from '../support/model-server.js';
import type { Person } from '../support/person.js';
import { inputPlaces } from '../support/schema-places.js';
import { SqlClient } from '../support/sql-client.js';

let model: ModelServer;
let app: TestApp;
let sql: SqlClient;

beforeAll(async () => {
  model = await ModelServer.start();
  app = await startApp({ env: model.env });
  sql = await SqlClient.connect(app.database.url);
});

afterAll(async () => {
  await sql?.close();
  await app?.close();
  await model?.stop();
});

/** Cursors of all kinds, none of which fits where one of another kind, object or owner is asked for. */
interface Cursors {
  readonly list: string;
  readonly message: string;
  readonly answer: string;
  readonly sync: string;
  readonly search: string;
}

async function cursorsOf(person: Person, { conversation, answer }: Belongings): Promise<Cursors> {
  const { conversations, message, search } = await person.data<{
    readonly conversations: { readonly edges: readonly { readonly cursor: string; readonly node: { id: string } }[] };
    readonly message: { readonly cursor: string; readonly conversation: { readonly syncCursor: string } };
    readonly search: { readonly edges: readonly { readonly cursor: string }[] };
  }>(
    `query ($id: ID!, $conversation: ID!) {
      conversations { edges { cursor node { id } } }
      message(id: $id) { cursor conversation { syncCursor } }
      search(query: "mine", conversationId: $conversation) { edges { cursor } }
    }`,
    { id: answer, conversation },
  );
  // Something to be told of after that cursor.
  await person.data(
    'mutation ($id: ID!) { updateConversation(input: { id: $id, pinned: true }) { conversation { id } } }',
    {
      id: conversation,
    },
  );
  const events = person.follow<{ answer: { cursor: string } }>(
    'subscription ($id: ID!) { answer(messageId: $id) { ... on AnswerDelta { cursor } ... on AnswerFinished { cursor } } }',
    { id: answer },
  );
  let last = '';
  for await (const { data } of events) last = data?.answer.cursor ?? '';
  const listed = conversations.edges.find(({ node }) => node.id === conversation);
  return {
    list: listed?.cursor ?? '',
    message: message.cursor,
    answer: last,
    sync: message.conversation.syncCursor,
    search: search.edges[0]?.cursor ?? '',
  };
}

interface CursorCase {
  readonly kind: keyof Cursors;
  readonly field: 'after' | 'before';
  readonly document: string;
  /** What of somebody's belongings it is asked of. */
  readonly of: keyof Belongings | null;
}

const list = (field: 'after' | 'before'): CursorCase => ({
  ...{ kind: 'list', field, of: null },
  document: `query ($cursor: String) { conversations(first: 5, ${field}: $cursor) { nodes { id } } }`,
});
const page = (field: 'after' | 'before'): CursorCase => ({
  ...{ kind: 'message', field, of: 'conversation' },
  document: `query ($cursor: String, $id: ID!) {
    conversation(id: $id) { messages(last: 5, ${field}: $cursor) { nodes { id } } }
  }`,
});

/** Every place of the schema that takes a cursor. */
const cursorCases: Readonly<Record<string, CursorCase>> = {
  'Query.conversations(after)': list('after'),
  'Query.conversations(before)': list('before'),
  'Conversation.messages(after)': page('after'),
  'Conversation.messages(before)': page('before'),
  'Query.search(after)': {
    ...{ kind: 'search', field: 'after', of: 'conversation' },
    document: `query ($cursor: String, $id: ID!) {
      search(query: "mine", conversationId: $id, after: $cursor) { edges { cursor } }
    }`,
  },
  'Subscription.answer(after)': {
    ...{ kind: 'answer', field: 'after', of: 'answer' },
    document: `subscription ($cursor: String, $id: ID!) {
      answer(messageId: $id, after: $cursor) { ... on AnswerFinished { message { id } } }
    }`,
  },
  'Subscription.conversation(after)': {
    ...{ kind: 'sync', field: 'after', of: 'conversation' },
    document: `subscription ($cursor: String, $id: ID!) {
      conversation(id: $id, after: $cursor) { ... on ConversationChanged { conversation { id } } }
    }`,
  },
};

async function ask(person: Person, { document, of }: CursorCase, own: Belongings, cursor: string) {
  const variables = { cursor, ...(of && { id: own[of] }) };
  if (!document.startsWith('subscription')) return outcomeOf(await person.graphql(document, variables));
  try {
    for await (const { data, errors } of person.follow(document, variables)) {
      if (!errors) return { data };
      throw errors;
    }
    throw new Error('The subscription gave nothing.');
  } catch (refusal) {
    if (!Array.isArray(refusal)) throw refusal;
    return outcomeOf({ errors: refusal });
  }
}

/** A cursor with one bit of one of its characters changed, for several of them; and others that nobody was given. */
const tampered = (cursor: string) => [
  ...['', 'x', 'AAAA', `${cursor}=`, `${cursor}A`, ` ${cursor}`, cursor.slice(0, -1), cursor.slice(0, 12)],
  ...[0, 1, 3, 8, 11, 13, cursor.length - 1].map((at) => {
    const other = cursor[at] === 'B' ? 'C' : 'B';
    return cursor.slice(0, at) + other + cursor.slice(at + 1);
  }),
];

describe('Every place of the schema that takes a cursor', () => {
  it('is covered here: add a case for a new one', () => {
    const taking = inputPlaces().filter(({ name }) => /\b(after|before|cursor)\)$/i.test(name));
    expect(taking.map(({ name }) => name).toSorted()).toEqual(Object.keys(cursorCases).toSorted());
  });

  it.each(Object.entries(cursorCases))(
    '%s: a cursor of another kind, object or owner, or one that was tampered with: BAD_USER_INPUT',
    async (_name, cursorCase) => {
      const [asker, other] = [app.person(), app.person()];
      const [own, beside, theirs] = [
        await belongingsOf(asker, model, sql),
        await belongingsOf(asker, model, sql),
        await belongingsOf(other, model, sql),
      ];
      const cursors = await cursorsOf(asker, own);
      const good = cursors[cursorCase.kind];
      const ofBeside = (await cursorsOf(asker, beside))[cursorCase.kind];
      const ofTheirs = (await cursorsOf(other, theirs))[cursorCase.kind];
      const bad = [
        ...Object.values(cursors).filter((cursor) => cursor !== good),
        ...tampered(good),
        ofTheirs,
        ...(cursorCase.of ? [ofBeside] : []),
      ];
      const refusal = await ask(asker, cursorCase, own, ofTheirs);
      expect(refusal).toMatchObject({ code: 'BAD_USER_INPUT', field: cursorCase.field });
      for (const cursor of bad)
        expect({ cursor, ...(await ask(asker, cursorCase, own, cursor)) }).toEqual({ cursor, ...refusal });
      expect((await ask(asker, cursorCase, own, good)).data).toBeDefined();
      expect((await ask(other, cursorCase, theirs, ofTheirs)).data).toBeDefined();
    },
  );
});
