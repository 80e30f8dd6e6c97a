import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { ask, isOver } from '../../support/ask.js';
import { edit, erase, tryErase } from '../../support/branches.js';
import { append, create, readBranch, readMessage, send } from '../../support/conversations.js';
import { answered, chunk, ModelByHand, ModelServer, stalled } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';

let both: TwoInstances;
let model: ModelServer;
let app: TestApp;
let other: TestApp;
let sql: SqlClient;
/** The same person at both instances. */
let person: Person;
let elsewhere: Person;
let people = 0;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model);
  [app, other] = both.instances;
  sql = both.sql;
});
beforeEach(() => {
  people += 1;
  person = app.person(`person ${people}`);
  elsewhere = other.person(`person ${people}`);
});
afterAll(() => both?.close());

interface Row {
  readonly sealed_content: Buffer | null;
  readonly revision: number;
  readonly token_estimate: number;
}

const rowOf = (id: string) => sql.row<Row>('SELECT * FROM messages WHERE id = $1', [uuidOf(id)]);
const headerOf = (id: string) =>
  sql.row<{ revision: number; updated_at: Date; token_estimate: string; sealed_automatic_title: Buffer | null }>(
    'SELECT * FROM conversations WHERE id = $1',
    [uuidOf(id)],
  );

interface Header {
  readonly title: string;
  readonly preview: string | null;
  readonly messageCount: number;
}

async function conversation(id: string): Promise<Header> {
  const query = 'query ($id: ID!) { conversation(id: $id) { title preview messageCount } }';
  return (await person.data<{ conversation: Header }>(query, { id })).conversation;
}

async function titled(title: string): Promise<readonly string[]> {
  const query = 'query ($title: String) { conversations(filter: { title: $title }) { nodes { id } } }';
  const found = await person.data<{ conversations: { nodes: { id: string }[] } }>(query, { title });
  return found.conversations.nodes.map(({ id }) => id);
}

async function found(query: string): Promise<readonly string[]> {
  const document = 'query ($query: String!) { search(query: $query) { edges { node { id } } } }';
  const { search } = await elsewhere.data<{ search: { edges: { node: { id: string } }[] } }>(document, { query });
  return search.edges.map(({ node }) => node.id);
}

const titleOf = async (id: string) => (await conversation(id)).title;

