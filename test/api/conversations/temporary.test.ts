import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { AnswerFollower } from '../../support/answer-follower.js';
import type { TestApp } from '../../support/app.js';
import { append, attempt, create, remove, send, sendMutation } from '../../support/conversations.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';
import { ConversationDevice } from '../live/conversation-device.js';

let both: TwoInstances;
let model: ModelServer;
let byHand: ModelByHand;
let one: TestApp;
let other: TestApp;
let sql: SqlClient;
let ada: Person;
let adaElsewhere: Person;
let people = 0;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model, { TEMPORARY_HOURS: '48' });
  [one, other] = both.instances;
  sql = both.sql;
});
beforeEach(() => {
  byHand = new ModelByHand();
  model.replyWith(byHand.reply);
  people += 1;
  ada = one.person(`temporary ${people}`);
  adaElsewhere = other.person(`temporary ${people}`);
});
const devices: ConversationDevice[] = [];
const followers: AnswerFollower[] = [];
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.leave()));
  for (const follower of followers.splice(0)) follower.close();
});
afterAll(() => both?.close());

const kept = 'id temporary expiresAt createdAt updatedAt messageCount';

interface Read {
  readonly id: string;
  readonly temporary: boolean;
  readonly expiresAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

async function read(person: Person, id: string): Promise<Read | null> {
  const query = `query ($id: ID!) { conversation(id: $id) { ${kept} } }`;
  return (await person.data<{ conversation: Read | null }>(query, { id })).conversation;
}

const list = (person: Person, filter: object | null) =>
  person.data<{ conversations: { nodes: { id: string }[]; totalCount: number } }>(
    'query ($filter: ConversationFilter) { conversations(filter: $filter) { nodes { id } totalCount } }',
    { filter },
  );

const expiresIn = (id: string, seconds: number) =>
  sql.rows(`UPDATE conversations SET expires_at = now() + $2 * interval '1 s' WHERE id = $1`, [uuidOf(id), seconds]);

const hours = (one: string, other: string | null) => (Date.parse(other ?? '') - Date.parse(one)) / 3_600_000;

describe('A temporary conversation', () => {
  it('says so, and expires TEMPORARY_HOURS after it was created, whatever is said in it', async () => {
    const id = await create(ada, { temporary: true });
    const before = await read(ada, id);
    expect(before).toMatchObject({ temporary: true });
    expect(hours(before?.createdAt ?? '', before?.expiresAt ?? null)).toBe(48);
    await append(ada, { conversationId: id, messages: [{ role: 'USER', content: 'Still here.' }] });
    const after = await read(adaElsewhere, id);
    expect(after?.expiresAt).toBe(before?.expiresAt);
    expect(after?.updatedAt).not.toBe(before?.updatedAt);
  });

  it('begins with a question too; one that is not temporary has no expiresAt', async () => {
    const { conversation } = await send(ada, { content: 'Why?', newConversation: { temporary: true } });
    expect(await read(ada, conversation.id)).toMatchObject({ temporary: true });
    expect(await read(ada, await create(ada))).toMatchObject({ temporary: false, expiresAt: null });
  });

  it('appears in no list and in no totalCount, by whatever filter', async () => {
    const shown = await create(ada, { title: 'Plans' });
    const id = await create(ada, { title: 'Plans', temporary: true });
    const change =
      'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }';
    for (const archived of [false, true]) {
      await ada.data(change, { input: { id, archived, pinned: true } });
      await ada.data(change, { input: { id: shown, archived, pinned: true } });
      for (const filter of [null, { archived }, { archived, pinned: true }, { archived, title: 'plans' }]) {
        expect((await list(adaElsewhere, filter)).conversations).toEqual({ nodes: [{ id: shown }], totalCount: 1 });
      }
    }
  });

  it('appears in no list event, made, changed, deleted or expired, on whichever instance', async () => {
    const listened = [ada, adaElsewhere].map(listenToList);
    await until('both lists are ready', () => listened.every(({ events }) => events.length === 1));
    const gone = await create(ada, { temporary: true });
    const { conversation, answer } = await send(ada, { content: 'Why?', newConversation: { temporary: true } });
    await byHand.text('Because');
    await until('the answer is durable so far', async () => {
      return (await sql.rows('SELECT FROM answer_chunks WHERE message_id = $1', [uuidOf(answer.id)])).length > 0;
    });
    await remove(ada, gone);
    await remove(ada, conversation.id);
    const lasting = await create(ada, { temporary: true });
    await append(ada, { conversationId: lasting, messages: [{ role: 'USER', content: 'Still here.' }] });
    await expiresIn(lasting, 0);
    const last = await create(ada, { title: 'The last' });
    await until('the last is told of', () => listened.every(({ events }) => events.some((event) => event === last)));
    for (const { events } of listened) expect(events).toEqual(['ready', last]);
    for (const { leave } of listened) await leave();
  });
});

/** What the list's subscription tells: `ready`, or the id of a conversation that changed or is gone. */
function listenToList({ url, token }: Person) {
  const events: string[] = [];
  const query = `subscription { conversations {
    ... on ConversationChanged { conversation { id } } ... on ConversationDeleted { conversationId }
  } }`;
  interface Told {
    readonly conversations: { readonly conversation?: { readonly id: string }; readonly conversationId?: string };
  }
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  client.subscribe<Told>(
    { query },
    {
      next: ({ data }) =>
        events.push(data?.conversations.conversation?.id ?? data?.conversations.conversationId ?? 'ready'),
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return { events, leave: () => client.dispose() };
}

describe('From its expiry on, whether or not its rows were removed', () => {
  it('it is not there: no read, no send, no append, no rating, no key that made it, no subscription', async () => {
    const id = await create(ada, { temporary: true, idempotencyKey: 'made' });
    const { messages } = await append(ada, { conversationId: id, messages: [{ role: 'USER', content: 'Here.' }] });
    const messageId = messages[0]?.id ?? '';
    await expiresIn(id, 0);
    expect(await read(ada, id)).toBeNull();
    const query =
      'query ($id: ID!, $other: ID!) { message(id: $other) { id } node(id: $id) { id } nodes(ids: [$id, $other]) { id } }';
    expect(await ada.data(query, { id, other: messageId })).toEqual({ message: null, node: null, nodes: [null, null] });
    const sent = await attempt(ada, sendMutation, {
      input: { conversationId: id, content: 'Here?', whenBusy: 'CANCEL' },
    });
    expect(sent.code).toBe('NOT_FOUND');
    const created =
      'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { conversation { id } } }';
    expect((await attempt(ada, created, { input: { temporary: true, idempotencyKey: 'made' } })).code).toBe(
      'NOT_FOUND',
    );
    const rated = 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }';
    expect((await attempt(ada, rated, { input: { messageId, rating: 'UP' } })).code).toBe('NOT_FOUND');
    const deleted = 'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }';
    expect(await ada.data(deleted, { ids: [id] })).toEqual({ deleteConversations: { deletedIds: [] } });
    expect(JSON.stringify(await ConversationDevice.results(adaElsewhere, id))).toContain('NOT_FOUND');
  });

  it('whoever follows it hears ConversationDeleted, and the subscription completes, on each instance', async () => {
    const id = await create(ada, { temporary: true });
    await expiresIn(id, 4);
    for (const person of [ada, adaElsewhere]) devices.push(ConversationDevice.follow(person, id));
    for (const device of devices) await device.until(() => device.kinds.length === 1);
    for (const device of devices) await device.until(() => device.complete);
    for (const { kinds } of devices) expect(kinds).toEqual(['ConversationChanged', 'ConversationDeleted']);
    expect(await read(ada, id)).toBeNull();
  });

  it('the answer that is written then is fenced and its provider aborted; who follows it is told NOT_FOUND', async () => {
    const id = await create(ada, { temporary: true });
    await expiresIn(id, 4);
    const { answer } = await send(ada, { conversationId: id, content: 'Why?' });
    await byHand.text('Because it');
    for (const person of [ada, adaElsewhere]) followers.push(await AnswerFollower.open(person, answer.id));
    for (const follower of followers) await follower.has('Because it');
    const [call] = model.calls;
    expect(await call?.closed).toBe(false);
    for (const follower of followers) {
      await follower.ended();
      expect(follower.finished).toBeNull();
      expect(follower.errors.map(({ extensions }) => extensions.code)).toEqual(['NOT_FOUND']);
    }
    expect(await read(ada, id)).toBeNull();
  });
});
