import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { type Belongings, belongingsOf } from '../support/belongings.js';
import { remove } from '../support/conversations.js';
import { post } from '../support/http-client.js';
import { ManualClock } from '../support/manual-clock.js';
import { answered, ModelServer, stalled } from '../support/model-server.js';
import type { Person } from '../support/person.js';
import { inputPlaces, rootDocuments } from '../support/schema-places.js';
import { SocketClient } from '../support/socket-client.js';
import { SqlClient, uuidOf } from '../support/sql-client.js';
import { until } from '../support/until.js';

let model: ModelServer;
let app: TestApp;
let sql: SqlClient;

beforeAll(async () => {
  model = await ModelServer.start();
  // With a clock that stands, nothing but what is asked for sends statements. It is in the middle of what tokens live.
  const clock = new ManualClock(Date.now() + 30 * 60_000);
  app = await startApp({ clock, env: model.env });
  sql = await SqlClient.connect(app.database.url);
});

afterAll(async () => {
  await sql?.close();
  // Answers that still run end with the model: a clock that stands would wait for them for ever.
  await model?.stop();
  await app?.close();
});

type Kind = keyof Belongings;
const belongings = (person: Person) => belongingsOf(person, model, sql);

const followConversation =
  'subscription ($id: ID!) { conversation(id: $id) { ... on ConversationChanged { conversation { id } } } }';

/** An operation that takes an id at one place. */
interface Case {
  readonly kind: Kind;
  readonly document: string;
  readonly variables?: (id: string, own: Belongings) => object;
}

const asId = (id: string) => ({ id });
const asInput = (more: object, name: string) => (id: string) => ({ input: { ...more, [name]: id } });
const messages = [{ role: 'USER', content: 'Here.' }];

/** Every place of the schema that takes an id; the ids that come back are selected. */
const idCases: Readonly<Record<string, Case>> = {
  'Query.conversation(id)': { kind: 'conversation', document: 'query ($id: ID!) { conversation(id: $id) { id } }' },
  'Query.message(id)': { kind: 'message', document: 'query ($id: ID!) { message(id: $id) { id } }' },
  'Query.node(id)': { kind: 'answer', document: 'query ($id: ID!) { node(id: $id) { id } }' },
  'Query.nodes(ids)': { kind: 'conversation', document: 'query ($id: ID!) { nodes(ids: [$id]) { id } }' },
  'Query.search(conversationId)': {
    kind: 'conversation',
    document: `query ($id: ID!) {
      search(query: "mine", conversationId: $id) { edges { node { id conversation { id } } } }
    }`,
  },
  'Mutation.updateConversation(input.id)': {
    kind: 'conversation',
    document:
      'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
    variables: asInput({ title: 'Taken' }, 'id'),
  },
  'Mutation.deleteConversations(ids)': {
    kind: 'conversation',
    document: 'mutation ($id: ID!) { deleteConversations(ids: [$id]) { deletedIds } }',
  },
  'Mutation.sendMessage(input.conversationId)': {
    kind: 'conversation',
    document:
      'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { conversation { id } answer { id } } }',
    variables: asInput({ content: 'Here?', whenBusy: 'CANCEL', idempotencyKey: 'k' }, 'conversationId'),
  },
  'Mutation.sendMessage(input.parentId)': {
    kind: 'message',
    document: 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { parent { id } } } }',
    variables: (id, { conversation }) => ({ input: { conversationId: conversation, parentId: id, content: 'Here?' } }),
  },
  'Mutation.appendMessages(input.conversationId)': {
    kind: 'conversation',
    document: 'mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { conversation { id } } }',
    variables: asInput({ messages }, 'conversationId'),
  },
  'Mutation.appendMessages(input.parentId)': {
    kind: 'answer',
    document:
      'mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { messages { parent { id } } } }',
    variables: (id, { conversation }) => ({ input: { conversationId: conversation, parentId: id, messages } }),
  },
  'Mutation.editMessage(input.messageId)': {
    kind: 'message',
    document: 'mutation ($input: EditMessageInput!) { editMessage(input: $input) { message { siblings { id } } } }',
    variables: asInput({ content: 'Here?', whenBusy: 'CANCEL', idempotencyKey: 'e' }, 'messageId'),
  },
  'Mutation.regenerateAnswer(input.messageId)': {
    kind: 'answer',
    document:
      'mutation ($input: RegenerateAnswerInput!) { regenerateAnswer(input: $input) { answer { siblings { id } } } }',
    variables: asInput({ idempotencyKey: 'r' }, 'messageId'),
  },
  'Mutation.selectBranch(messageId)': {
    kind: 'message',
    document:
      'mutation ($id: ID!) { selectBranch(messageId: $id) { conversation { messages(last: 5) { nodes { id siblings { id } } } } } }',
  },
  'Mutation.eraseMessage(messageId)': {
    kind: 'message',
    document: 'mutation ($id: ID!) { eraseMessage(messageId: $id) { message { id } } }',
  },
  'Mutation.cancelAnswer(messageId)': {
    kind: 'answer',
    document: 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id } } }',
  },
  'Mutation.rateMessage(input.messageId)': {
    kind: 'message',
    document: 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }',
    variables: asInput({ rating: 'UP', comment: 'Seen' }, 'messageId'),
  },
  'Subscription.answer(messageId)': {
    kind: 'answer',
    document: 'subscription ($id: ID!) { answer(messageId: $id) { ... on AnswerFinished { message { id } } } }',
  },
  'Subscription.conversation(id)': { kind: 'conversation', document: followConversation },
};

