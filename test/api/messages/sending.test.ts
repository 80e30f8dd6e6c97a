import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { ask } from '../../support/ask.js';
import { attempt, create, readBranch, remove, type Sent, sendMutation } from '../../support/conversations.js';
import { ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';

let model: ModelServer;
let app: TestApp;
let person: Person;

beforeAll(async () => {
  model = await ModelServer.start();
  const models = ['small', 'large'].map((id) => ({ id, contextTokens: 100, maxOutputTokens: 20 }));
  app = await startApp({
    env: { OPENAI_BASE_URL: model.baseUrl, DEFAULT_MODEL: 'small', MODELS: JSON.stringify(models) },
  });
});
beforeEach(() => {
  model.replyWith();
  person = app.person();
});
afterAll(async () => {
  await app?.close();
  await model?.stop();
});

const attemptSend = (input: object) => attempt<Sent>(person, sendMutation, { input });

const hasConversations = async () =>
  (await person.data<{ conversations: { totalCount: number } }>('{ conversations { totalCount } }')).conversations
    .totalCount;

async function update(input: object): Promise<void> {
  const mutation =
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }';
  await person.data(mutation, { input });
}

describe('sendMessage', () => {
  it('without conversationId starts a new conversation, as newConversation says', async () => {
    const newConversation = { title: 'Mine', systemPrompt: 'Be brief.', model: 'large', metadata: { a: 1 } };
    const { conversation, prompt, call } = await ask(person, model, { content: 'What?', newConversation });
    expect(prompt).toEqual(['system: Be brief.', 'user: What?']);
    expect(call.body.model).toBe('large');
    const query = 'query ($id: ID!) { conversation(id: $id) { title systemPrompt model metadata messageCount } }';
    expect(await person.data(query, { id: conversation.id })).toEqual({
      conversation: { ...newConversation, messageCount: 2 },
    });
  });

  it('with newConversation together with conversationId: BAD_USER_INPUT', async () => {
    const conversationId = await create(person);
    for (const newConversation of [{}, { title: 'One' }]) {
      expect(await attemptSend({ conversationId, newConversation, content: 'What?' })).toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'input.newConversation',
      });
    }
    expect(await readBranch(person, conversationId)).toEqual([]);
  });

  it.each(['a key', ''])(
    'with newConversation with an idempotencyKey of its own: BAD_USER_INPUT (%j)',
    async (idempotencyKey) => {
      expect(await attemptSend({ content: 'What?', newConversation: { idempotencyKey } })).toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'input.newConversation.idempotencyKey',
      });
      expect(await hasConversations()).toBe(0);
    },
  );

  it('with what is null is as without it', async () => {
    const nothing = { conversationId: null, newConversation: null, parentId: null, model: null, metadata: null };
    const { conversation, call } = await ask(person, model, { ...nothing, content: 'What?', idempotencyKey: null });
    expect(conversation.messageCount).toBe(2);
    expect(call.body.model).toBe('small');
  });

  it.each([
    ['of the send', 'input.model', { model: 'none' }],
    ['of the new conversation', 'input.newConversation.model', { newConversation: { model: 'none' } }],
  ])('with an unknown model %s: BAD_USER_INPUT, with the known ones', async (_which, field, more) => {
    const refused = await attemptSend({ content: 'What?', ...more });
    expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', field });
    expect(refused.code && refused.message).toMatch(/small.*large/);
    expect(await hasConversations()).toBe(0);
    expect(model.calls).toEqual([]);
  });

  it('asks the model that it names, or else the conversation’s, or else the server’s default', async () => {
    const { conversation, call } = await ask(person, model, { content: '1' });
    const conversationId = conversation.id;
    await update({ id: conversationId, model: 'large' });
    const second = await ask(person, model, { conversationId, content: '2' });
    const third = await ask(person, model, { conversationId, content: '3', model: 'small' });
    await update({ id: conversationId, model: null });
    const fourth = await ask(person, model, { conversationId, content: '4' });
    expect([call, second.call, third.call, fourth.call].map(({ body }) => body.model)).toEqual([
      'small',
      'large',
      'small',
      'small',
    ]);
  });

  it.each([
    ['', 'input.content'],
    ['x'.repeat(32_769), 'input.content'],
    ['a\u0000b', 'input.content'],
    ['a\ud800b', 'input.content'],
  ])('with a content that is none: BAD_USER_INPUT (%#)', async (content, field) => {
    expect(await attemptSend({ content })).toMatchObject({ code: 'BAD_USER_INPUT', field });
    expect(await hasConversations()).toBe(0);
  });

  it('takes 32,768 code units of anything, and gives them back as they were', async () => {
    const content = '👩‍👩‍👧é\r\n\t"\\'.repeat(2520).slice(0, 32_768);
    const { message, prompt } = await ask(person, model, { content });
    expect(message.content).toBe(content);
    expect(prompt).toEqual([`user: ${content}`]);
  });

  it('to a conversation that is not there: NOT_FOUND', async () => {
    const conversationId = await create(person);
    await remove(person, conversationId);
    for (const id of [conversationId, `cnv_${'0'.repeat(32)}`, `msg_${'0'.repeat(32)}`, '', 'x']) {
      expect(await attemptSend({ conversationId: id, content: 'What?' })).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await hasConversations()).toBe(0);
  });

  it('shows the model the system prompt, then the newest messages that fit contextTokens less maxOutputTokens', async () => {
    // 80 tokens are left, and a token is reckoned as three bytes.
    const { conversation } = await ask(
      person,
      model,
      { content: 'a'.repeat(90), newConversation: { systemPrompt: 'p'.repeat(60) } },
      'b'.repeat(60),
    );
    const conversationId = conversation.id;
    const { prompt } = await ask(person, model, { conversationId, content: 'c'.repeat(90) }, 'd'.repeat(30));
    expect(prompt).toEqual([`system: ${'p'.repeat(60)}`, `assistant: ${'b'.repeat(60)}`, `user: ${'c'.repeat(90)}`]);
    const long = await ask(person, model, { conversationId, content: 'e'.repeat(3000) });
    expect(long.prompt).toEqual([`system: ${'p'.repeat(60)}`, `user: ${'e'.repeat(3000)}`]);
  });
});
