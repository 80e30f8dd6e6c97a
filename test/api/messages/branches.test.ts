import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { ask } from '../../support/ask.js';
import {
  append,
  attempt,
  create,
  readBranch,
  readPage,
  type Sent,
  send,
  sendMutation,
} from '../../support/conversations.js';
import { answered, chunk, ModelServer, stalled } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { until } from '../../support/until.js';

let model: ModelServer;
let app: TestApp;
let person: Person;

beforeAll(async () => {
  model = await ModelServer.start();
  app = await startApp({ env: model.env });
});
beforeEach(() => {
  person = app.person();
});
afterAll(async () => {
  await app?.close();
  await model?.stop();
});

const texts = async (id: string) => (await readBranch(person, id)).map(({ content }) => content);
const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));

interface Header {
  readonly messageCount: number;
  readonly preview: string | null;
  readonly lastMessage: { readonly id: string; readonly content: string; readonly visible: boolean } | null;
}

async function header(id: string): Promise<Header> {
  const query =
    'query ($id: ID!) { conversation(id: $id) { messageCount preview lastMessage { id content visible } } }';
  return (await person.data<{ conversation: Header }>(query, { id })).conversation;
}

async function visible(...ids: (string | undefined)[]): Promise<boolean[]> {
  const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { visible } } }';
  return (await person.data<{ nodes: { visible: boolean }[] }>(query, { ids })).nodes.map((node) => node.visible);
}

describe('A send after a message that is not the last', () => {
  it('makes a branch, which becomes the visible one: pages, lastMessage, messageCount and preview are of it', async () => {
    const first = await ask(person, model, { content: 'A' }, 'a');
    const { id } = first.conversation;
    const second = await ask(person, model, { conversationId: id, content: 'B' }, 'b');
    expect(await texts(id)).toEqual(['A', 'a', 'B', 'b']);
    const branch = await ask(person, model, { conversationId: id, parentId: first.answer.id, content: 'C' }, 'c');
    expect(branch.conversation.messageCount).toBe(4);
    expect(await texts(id)).toEqual(['A', 'a', 'C', 'c']);
    expect(await header(id)).toEqual({
      messageCount: 4,
      preview: 'c',
      lastMessage: { id: branch.answer.id, content: 'c', visible: true },
    });
    const all = [first.message, first.answer, second.message, second.answer, branch.message, branch.answer];
    expect(await visible(...all.map((message) => message.id))).toEqual([true, true, false, false, true, true]);
    // The hidden branch is still there, and goes on where it ended.
    await ask(person, model, { conversationId: id, parentId: second.answer.id, content: 'D' }, 'd');
    expect(await texts(id)).toEqual(['A', 'a', 'B', 'b', 'D', 'd']);
    expect(await visible(...all.map((message) => message.id))).toEqual([true, true, true, true, false, false]);
    expect((await header(id)).messageCount).toBe(6);
  });

  it('without parentId goes to the end of the visible branch', async () => {
    const { conversation, answer } = await ask(person, model, { content: 'A' }, 'a');
    const { id } = conversation;
    await ask(person, model, { conversationId: id, content: 'B' }, 'b');
    await ask(person, model, { conversationId: id, parentId: answer.id, content: 'C' }, 'c');
    await ask(person, model, { conversationId: id, content: 'D', parentId: null }, 'd');
    expect(await texts(id)).toEqual(['A', 'a', 'C', 'c', 'D', 'd']);
  });

  it('may follow a question: another answer stands beside the first', async () => {
    const first = await ask(person, model, { content: 'A' }, 'a');
    const { id } = first.conversation;
    const again = await ask(person, model, { conversationId: id, parentId: first.message.id, content: 'B' }, 'b');
    expect(again.prompt).toEqual(['user: A', 'user: B']);
    expect(await texts(id)).toEqual(['A', 'B', 'b']);
  });

  it('tells each message its parent, also across forks', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: said('1', '2', '3') });
    const fork = await append(person, { conversationId, parentId: messages[0]?.id, messages: said('4', '5') });
    const query = `query ($id: ID!) { message(id: $id) { parent { id parent { id parent { id } } } } }`;
    expect(await person.data(query, { id: fork.messages[1]?.id })).toEqual({
      message: { parent: { id: fork.messages[0]?.id, parent: { id: messages[0]?.id, parent: null } } },
    });
  });

  it('pages forward and backward over a fork; the cursor of a message that is not visible works too', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: said('1', '2', '3', '4') });
    await append(person, { conversationId, parentId: messages[1]?.id, messages: said('5', '6', '7') });
    const contents = async (page: object) =>
      (await readPage(person, conversationId, page)).nodes.map(({ content }) => content);
    expect(await contents({ first: 3 })).toEqual(['1', '2', '5']);
    expect(await contents({ last: 4 })).toEqual(['2', '5', '6', '7']);
    const hidden = messages[3]?.cursor;
    expect(await contents({ first: 2, after: hidden })).toEqual(['5', '6']);
    expect(await contents({ last: 5, before: hidden })).toEqual(['1', '2']);
    expect(await contents({ after: messages[0]?.cursor, before: hidden })).toEqual(['2']);
  });
});

