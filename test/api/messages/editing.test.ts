import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { ask, isOver, promptOf } from '../../support/ask.js';
import { edit, regenerate, siblingsOf, tryEdit, tryRegenerate } from '../../support/branches.js';
import { append, create, readBranch, readMessage, send } from '../../support/conversations.js';
import { answered, chunk, ModelServer, stalled } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';

let model: ModelServer;
let app: TestApp;
let person: Person;

beforeAll(async () => {
  model = await ModelServer.start();
  const models = JSON.stringify([{ id: 'scripted' }, { id: 'other' }]);
  app = await startApp({ env: { ...model.env, MODELS: models } });
});
beforeEach(() => {
  person = app.person();
});
afterAll(async () => {
  await app?.close();
  await model?.stop();
});

const texts = async (id: string) => (await readBranch(person, id)).map(({ content }) => content);

/** What the model was shown for the answer that is over then, which is `reply`. */
async function promptFor(reply: string, begin: () => Promise<{ readonly answer: { readonly id: string } }>) {
  model.replyWith(answered(reply));
  await isOver(person, (await begin()).answer.id);
  return promptOf(await model.call(1));
}

/** Two questions and their answers: A, a, B, b. */
async function twoTurns() {
  const first = await ask(person, model, { content: 'A' }, 'a');
  const conversationId = first.conversation.id;
  const second = await ask(person, model, { conversationId, content: 'B' }, 'b');
  return { conversationId, first, second };
}

describe('editMessage', () => {
  it('makes a new sibling of a user message, with a new answer; the old branch stays', async () => {
    const { conversationId, first, second } = await twoTurns();
    const prompt = await promptFor('c', () => edit(person, { messageId: second.message.id, content: 'C' }));
    expect(prompt).toEqual(['user: A', 'assistant: a', 'user: C']);
    expect(await texts(conversationId)).toEqual(['A', 'a', 'C', 'c']);
    expect(await readMessage(person, second.answer.id)).toMatchObject({ content: 'b', status: 'COMPLETE' });
    const [old, edited = ''] = await siblingsOf(person, second.message.id);
    expect(old).toBe(second.message.id);
    expect(await siblingsOf(person, edited)).toEqual([old, edited]);
    expect(await siblingsOf(person, first.answer.id)).toEqual([first.answer.id]);
  });

  it('of the first message makes another beginning, which the model is shown alone; the title stays', async () => {
    const { conversationId, first } = await twoTurns();
    let edited = { conversation: { title: '', messageCount: 0 }, message: { id: '' }, answer: { id: '' } };
    const prompt = await promptFor('z', async () => {
      edited = await edit(person, { messageId: first.message.id, content: 'Z' });
      return edited;
    });
    expect(prompt).toEqual(['user: Z']);
    expect(edited.conversation).toMatchObject({ title: 'A', messageCount: 2 });
    expect(await texts(conversationId)).toEqual(['Z', 'z']);
    expect(await siblingsOf(person, first.message.id)).toEqual([first.message.id, edited.message.id]);
    // What is sent next goes on there.
    const next = await ask(person, model, { conversationId, content: 'Y' }, 'y');
    expect(next.prompt).toEqual(['user: Z', 'assistant: z', 'user: Y']);
  });

  it('on anything but a USER message: BAD_USER_INPUT', async () => {
    const conversationId = await create(person);
    const roles = ['SYSTEM', 'ASSISTANT', 'TOOL'];
    const { messages } = await append(person, {
      conversationId,
      messages: roles.map((role) => ({ role, content: role })),
    });
    const expected = { code: 'BAD_USER_INPUT', field: 'input.messageId' };
    for (const { id } of messages)
      expect(await tryEdit(person, { messageId: id, content: 'x' })).toMatchObject(expected);
    expect(await texts(conversationId)).toEqual(roles);
  });

  it('refuses what no question may be, and names the field', async () => {
    const { first } = await twoTurns();
    const messageId = first.message.id;
    for (const content of ['', 'x'.repeat(32_769), '\ud800', 'a\0b']) {
      expect(await tryEdit(person, { messageId, content })).toMatchObject({ field: 'input.content' });
    }
    expect(await tryEdit(person, { messageId, content: 'x', model: 'none' })).toMatchObject({ field: 'input.model' });
    const keyed = await tryEdit(person, { messageId, content: 'x', idempotencyKey: '' });
    expect(keyed).toMatchObject({ code: 'BAD_USER_INPUT', field: 'input.idempotencyKey' });
  });
});

