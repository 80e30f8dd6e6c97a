import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import { ModelByHand } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SqlClient } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { ConversationDevice, readConversation } from './conversation-device.js';

let both: TwoInstances;
let model: ScriptedModel;
let one: TestApp;
let other: TestApp;

beforeAll(async () => {
  model = await ScriptedModel.start();
  both = await startTwoInstances(model);
  [one, other] = both.instances;
});

afterAll(() => both?.close());

let questions = 0;

let people = 0;

/** The same person, at the one instance and at the other. */
function twoDevices(): [Person, Person] {
  people += 1;
  const name = `person ${people}`;
  return [one.person(name), other.person(name)];
}

/** A question whose answer is written by hand. */
function nextQuestion(): { question: string; answer: ModelByHand } {
  questions += 1;
  const answer = new ModelByHand();
  const question = `question ${questions}`;
  model.answer(question, answer.reply);
  return { question, answer };
}

const create = (person: Person) =>
  person
    .data<{ createConversation: { conversation: { id: string; syncCursor: string } } }>(
      'mutation { createConversation(input: {}) { conversation { id syncCursor } } }',
    )
    .then(({ createConversation }) => createConversation.conversation);

const send = (person: Person, conversationId: string, content: string) =>
  person.data('mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }', {
    input: { conversationId, content },
  });

describe('A conversation, live', () => {
  it('begins with the header of now, and a running answer with its text so far, then deltas', async () => {
    const [ada, elsewhere] = twoDevices();
    const { id } = await create(ada);
    const { question, answer } = nextQuestion();
    await send(ada, id, question);
    await answer.text('Once ');
    const device = ConversationDevice.follow(elsewhere, id);
    await device.until(() => device.contentOf(0) === 'Once ');
    await answer.text('upon a time.');
    await device.until(() => device.contentOf(0) === 'Once upon a time.');
    await answer.finish();
    await device.until(() => device.messages.get(device.idOf(0))?.status === 'COMPLETE');
    expect(device.kinds.slice(0, 2)).toEqual(['ConversationChanged', 'MessageChanged']);
    expect(device.kinds.filter((kind) => kind === 'AnswerFinished')).toHaveLength(1);
    await device.leave();
  });

  it('a second device hears of questions, answers, titles and deletions that another one made', async () => {
    const [ada, elsewhere] = twoDevices();
    const { id, syncCursor } = await create(ada);
    const device = ConversationDevice.follow(elsewhere, id, syncCursor);
    const { question, answer } = nextQuestion();
    await send(ada, id, question);
    await answer.text('Yes.');
    await answer.finish();
    await device.until(() => device.messages.size === 2 && device.contentOf(1) === 'Yes.');
    await ada.data(
      'mutation ($id: ID!) { updateConversation(input: {id: $id, title: "Mine"}) { conversation { id } } }',
      {
        id,
      },
    );
    await device.until(() => device.title === 'Mine');
    await device.until(() => device.messages.get(device.idOf(1))?.status === 'COMPLETE');
    expect(device.state()).toEqual(await readConversation(ada, id));
    await ada.data('mutation ($id: ID!) { deleteConversations(ids: [$id]) { deletedIds } }', { id });
    await device.until(() => device.kinds.at(-1) === 'ConversationDeleted');
    await device.until(() => device.complete);
    await device.leave();
  });

  it('a running answer that is changed otherwise comes with the text that was delivered, and deltas go on from its end', async () => {
    const [ada, elsewhere] = twoDevices();
    const { id } = await create(ada);
    const { question, answer } = nextQuestion();
    await send(ada, id, question);
    await answer.called;
    const sql = await SqlClient.connect(one.database.url);
    try {
      // No checkpoint while the row of the run is held: what is delivered is ahead of what is durable.
      await sql.rows('BEGIN');
      await sql.rows('SELECT FROM answer_runs FOR UPDATE');
      let said = '';
      const say = (text: string) => {
        said += text;
        return answer.text(text);
      };
      for (const person of [ada, elsewhere]) {
        const device = ConversationDevice.follow(person, id);
        await say('Once ');
        await device.until(() => device.contentOf(0) === said);
        await ada.data('mutation ($id: ID!) { rateMessage(input: {messageId: $id, rating: UP}) { message { id } } }', {
          id: device.idOf(0),
        });
        await device.until(() => device.kinds.filter((kind) => kind === 'MessageChanged').length === 2);
        expect(device.contentOf(0)).toBe(said);
        await say('upon ');
        await device.until(() => device.contentOf(0) === said);
        await device.leave();
      }
    } finally {
      await sql.rows('COMMIT');
      await sql.close();
    }
    await answer.finish();
  });

  it('subscribing to what is gone or not yours: error NOT_FOUND, never silence', async () => {
    const ada = one.person();
    const { id } = await create(ada);
    const stranger = one.person();
    const [first] = await ConversationDevice.results(stranger, id);
    expect(first?.errors?.[0]?.extensions?.code).toBe('NOT_FOUND');
  });

  it('a cursor of another conversation is BAD_USER_INPUT', async () => {
    const ada = one.person();
    const { id } = await create(ada);
    const { syncCursor } = await create(ada);
    const [first] = await ConversationDevice.results(ada, id, syncCursor);
    expect(first?.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' });
  });
});
