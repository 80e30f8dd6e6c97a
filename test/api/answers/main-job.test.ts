import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { answered, ModelServer } from '../../support/model-server.js';

const send = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { conversation { id title messageCount } message { id content } answer { id status streamCursor } }
}`;
const follow = `subscription ($id: ID!, $after: String) { answer(messageId: $id, after: $after) {
  __typename
  ... on AnswerDelta { offset text cursor }
  ... on AnswerFinished { message { status content finishReason promptTokens completionTokens } }
} }`;

interface Sent {
  sendMessage: {
    conversation: { id: string; title: string; messageCount: number };
    message: { id: string; content: string };
    answer: { id: string; status: string; streamCursor: string };
  };
}
type Event =
  | { __typename: 'AnswerDelta'; offset: number; text: string; cursor: string }
  | { __typename: 'AnswerFinished'; message: { status: string; content: string; finishReason: string } };

let model: ModelServer;
let app: TestApp;

beforeAll(async () => {
  model = await ModelServer.start();
  app = await startApp({ env: model.env });
});

afterAll(async () => {
  await app?.close();
  await model?.stop();
});

describe('The main job', () => {
  it('a question is asked, its answer followed token by token, and found again in the history', async () => {
    const ada = app.person();
    model.replyWith(answered('Bon', 'jour, ', 'Ada: ', '日本', '語 👩‍👩‍👧 end.'));
    const { sendMessage: sent } = await ada.data<Sent>(send, { input: { content: 'Hello, who are you?' } });
    expect(sent.conversation).toMatchObject({ title: 'Hello, who are you?', messageCount: 2 });
    expect(sent.answer).toMatchObject({ status: 'STREAMING' });

    let text = '';
    const events: Event[] = [];
    for await (const { data } of ada.follow<{ answer: Event }>(follow, { id: sent.answer.id })) {
      if (!data) throw new Error('An event without data.');
      events.push(data.answer);
      if (data.answer.__typename === 'AnswerDelta') text = text.slice(0, data.answer.offset) + data.answer.text;
    }
    const whole = 'Bonjour, Ada: 日本語 👩‍👩‍👧 end.';
    expect(text).toBe(whole);
    expect(events.at(-1)).toMatchObject({ message: { status: 'COMPLETE', content: whole, finishReason: 'stop' } });

    const { conversation } = await ada.data<{ conversation: object }>(
      'query ($id: ID!) { conversation(id: $id) { activeAnswer { id } messages { totalCount nodes { role status content } } } }',
      { id: sent.conversation.id },
    );
    expect(conversation).toEqual({
      activeAnswer: null,
      messages: {
        totalCount: 2,
        nodes: [
          { role: 'USER', status: 'COMPLETE', content: 'Hello, who are you?' },
          { role: 'ASSISTANT', status: 'COMPLETE', content: whole },
        ],
      },
    });
  });
});