describe('What the model is shown', () => {
  it('is the branch that leads to its answer, and nothing of the others', async () => {
    const conversationId = await create(person, { systemPrompt: 'Be brief.' });
    const { messages } = await append(person, { conversationId, messages: said('1', '2', '3') });
    const branch = await ask(person, model, { conversationId, parentId: messages[0]?.id, content: '4' }, 'four');
    expect(branch.prompt).toEqual(['system: Be brief.', 'user: 1', 'user: 4']);
    const back = await ask(person, model, { conversationId, parentId: messages[2]?.id, content: '5' }, 'five');
    expect(back.prompt).toEqual(['system: Be brief.', 'user: 1', 'user: 2', 'user: 3', 'user: 5']);
    const on = await ask(person, model, { conversationId, parentId: branch.answer.id, content: '6' }, 'six');
    expect(on.prompt).toEqual(['system: Be brief.', 'user: 1', 'user: 4', 'assistant: four', 'user: 6']);
  });

  it('holds SYSTEM messages in their place, and no TOOL message and no empty one', async () => {
    const conversationId = await create(person, { systemPrompt: 'Be brief.' });
    await append(person, {
      conversationId,
      messages: [
        { role: 'USER', content: '1' },
        { role: 'TOOL', content: 'a table' },
        { role: 'SYSTEM', content: 'Be long now.' },
        { role: 'ASSISTANT', content: '' },
        { role: 'ASSISTANT', content: 'one', reasoning: 'Hm.' },
      ],
    });
    const { prompt } = await ask(person, model, { conversationId, content: '2' });
    expect(prompt).toEqual(['system: Be brief.', 'user: 1', 'system: Be long now.', 'assistant: one', 'user: 2']);
    expect(await texts(conversationId)).toEqual(['1', 'a table', 'Be long now.', '', 'one', '2', 'Well.']);
  });

  it('goes over more messages than are read at once, across many forks', async () => {
    const conversationId = await create(person);
    let parentId: string | undefined;
    const line: string[] = [];
    for (let part = 0; part < 8; part += 1) {
      const contents = Array.from({ length: 40 }, (_, index) => `${part}.${index}`);
      const { messages } = await append(person, { conversationId, parentId, messages: said(...contents, 'aside') });
      line.push(...contents);
      parentId = messages[39]?.id;
    }
    const { prompt } = await ask(person, model, { conversationId, parentId, content: 'Well?' });
    expect(prompt).toEqual([...line, 'Well?'].map((text) => `user: ${text}`));
  });

  it('holds what was said of an answer that was cut off', async () => {
    model.replyWith(stalled(chunk({ content: 'So f' })));
    const { conversation, answer } = await send(person, { content: 'A' });
    const read = 'query ($id: ID!) { message(id: $id) { content } }';
    await until('something is durable', async () => {
      return (await person.data<{ message: { content: string } }>(read, { id: answer.id })).message.content === 'So f';
    });
    const instead = { conversationId: conversation.id, content: 'B', whenBusy: 'CANCEL' };
    const { prompt } = await ask(person, model, instead);
    expect(prompt).toEqual(['user: A', 'assistant: So f', 'user: B']);
  });
});

describe('parentId', () => {
  const refusal = (input: object) => attempt<Sent>(person, sendMutation, { input: { content: 'B', ...input } });

  it('of a message that is being written is as whenBusy: CONFLICT, or cancelled and then followed', async () => {
    model.replyWith(stalled(chunk({ content: 'a' })), answered('b'));
    const { conversation, answer } = await send(person, { content: 'A' });
    const input = { conversationId: conversation.id, parentId: answer.id };
    expect(await refusal(input)).toMatchObject({ code: 'CONFLICT', reason: 'ANSWER_IN_PROGRESS' });
    const { message } = await send(person, { ...input, content: 'B', whenBusy: 'CANCEL' });
    const query = 'query ($id: ID!) { message(id: $id) { parent { id status } } }';
    const { message: found } = await person.data<{ message: object }>(query, { id: message.id });
    expect(found).toEqual({ parent: { id: answer.id, status: 'CANCELLED' } });
  });

  it('that is not in this conversation: NOT_FOUND', async () => {
    const [one, other] = [await create(person), await create(person)];
    const { messages } = await append(person, { conversationId: other, messages: said('1') });
    for (const parentId of [messages[0]?.id, one, `msg_${'0'.repeat(32)}`, 'x', '']) {
      expect(await refusal({ conversationId: one, parentId })).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await texts(one)).toEqual([]);
  });

  it('without conversationId: BAD_USER_INPUT', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: said('1') });
    const expected = { code: 'BAD_USER_INPUT', field: 'input.parentId' };
    expect(await refusal({ parentId: messages[0]?.id })).toMatchObject(expected);
    expect(await refusal({ parentId: messages[0]?.id, newConversation: {} })).toMatchObject(expected);
  });

  it('has 100 alternatives at most', async () => {
    const small = await startApp({ beside: app, env: { LIMITS: '{"alternatives": 2}' } });
    const someone = small.person();
    const conversationId = await create(someone);
    const { messages } = await append(someone, { conversationId, messages: said('1', '2') });
    const beside = { conversationId, parentId: messages[0]?.id, messages: said('3') };
    await append(someone, beside);
    const refused = await someone.graphql(
      'mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { messages { id } } }',
      { input: beside },
    );
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'input.parentId' });
    await small.close();
  });
});
