import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower, ClientText } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { clockOff, hourMs } from '../../support/clock-off.js';
import { answered, ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';

interface Sent {
  readonly sendMessage: { readonly conversation: { readonly id: string }; readonly answer: { readonly id: string } };
}

const send = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { conversation { id } answer { id } }
}`;

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
/** Good at an instance whose clock is an hour off, too. */
const longLived = () => ({ iat: inSeconds(-7200), exp: inSeconds(7200) });

let model: ScriptedModel;
let right: TestApp;
let wrong: TestApp;

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());

const personAt = (app: TestApp, name: string, claims: object = longLived()) =>
  new Person(app.url, app.token(name, claims));

/** One person, at each instance. */
function ada() {
  const name = randomUUID();
  return { atRight: personAt(right, name), atWrong: personAt(wrong, name) };
}

const ask = async (person: Person, question: string, input: object = {}) =>
  (await person.data<Sent>(send, { input: { content: question, ...input } })).sendMessage;

describe.each([
  ['an hour ahead', hourMs],
  ['an hour behind', -hourMs],
])('With the clock of one instance %s', (_how, byMs) => {
  const followers: AnswerFollower[] = [];
  const follow = async (...asked: Parameters<typeof AnswerFollower.open>) => {
    const follower = await AnswerFollower.open(...asked);
    followers.push(follower);
    return follower;
  };

  beforeAll(async () => {
    right = await startApp({ redis: true, env: { ...model.env, LIMITS: patience } });
    wrong = await startApp({ beside: right, clock: clockOff(byMs) });
  });
  afterEach(() => {
    for (const follower of followers.splice(0)) follower.close();
  });
  afterAll(async () => {
    await wrong.close();
    await right.close();
  });

  it.each(['right', 'wrong'])(
    'an answer written at the %s one is followed at the other; a cursor is good at both',
    async (which) => {
      const { atRight, atWrong } = ada();
      const [atWriter, atReader] = which === 'wrong' ? [atWrong, atRight] : [atRight, atWrong];
      const byHand = new ModelByHand();
      const question = randomUUID();
      model.answer(question, byHand.reply);
      const { answer } = await ask(atWriter, question);
      const first = await follow(atReader, answer.id);
      await byHand.text('One, ');
      await first.has('One, ');
      const next = await follow(atWriter, answer.id, { after: first.cursor, text: new ClientText(first.text) });
      await byHand.text('two.');
      await byHand.finish();
      for (const follower of [first, next]) {
        expect(await follower.end()).toMatchObject({ status: 'COMPLETE', content: 'One, two.' });
        expect(follower.content).toBe('One, two.');
        expect([...follower.broken, ...follower.errors]).toEqual([]);
        expect(follower.repeated).toBe(0);
      }
    },
  );

  it('one key is one answer, whoever is asked with it', async () => {
    const { atRight, atWrong } = ada();
    const question = randomUUID();
    model.answer(question, answered('Once.'));
    const input = { idempotencyKey: randomUUID() };
    const both = await Promise.all([atRight, atWrong].map((person) => ask(person, question, input)));
    const later = await ask(atWrong, question, input);
    expect(new Set([...both, later].map(({ answer }) => answer.id)).size).toBe(1);
    const follower = await follow(atRight, later.answer.id);
    expect(await follower.end()).toMatchObject({ content: 'Once.' });
    expect(model.timesAsked(question)).toBe(1);
  });

  it('the list is in the order of what happened, and pages over both instances', async () => {
    const { atRight, atWrong } = ada();
    const ids: string[] = [];
    for (const person of [atRight, atWrong, atRight, atWrong]) {
      const question = randomUUID();
      model.answer(question, answered('Yes.'));
      const { conversation, answer } = await ask(person, question);
      await (await follow(person, answer.id)).end();
      ids.unshift(conversation.id);
    }
    const list = `query ($after: String) {
      conversations(first: 2, after: $after) { edges { node { id } } pageInfo { endCursor } }
    }`;
    interface Page {
      readonly conversations: {
        readonly edges: readonly { readonly node: { readonly id: string } }[];
        readonly pageInfo: { readonly endCursor: string };
      };
    }
    const newest = (await atWrong.data<Page>(list)).conversations;
    const older = (await atRight.data<Page>(list, { after: newest.pageInfo.endCursor })).conversations;
    expect([...newest.edges, ...older.edges].map(({ node }) => node.id)).toEqual(ids);
  });

  it('what is appended stands in its place, with the time of the database', async () => {
    const { atRight, atWrong } = ada();
    const create = 'mutation { createConversation(input: {}) { conversation { id } } }';
    const made = await atRight.data<{ createConversation: { conversation: { id: string } } }>(create);
    const conversationId = made.createConversation.conversation.id;
    const append = `mutation ($input: AppendMessagesInput!) {
      appendMessages(input: $input) { messages { content createdAt } }
    }`;
    for (const [content, person] of [
      ['first', atWrong],
      ['second', atRight],
      ['third', atWrong],
    ] as const) {
      const input = { conversationId, messages: [{ role: 'USER', content }] };
      const { appendMessages } = await person.data<{ appendMessages: { messages: { createdAt: string }[] } }>(append, {
        input,
      });
      const offMs = Date.parse(appendMessages.messages[0]?.createdAt ?? '') - Date.now();
      expect(Math.abs(offMs)).toBeLessThan(60_000);
    }
    const read = 'query ($id: ID!) { conversation(id: $id) { messages(last: 3) { nodes { content } } } }';
    const { conversation } = await atRight.data<{ conversation: { messages: { nodes: unknown } } }>(read, {
      id: conversationId,
    });
    expect(conversation.messages.nodes).toEqual(['first', 'second', 'third'].map((content) => ({ content })));
  });

  it('a token is judged by the clock of whoever is asked, with 5 s of tolerance', async () => {
    const name = randomUUID();
    const asks = async (app: TestApp, claims: object) => {
      const body = await personAt(app, name, claims).graphql('{ viewer { id } }');
      return body.errors?.[0]?.extensions.code ?? 'welcome';
    };
    const newest = { iat: inSeconds(0), exp: inSeconds(1800) };
    expect(await asks(right, newest)).toBe('welcome');
    expect(await asks(wrong, newest)).toBe('UNAUTHENTICATED');
    const expired = { iat: inSeconds(-7200), exp: inSeconds(-60) };
    expect(await asks(right, expired)).toBe('UNAUTHENTICATED');
    expect(await asks(wrong, expired)).toBe(byMs > 0 ? 'UNAUTHENTICATED' : 'welcome');
    expect(await asks(wrong, longLived())).toBe('welcome');
  });
});