describe('eraseMessage', () => {
  it('takes text, reasoning, metadata and search words, at every instance; its place stays, and it says when', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, {
      conversationId,
      messages: [
        { role: 'USER', content: 'My password is hunter2', metadata: { secret: 'hunter2' } },
        { role: 'ASSISTANT', content: 'hunter2 it is', reasoning: 'So hunter2', metadata: { secret: 'hunter2' } },
        { role: 'USER', content: 'Last' },
      ],
    });
    const [question = { id: '' }, answer = { id: '' }] = messages;
    for (const one of [person, elsewhere]) await readBranch(one, conversationId);
    expect(await found('hunter2')).toEqual([answer.id, question.id]);
    const before = await headerOf(conversationId);
    for (const { id } of [question, answer]) {
      const erased = await erase(person, id);
      expect(erased).toMatchObject({ id, content: '', reasoning: null, metadata: {}, status: 'COMPLETE' });
      expect(Date.parse(erased.erasedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
      const gone = { sealed_content: null, sealed_reasoning: null, sealed_metadata: null, terms: null };
      expect(await rowOf(id)).toMatchObject({ ...gone, token_estimate: 0 });
    }
    for (const one of [person, elsewhere]) {
      expect((await readBranch(one, conversationId)).map(({ content }) => content)).toEqual(['', '', 'Last']);
    }
    expect([await found('hunter2'), await found('last')]).toEqual([[], [messages[2]?.id]]);
    const after = await headerOf(conversationId);
    expect([after.revision, after.updated_at]).toEqual([before.revision + 2, before.updated_at]);
    const last = await rowOf(messages[2]?.id ?? '');
    expect(Number(after.token_estimate)).toBe(last.token_estimate);
    expect((await conversation(conversationId)).messageCount).toBe(3);
  });

  it('hides it from the model from then on', async () => {
    const first = await ask(person, model, { content: 'My password is hunter2' }, 'Do not say that.');
    const conversationId = first.conversation.id;
    await erase(person, first.message.id);
    const second = await ask(person, model, { conversationId, content: 'And?' }, 'b');
    expect(second.prompt).toEqual(['assistant: Do not say that.', 'user: And?']);
    const edited = await ask(person, model, { conversationId, parentId: first.message.id, content: 'Else?' }, 'c');
    expect(edited.prompt).toEqual(['user: Else?']);
  });

  it('of an erased message gives it unchanged', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: [{ role: 'USER', content: 'A' }] });
    const id = messages[0]?.id ?? '';
    const first = await erase(person, id);
    const before = [await rowOf(id), await headerOf(conversationId)];
    expect(await erase(elsewhere, id)).toEqual(first);
    expect([await rowOf(id), await headerOf(conversationId)]).toEqual(before);
  });

  it('of what is not there is NOT_FOUND', async () => {
    for (const id of ['', 'x', `msg_${'0'.repeat(32)}`, await create(person)]) {
      expect(await tryErase(person, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  it('leaves an erased question to be edited: the new one stands beside it', async () => {
    const { conversation: made, message } = await ask(person, model, { content: 'A' }, 'a');
    await erase(person, message.id);
    model.replyWith(answered('b'));
    const edited = await edit(person, { messageId: message.id, content: 'B' });
    expect(edited.conversation.id).toBe(made.id);
    expect(edited.message.content).toBe('B');
    await isOver(person, edited.answer.id);
  });
});

describe('eraseMessage on a running answer', () => {
  const leftOf = async (id: string) => ({
    runs: await sql.rows('SELECT FROM answer_runs WHERE message_id = $1', [uuidOf(id)]),
    chunks: await sql.rows('SELECT FROM answer_chunks WHERE message_id = $1', [uuidOf(id)]),
  });
  const nothing = { runs: [], chunks: [] };

  async function running(): Promise<string> {
    model.replyWith(stalled(chunk({ content: 'hunter2' })));
    const { answer } = await send(person, { content: 'What is it?' });
    await until('something is durable', async () => (await readMessage(person, answer.id)).content === 'hunter2');
    return answer.id;
  }

  it('cancels it first, on whichever instance it runs', async () => {
    const id = await running();
    expect(await erase(elsewhere, id)).toMatchObject({ status: 'CANCELLED', content: '' });
    // The model is stopped: its answer was not sent whole.
    expect(await (await model.call(1)).closed).toBe(false);
    expect(await leftOf(id)).toEqual(nothing);
    for (const one of [person, elsewhere]) expect((await readMessage(one, id)).content).toBe('');
  });

  it('settles it itself where its writer does not react', async () => {
    const id = await running();
    // As after a crash of the writer: whoever writes it now is nobody here.
    await sql.rows('UPDATE answer_runs SET run_id = gen_random_uuid() WHERE message_id = $1', [uuidOf(id)]);
    expect(await erase(elsewhere, id)).toMatchObject({ status: 'CANCELLED', content: '' });
    expect(await leftOf(id)).toEqual(nothing);
    expect(await rowOf(id)).toMatchObject({ sealed_content: null, terms: null });
  });

  it('of another message leaves the answer alone', async () => {
    const hand = new ModelByHand();
    model.replyWith(hand.reply);
    const { message, answer } = await send(person, { content: 'hunter2' });
    await hand.text('So ');
    await erase(person, message.id);
    await hand.text('far.');
    await hand.finish();
    await until('it is over', async () => (await readMessage(person, answer.id)).status === 'COMPLETE');
    expect((await readMessage(person, answer.id)).content).toBe('So far.');
  });
});

describe('What was derived of an erased message goes with it:', () => {
  const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));

  it('an automatic title goes back to the next words of the person, then to none, in the filter of titles too', async () => {
    const conversationId = await create(person);
    const messages = [{ role: 'ASSISTANT', content: 'Hello' }, ...said('My hunter2', 'Some cheese', '')];
    const [, first, second] = (await append(person, { conversationId, messages })).messages;
    expect(await titleOf(conversationId)).toBe('My hunter2');
    await erase(person, first?.id ?? '');
    expect(await titleOf(conversationId)).toBe('Some cheese');
    expect([await titled('hunter2'), await titled('cheese')]).toEqual([[], [conversationId]]);
    await erase(person, second?.id ?? '');
    expect(await titleOf(conversationId)).toBe('New conversation');
    expect([await titled('cheese'), await titled('new')]).toEqual([[], [conversationId]]);
    expect((await headerOf(conversationId)).sealed_automatic_title).toBeNull();
    await append(person, { conversationId, messages: said('Bread') });
    expect([await titleOf(conversationId), await titled('bread')]).toEqual(['Bread', [conversationId]]);
  });

  it('one that was made of a later message, since the first shows nothing, goes with that', async () => {
    const conversationId = await create(person);
    await append(person, { conversationId, messages: said(' \n') });
    expect(await titleOf(conversationId)).toBe('New conversation');
    const { messages } = await append(person, { conversationId, messages: said('My hunter2', '\u200b', 'Cheese') });
    expect([await titleOf(conversationId), await titled('hunter2')]).toEqual(['My hunter2', [conversationId]]);
    await erase(person, messages[0]?.id ?? '');
    expect([await titleOf(conversationId), await titled('hunter2')]).toEqual(['New conversation', []]);
    await append(person, { conversationId, messages: said('Bread') });
    expect(await titleOf(conversationId)).toBe('Bread');
  });

  it('one that was not made of it stays', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: said('Cheese', 'My hunter2') });
    await erase(person, messages[1]?.id ?? '');
    expect([await titleOf(conversationId), await titled('cheese')]).toEqual(['Cheese', [conversationId]]);
  });

  it("a title of the person's own stays shown, and the automatic one behind it goes", async () => {
    const conversationId = await create(person, { title: 'Mine' });
    const { messages } = await append(person, { conversationId, messages: said('My hunter2', 'Cheese') });
    await erase(person, messages[0]?.id ?? '');
    expect([await titleOf(conversationId), await titled('mine')]).toEqual(['Mine', [conversationId]]);
    const change =
      'mutation ($id: ID!) { updateConversation(input: { id: $id, title: "" }) { conversation { title } } }';
    expect(await person.data(change, { id: conversationId })).toEqual({
      updateConversation: { conversation: { title: 'Cheese' } },
    });
  });

  it('the preview is empty while the newest visible message is erased', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: said('Cheese', 'My hunter2') });
    expect((await conversation(conversationId)).preview).toBe('My hunter2');
    await erase(person, messages[1]?.id ?? '');
    expect((await conversation(conversationId)).preview).toBe('');
  });
});

