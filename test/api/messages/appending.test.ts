import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { ask } from '../../support/ask.js';
import { type Appended, append, appendMutation, attempt, create, readBranch } from '../../support/conversations.js';
import { ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';

let model: ModelServer;
let app: TestApp;
let person: Person;
let conversationId: string;

beforeAll(async () => {
  model = await ModelServer.start();
  app = await startApp({ env: model.env });
});
beforeEach(async () => {
  model.replyWith();
  person = app.person();
  conversationId = await create(person);
});
afterAll(async () => {
  await app?.close();
  await model?.stop();
});

const attemptAppend = (messages: readonly object[], more: object = {}) =>
  attempt<Appended>(person, appendMutation, { input: { conversationId, messages, ...more } });

const user = (content: string, more: object = {}) => ({ role: 'USER', content, ...more });

interface Read {
  readonly role: string;
  readonly createdAt: string;
  readonly completedAt: string | null;
}

async function readAll(): Promise<{ readonly updatedAt: string; readonly nodes: readonly Read[] }> {
  const query = `query ($id: ID!) { conversation(id: $id) { updatedAt messages { nodes {
    role status content reasoning model promptTokens completionTokens costMicroUsd latencyMs firstTokenMs finishReason
    error { code } metadata rating streamCursor createdAt completedAt
  } } } }`;
  const { conversation } = await person.data<{
    conversation: { updatedAt: string; messages: { nodes: readonly Read[] } };
  }>(query, { id: conversationId });
  return { updatedAt: conversation.updatedAt, nodes: conversation.messages.nodes };
}

describe('appendMessages', () => {
  it('keeps roles, counts and all that is given, and asks no model', async () => {
    const given = {
      reasoning: 'Hm.',
      model: 'any words',
      promptTokens: 0,
      completionTokens: 2,
      costMicroUsd: 3,
      latencyMs: 4,
      metadata: { a: [1, { b: null }] },
    };
    const nothing = {
      reasoning: null,
      model: null,
      promptTokens: null,
      completionTokens: null,
      costMicroUsd: null,
      latencyMs: null,
      metadata: {},
    };
    const empty = { reasoning: '', model: '' };
    const roles = ['SYSTEM', 'USER', 'TOOL', 'ASSISTANT'];
    await append(person, {
      conversationId,
      messages: roles.map((role) => ({ role, content: `As ${role}`, ...(role === 'ASSISTANT' ? given : empty) })),
    });
    const { nodes } = await readAll();
    expect(nodes).toEqual(
      roles.map((role) => ({
        role,
        status: 'COMPLETE',
        content: `As ${role}`,
        ...(role === 'ASSISTANT' ? given : nothing),
        ...{ firstTokenMs: null, finishReason: null, error: null, rating: null, streamCursor: null },
        createdAt: expect.any(String),
        completedAt: expect.any(String),
      })),
    );
    expect(model.calls).toEqual([]);
  });

  it('takes a createdAt of the past, not of the future; order is position; updatedAt is now', async () => {
    const before = Date.now();
    const times = ['2024-02-29T12:00:00.000Z', '2001-01-01T00:00:00.001Z', '2020-06-01T02:00:00+02:00'];
    await append(person, {
      conversationId,
      messages: [...times.map((createdAt) => user(createdAt, { createdAt })), user('now')],
    });
    const { updatedAt, nodes } = await readAll();
    const created = nodes.map(({ createdAt }) => createdAt);
    expect(created.slice(0, 3)).toEqual(times.map((time) => new Date(time).toISOString()));
    expect(nodes.map(({ completedAt }) => completedAt)).toEqual(created);
    for (const now of [created[3] ?? '', updatedAt]) {
      expect(Math.abs(Date.parse(now) - before)).toBeLessThan(30_000);
    }
    const future = new Date(Date.now() + 60_000).toISOString();
    expect(await attemptAppend([user('1'), user('2', { createdAt: future })])).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'input.messages.1.createdAt',
    });
    expect(await readBranch(person, conversationId)).toHaveLength(4);
  });

  it('takes 1 to 100 messages, all or none', async () => {
    expect(await attemptAppend([])).toMatchObject({ code: 'BAD_USER_INPUT', field: 'input.messages' });
    const many = (count: number) => Array.from({ length: count }, (_, index) => user(`${index}`));
    expect(await attemptAppend(many(101))).toMatchObject({ code: 'BAD_USER_INPUT', field: 'input.messages' });
    expect(await attemptAppend([...many(3), user('a\u0000')])).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'input.messages.3.content',
    });
    expect(await readBranch(person, conversationId)).toEqual([]);
    const { messages } = await append(person, { conversationId, messages: many(100) });
    expect(await readBranch(person, conversationId)).toEqual(messages);
  });

  it.each<[string, object, string]>([
    ['a count that no Int is', user('1', { promptTokens: 2 ** 31 }), 'promptTokens'],
    ['an instant that is none', user('1', { createdAt: 'now' }), 'createdAt'],
    ['a role that is none', { role: 'BOT', content: '1' }, 'role'],
    ['no content', { role: 'USER' }, 'content'],
    ['a field that it does not have', user('1', { words: 1 }), 'words'],
  ])('names the field in one way, whoever refuses it: %s', async (_name, message, field) => {
    expect(await attemptAppend([user('0'), message])).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: `input.messages.1.${field}`,
    });
  });

  it('refuses counts below zero', async () => {
    for (const field of ['promptTokens', 'completionTokens', 'costMicroUsd', 'latencyMs']) {
      expect(await attemptAppend([user('1', { [field]: -1 })])).toMatchObject({
        code: 'BAD_USER_INPUT',
        field: `input.messages.0.${field}`,
      });
    }
  });

  it('gives a conversation its automatic title by the first words of the person', async () => {
    const roles = ['SYSTEM', 'ASSISTANT', 'USER', 'USER'];
    const { conversation } = await append(person, {
      conversationId,
      messages: roles.map((role, index) => ({ role, content: `${role} says ${index}` })),
    });
    const query = 'query ($id: ID!) { conversation(id: $id) { title } }';
    expect(await person.data(query, { id: conversation.id })).toEqual({ conversation: { title: 'USER says 2' } });
  });

  it('takes messages of 1 MiB, and the model is shown what follows them', async () => {
    const content = '日本'.repeat(174_762);
    await append(person, { conversationId, messages: [user(content), { role: 'ASSISTANT', content: 'Long.' }] });
    expect((await readBranch(person, conversationId))[0]?.content).toBe(content);
    expect(await attemptAppend([user(`${content}日本`)])).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'input.messages.0.content',
    });
    const { prompt } = await ask(person, model, { conversationId, content: 'And?' });
    expect(prompt).toEqual(['assistant: Long.', 'user: And?']);
  });
});