describe('regenerateAnswer', () => {
  it('on an ASSISTANT message makes a sibling of it, and says what it answers', async () => {
    const { conversationId, first, second } = await twoTurns();
    let again: Awaited<ReturnType<typeof regenerate>> | undefined;
    const prompt = await promptFor('b2', async () => {
      again = await regenerate(person, { messageId: second.answer.id });
      return again;
    });
    expect(prompt).toEqual(['user: A', 'assistant: a', 'user: B']);
    expect(again?.message).toMatchObject({ id: second.message.id, content: 'B' });
    expect(again?.conversation.messageCount).toBe(4);
    expect(await texts(conversationId)).toEqual(['A', 'a', 'B', 'b2']);
    expect(await siblingsOf(person, second.answer.id)).toEqual([second.answer.id, again?.answer.id]);
    // Further up it leaves what follows.
    await promptFor('a2', () => regenerate(person, { messageId: first.answer.id }));
    expect(await texts(conversationId)).toEqual(['A', 'a2']);
  });

  it('on a USER message makes a further answer to it, also where it has none', async () => {
    const { conversationId, second } = await twoTurns();
    await promptFor('b2', () => regenerate(person, { messageId: second.message.id }));
    expect(await texts(conversationId)).toEqual(['A', 'a', 'B', 'b2']);
    await append(person, { conversationId, messages: [{ role: 'USER', content: 'D' }] });
    const [unanswered] = (await readBranch(person, conversationId)).slice(-1);
    const prompt = await promptFor('d', () => regenerate(person, { messageId: unanswered?.id }));
    expect(prompt.slice(-2)).toEqual(['assistant: b2', 'user: D']);
    expect(await texts(conversationId)).toEqual(['A', 'a', 'B', 'b2', 'D', 'd']);
  });

  it('of an answer that is the first of its conversation has no message', async () => {
    const conversationId = await create(person, { systemPrompt: 'Greet.' });
    const { messages } = await append(person, { conversationId, messages: [{ role: 'ASSISTANT', content: 'Hello' }] });
    let message: unknown;
    const prompt = await promptFor('Hi', async () => {
      const again = await regenerate(person, { messageId: messages[0]?.id });
      message = again.message;
      return again;
    });
    expect([message, prompt]).toEqual([null, ['system: Greet.']]);
    expect(await texts(conversationId)).toEqual(['Hi']);
  });

  it('on others: BAD_USER_INPUT naming the field', async () => {
    const conversationId = await create(person);
    const roles = ['SYSTEM', 'TOOL'];
    const { messages } = await append(person, {
      conversationId,
      messages: roles.map((role) => ({ role, content: role })),
    });
    const expected = { code: 'BAD_USER_INPUT', field: 'input.messageId' };
    for (const { id } of messages) expect(await tryRegenerate(person, { messageId: id })).toMatchObject(expected);
  });

  it('asks the model that is named, else the one of the conversation', async () => {
    const conversationId = await create(person, { model: 'other' });
    const { answer } = await ask(person, model, { conversationId, content: 'A' }, 'a');
    const asked = async (input: object) => {
      model.replyWith(answered('a'));
      const begun = await regenerate(person, { messageId: answer.id, ...input });
      await isOver(person, begun.answer.id);
      return (await model.call(1)).body.model;
    };
    expect([await asked({}), await asked({ model: 'scripted' })]).toEqual(['other', 'scripted']);
  });
});