describe('A title that a model made', () => {
  let titling: TestApp;
  beforeAll(async () => {
    titling = await startApp({ beside: app, env: { TITLE_MODEL: 'titles' } });
  });
  afterAll(() => titling?.close());

  it.each(['message', 'answer'] as const)(
    'goes back to the first words of the person that are left when its %s is erased, and not for others',
    async (which) => {
      person = titling.person();
      const titles = answered('About hunter2');
      const reply = answered('Take milk.');
      model.replyWith((response, call) => (call.body.model === 'titles' ? titles : reply)(response, call));
      const sent = await send(person, { content: 'How is cheese made?' });
      const { id } = sent.conversation;
      await until('it is titled', async () => (await titleOf(id)) === 'About hunter2');
      const { messages } = await append(person, {
        conversationId: id,
        messages: [{ role: 'USER', content: 'Thanks' }],
      });
      await erase(person, messages[0]?.id ?? '');
      expect(await titleOf(id)).toBe('About hunter2');
      await erase(person, sent[which].id);
      expect(await titleOf(id)).toBe(which === 'message' ? 'New conversation' : 'How is cheese made?');
      expect(await titled('hunter2')).toEqual([]);
    },
  );

  it('is not written any more where what it is being made of was erased meanwhile', async () => {
    person = titling.person();
    const hand = new ModelByHand();
    const reply = answered('hunter2.');
    model.replyWith((response, call) => (call.body.model === 'titles' ? hand.reply : reply)(response, call));
    const { conversation: made, answer } = await send(person, { content: 'What is my password?' });
    await hand.called;
    await erase(person, answer.id);
    await hand.text('About hunter2');
    const before = await headerOf(made.id);
    titling.statements.length = 0;
    await hand.finish();
    await until('the title was tried', () => titling.statements.includes('titles.write'));
    expect(await titleOf(made.id)).toBe('What is my password?');
    expect((await headerOf(made.id)).revision).toBe(before.revision);
  });
});
