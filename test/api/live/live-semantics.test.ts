import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { append, create, remove } from '../../support/conversations.js';
import { ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { loadRecipe, type Screen, type ShownMessage } from '../../support/readme-recipe.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { ConversationDevice } from './conversation-device.js';
import { eventsUntil, isEnd, isHeader, kindsOf, syncCursorOf } from './live-events.js';

let model: ScriptedModel;
let app: TestApp;
let ada: Person;
let sql: SqlClient;

beforeAll(async () => {
  model = await ScriptedModel.start();
  app = await startApp({ env: { ...model.env, LIMITS: patience } });
  ada = app.person();
  sql = await SqlClient.connect(app.database.url);
});
afterAll(async () => {
  await sql?.close();
  await app?.close();
  await model?.stop();
});

let questions = 0;

/** A question whose answer is written by hand. */
async function ask(conversationId: string) {
  questions += 1;
  const content = `question ${questions}`;
  const byHand = new ModelByHand();
  model.answer(content, byHand.reply);
  const mutation = `mutation ($input: SendMessageInput!) {
    sendMessage(input: $input) { conversation { syncCursor } answer { id status content } } }`;
  const { sendMessage } = await ada.data<{
    sendMessage: { conversation: { syncCursor: string }; answer: { id: string } };
  }>(mutation, { input: { conversationId, content } });
  return { ...sendMessage, byHand };
}

const rename = (id: string, title: string) =>
  ada.data(
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
    {
      input: { id, title },
    },
  );

const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));

describe('Live', () => {
  it('settling sends AnswerFinished, not MessageChanged as well', async () => {
    const id = await create(ada);
    const after = await syncCursorOf(ada, id);
    const { byHand, answer } = await ask(id);
    await byHand.text('Well.');
    let ended = false;
    const events = await eventsUntil(ada, { id, after }, async (event) => {
      // It is told as running first: one that has ended before is a message that changed.
      if (event.message?.id === answer.id && event.text === undefined && !isEnd(event)) await byHand.finish();
      if (isEnd(event)) {
        ended = true;
        await rename(id, 'Ended');
      }
      return ended && isHeader(event) && JSON.stringify(event).includes('Ended');
    });
    const end = events.findIndex(isEnd);
    expect(events.filter(isEnd)).toHaveLength(1);
    expect(events.slice(end + 1).filter(({ message }) => message?.id === answer.id)).toEqual([]);
  });

  it("an answer's own deltas also appear in conversation", async () => {
    const id = await create(ada);
    const after = await syncCursorOf(ada, id);
    const { byHand, answer } = await ask(id);
    const told = eventsUntil(ada, { id, after }, async (event) => {
      if (event.message?.id === answer.id && event.text === undefined && !isEnd(event)) {
        await byHand.text('Well.');
        await byHand.finish();
      }
      return isEnd(event);
    });
    expect(kindsOf(await told)).toContain('AnswerDelta');
  });

  it('deleted while followed: ConversationDeleted, then complete; answer: error NOT_FOUND', async () => {
    const id = await create(ada);
    const { answer } = await ask(id);
    const device = ConversationDevice.follow(ada, id);
    const follower = await AnswerFollower.open(ada, answer.id);
    await device.until(() => device.kinds.length > 0);
    await remove(ada, id);
    await device.until(() => device.complete);
    expect(device.kinds.at(-1)).toBe('ConversationDeleted');
    await follower.ended();
    expect(follower.errors.map(({ extensions }) => extensions.code)).toEqual(['NOT_FOUND']);
    follower.close();
  });

  it('subscribing to what is gone: error NOT_FOUND, never silence; with a cursor of it too', async () => {
    const id = await create(ada);
    const after = await syncCursorOf(ada, id);
    await remove(ada, id);
    for (const cursor of [null, after]) {
      const [first] = await ConversationDevice.results(ada, id, cursor);
      expect(first?.errors?.[0]?.extensions?.code).toBe('NOT_FOUND');
    }
  });

  it('a message that cannot be opened is passed over', async () => {
    const id = await create(ada);
    const after = await syncCursorOf(ada, id);
    const { messages } = await append(ada, { conversationId: id, messages: said('one', 'two', 'three') });
    const damage = `UPDATE messages SET sealed_content = set_byte(sealed_content, 20, 255 - get_byte(sealed_content, 20))
      WHERE id = $1`;
    await sql.rows(damage, [uuidOf(messages[1]?.id ?? '')]);
    const events = await eventsUntil(ada, { id, after }, isHeader);
    expect(events.map(({ message }) => message?.content)).toEqual(['one', 'three', undefined]);
  });

  it("syncCursor from a mutation's payload is for a new subscription; an open one keeps its own", async () => {
    const id = await create(ada);
    const device = ConversationDevice.follow(ada, id);
    await device.until(() => device.kinds.length > 0);
    const { byHand, answer, conversation } = await ask(id);
    const fresh = eventsUntil(ada, { id, after: conversation.syncCursor }, isEnd);
    await byHand.text('Well.');
    await byHand.finish();
    // What the payload had said already does not come again; the answer that it showed as running does end.
    expect((await fresh).map(({ message }) => message?.id)).toEqual(expect.arrayContaining([answer.id]));
    expect((await fresh).filter(({ __typename }) => __typename === 'MessageChanged')).toEqual([]);
    await device.until(() => device.messages.get(answer.id)?.status === 'COMPLETE');
    expect(device.messages.size).toBe(2);
    await device.leave();
  });
});

describe('Deltas', () => {
  it("applied by the rule may come twice, overlap, or be followed by an older payload's empty content without harm; beyond the end: read again", async () => {
    const { apply } = await loadRecipe();
    const message: ShownMessage = {
      ...{ id: 'msg_1', role: 'ASSISTANT', status: 'STREAMING', content: '', reasoning: null, rating: null },
      parent: null,
    };
    const screen: Screen = { conversation: null, messages: new Map([['msg_1', message]]), cursor: null };
    const tell = (offset: number, text: string) =>
      apply(screen, {
        ...{ __typename: 'AnswerDelta', messageId: 'msg_1', offset, text, cursor: `${offset}` },
        ...{ reasoningOffset: null, reasoning: null },
      });
    const content = () => screen.messages.get('msg_1')?.content;
    expect([tell(0, 'Once '), tell(5, 'upon '), tell(5, 'upon '), tell(2, 'ce upon a')]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(content()).toBe('Once upon a');
    screen.messages.set('msg_1', message);
    expect(tell(11, ' time')).toBe('msg_1');
    expect(content()).toBe('');
    apply(screen, {
      ...{ __typename: 'AnswerFinished', cursor: 'end' },
      message: { ...message, status: 'COMPLETE', content: 'Once upon a time' },
    });
    expect(content()).toBe('Once upon a time');
  });
});