describe('Around a message that is being written, edits and regenerations', () => {
  it('are as whenBusy: CONFLICT, or it is cancelled, keeps what it has, and they go on', async () => {
    model.replyWith(stalled(chunk({ content: 'So f' })));
    const { conversation, message, answer } = await send(person, { content: 'A' });
    const expected = { code: 'CONFLICT', reason: 'ANSWER_IN_PROGRESS' };
    expect(await tryEdit(person, { messageId: message.id, content: 'B' })).toMatchObject(expected);
    expect(await tryRegenerate(person, { messageId: message.id })).toMatchObject(expected);
    expect(await tryRegenerate(person, { messageId: answer.id })).toMatchObject(expected);
    await promptFor('a2', () => regenerate(person, { messageId: answer.id, whenBusy: 'CANCEL' }));
    expect(await readMessage(person, answer.id)).toMatchObject({ status: 'CANCELLED' });
    expect(await texts(conversation.id)).toEqual(['A', 'a2']);
  });
});

describe('A key', () => {
  it('gives the same edit and the same regeneration again, starts nothing, and shows on what was made with it', async () => {
    const { conversationId, first } = await twoTurns();
    const editing = { messageId: first.message.id, content: 'C', idempotencyKey: 'e' };
    const edited = await edit(person, editing);
    await isOver(person, edited.answer.id);
    const again = { messageId: edited.answer.id, idempotencyKey: 'r' };
    const regenerated = await regenerate(person, again);
    await isOver(person, regenerated.answer.id);
    const before = await texts(conversationId);
    const ids = ({ message, answer }: { message: { id: string } | null; answer: { id: string } }) => [
      message?.id,
      answer.id,
    ];
    expect(ids(await edit(person, editing))).toEqual(ids(edited));
    expect(ids(await regenerate(person, again))).toEqual(ids(regenerated));
    expect(await texts(conversationId)).toEqual(before);
    const reused = { code: 'CONFLICT', reason: 'IDEMPOTENCY_KEY_REUSED' };
    expect(await tryEdit(person, { ...editing, content: 'D' })).toMatchObject(reused);
    expect(await tryRegenerate(person, { messageId: first.answer.id, idempotencyKey: 'e' })).toMatchObject(reused);
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { idempotencyKey } } }';
    const keys = await person.data(query, { ids: [edited.message.id, edited.answer.id, regenerated.answer.id] });
    expect(keys).toEqual({ nodes: [{ idempotencyKey: 'e' }, { idempotencyKey: null }, { idempotencyKey: 'r' }] });
  });
});

describe('Limits', () => {
  it('hold for edits and regenerations: 100 alternatives under one parent, and among beginnings', async () => {
    const small = await startApp({ beside: app, env: { LIMITS: '{"alternatives": 2}' } });
    try {
      person = small.person();
      const { first } = await twoTurns();
      await promptFor('x', () => edit(person, { messageId: first.message.id, content: 'X' }));
      await promptFor('x', () => regenerate(person, { messageId: first.message.id }));
      const expected = { code: 'BAD_USER_INPUT', field: 'input.messageId' };
      expect(await tryEdit(person, { messageId: first.message.id, content: 'Y' })).toMatchObject(expected);
      expect(await tryRegenerate(person, { messageId: first.answer.id })).toMatchObject(expected);
      expect(await tryRegenerate(person, { messageId: first.message.id })).toMatchObject(expected);
    } finally {
      await small.close();
    }
  });

  it('count edits and regenerations as sends, and their answers among those at a time', async () => {
    const rated = { RATE_LIMITS: 'on', LIMITS: '{"sendsPerMinute": 4, "answersPerOwner": 1}' };
    const strict = await startApp({ beside: app, env: rated });
    try {
      person = strict.person();
      const { first } = await twoTurns();
      model.replyWith(stalled());
      await send(person, { content: 'Elsewhere' });
      expect(await tryEdit(person, { messageId: first.message.id, content: 'X' })).toMatchObject({
        code: 'RATE_LIMITED',
        message: expect.stringContaining('answers at a time'),
      });
      const refusal = await tryRegenerate(person, { messageId: first.answer.id });
      expect(refusal).toMatchObject({ code: 'RATE_LIMITED', message: expect.not.stringContaining('at a time') });
    } finally {
      await strict.close();
    }
  });
});