/** What an instance sends by itself, at any time: the removal of what was deleted. Its COMMITs are like anybody's. */
const ownWork =
  /^(BEGIN|COMMIT|ROLLBACK|conversations\.takeDeleted|messages\.removeBatch|segments\.remove|conversations\.remove|requests\.forget)$/;

/** All that a person is told by one operation, and the statements that it took. */
async function told(person: Person, document: string, variables: object) {
  app.statements.length = 0;
  const events: unknown[] = [];
  if (document.startsWith('subscription')) {
    try {
      for await (const event of person.follow(document, { ...variables })) {
        events.push(event);
        // A conversation is followed for ever; its first event says who is told of it.
        if (document === followConversation) break;
      }
    } catch (refusal) {
      events.push(refusal);
    }
  } else events.push(await person.graphql(document, variables));
  return { answer: JSON.stringify(events), statements: app.statements.filter((name) => !ownWork.test(name)) };
}

describe('Every place of the schema that takes an id', () => {
  it('is covered here: add a case for a new one', () => {
    const taking = inputPlaces().filter(({ type }) => type === 'ID');
    expect(taking.map(({ name }) => name).toSorted()).toEqual(Object.keys(idCases).toSorted());
  });

  it.each(Object.entries(idCases))(
    '%s answers for someone else’s id exactly as for a deleted and for an expired one',
    async (_name, { kind, document, variables = asId }) => {
      const asker = app.person();
      const own = await belongings(asker);
      const ask = (id: string) => told(asker, document, variables(id, own));
      const theirs = (await belongings(app.person()))[kind];
      const [marked, removed, expired] = [await belongings(asker), await belongings(asker), await belongings(asker)];
      await remove(asker, removed.conversation);
      await until('its rows to be removed', () => isRemoved(removed.conversation));
      await sql.rows('UPDATE conversations SET deleted_at = now() WHERE id = $1', [uuidOf(marked.conversation)]);
      await sql.rows('UPDATE conversations SET expires_at = now() WHERE id = $1', [uuidOf(expired.conversation)]);

      model.replyWith(stalled());
      const unknown = `${theirs.slice(0, 4)}${'0'.repeat(32)}`;
      const forForeign = await ask(theirs);
      for (const id of [removed[kind], marked[kind], expired[kind], unknown]) expect(await ask(id)).toEqual(forForeign);
      for (const id of ['', 'x', `usr_${'0'.repeat(32)}`, `${theirs}0`, theirs.toUpperCase(), `${theirs.slice(4)}`]) {
        expect((await ask(id)).answer).toBe(forForeign.answer);
      }
      expect(forForeign.statements.length).toBeGreaterThan(0);
      expect(model.calls).toHaveLength(0);

      // The owner gets data in the same run.
      model.replyWith(answered('Well.'));
      const forOwner = await ask(own[kind]);
      expect(forOwner.answer).toContain(own[kind]);
      expect(forOwner.answer).not.toContain('errors');
      expect(forForeign.answer).not.toContain(theirs);
      await until('no answer runs', async () => (await sql.rows('SELECT FROM answer_runs')).length === 0);
    },
  );

  it('changes nothing of someone else’s', async () => {
    const [asker, other] = [app.person(), app.person()];
    const [own, theirs] = [await belongings(asker), await belongings(other)];
    const before = await rowsOf(theirs.conversation);
    for (const { kind, document, variables = asId } of Object.values(idCases)) {
      await told(asker, document, variables(theirs[kind], own));
    }
    expect(await rowsOf(theirs.conversation)).toEqual(before);
  });
});

const isRemoved = async (conversationId: string) =>
  (await sql.rows('SELECT FROM conversations WHERE id = $1', [uuidOf(conversationId)])).length === 0;

async function rowsOf(conversationId: string): Promise<unknown> {
  const id = uuidOf(conversationId);
  return [
    await sql.rows('SELECT * FROM conversations WHERE id = $1', [id]),
    await sql.rows('SELECT * FROM messages WHERE conversation_id = $1 ORDER BY position', [id]),
    await sql.rows('SELECT * FROM segments WHERE conversation_id = $1 ORDER BY first_position', [id]),
  ];
}

describe('Without a token', () => {
  it.each(rootDocuments())('$name is UNAUTHENTICATED', async ({ operation, document }) => {
    if (operation === 'subscription') {
      expect(await closeCodeOf({ type: 'connection_init', payload: {} })).toBe(4403);
      expect(await closeCodeOf({ type: 'connection_init', payload: { authorization: `Bearer ${app.token()}x` } })).toBe(
        4403,
      );
      expect(await closeCodeOf({ type: 'subscribe', id: '1', payload: { query: document } })).toBe(4401);
      return;
    }
    const bodies: unknown[] = [];
    for (const authorization of ['', 'Bearer ', 'Bearer x.y.z', `Basic ${app.token()}`, `Bearer ${app.token()}x`]) {
      const answer = await post(`${app.url}/graphql`, { query: document }, { authorization });
      expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
      bodies.push({ ...answer.json, errors: answer.json?.errors?.map(({ extensions }) => extensions.code) });
    }
    for (const body of bodies) expect(body).toEqual(bodies[0]);
  });
});

/** How a socket ends that says this first; it is told nothing before. */
async function closeCodeOf(first: object): Promise<number> {
  const client = await SocketClient.open(app.socketUrl);
  client.send(first);
  const { code } = await client.whenClosed();
  expect(client.messages).toEqual([]);
  return code;
}
