import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { append, create, send } from '../../support/conversations.js';
import { answered, ModelByHand, type ModelReply, ModelServer, withStatus } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';

let both: TwoInstances;
let model: ModelServer;
let instances: readonly [TestApp, TestApp];
/** What the model that writes titles replies; the one that answers says the same each time. */
let titleReply: ModelReply = answered('Cheese at home');

beforeAll(async () => {
  model = await ModelServer.start();
  model.replyWith((response, call) =>
    call.body.model === 'titles' ? titleReply(response, call) : answered('Take milk.')(response, call),
  );
  both = await startTwoInstances(model, { TITLE_MODEL: 'titles' });
  ({ instances } = both);
});
afterEach(() => {
  titleReply = answered('Cheese at home');
  model.calls.length = 0;
});
afterAll(() => both?.close());

const question = 'How is cheese made by people who have no tools for it, at home?';
const titlesAsked = () => model.calls.filter(({ body }) => body.model === 'titles').length;

interface Header {
  readonly title: string;
  readonly updatedAt: string;
  readonly lastMessage: { readonly status: string; readonly completedAt: string } | null;
}

async function header(person: Person, id: string): Promise<Header> {
  const query = 'query ($id: ID!) { conversation(id: $id) { title updatedAt lastMessage { status completedAt } } }';
  return (await person.data<{ conversation: Header }>(query, { id })).conversation;
}

const rename = (person: Person, id: string, title: string | null) =>
  person.data(
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
    {
      input: { id, title },
    },
  );

async function found(person: Person, title: string): Promise<number> {
  const query = 'query ($title: String) { conversations(filter: { title: $title }) { totalCount } }';
  return (await person.data<{ conversations: { totalCount: number } }>(query, { title })).conversations.totalCount;
}

const titled = (person: Person, id: string, title: string) =>
  until(`it is called ${title}`, async () => (await header(person, id)).title === title);

const final = (person: Person, id: string) =>
  until('the answer is final', async () => {
    const { lastMessage } = await header(person, id);
    return lastMessage !== null && lastMessage.status !== 'STREAMING';
  });

describe('TITLE_MODEL', () => {
  it('writes the title after the first answer, once, and it is found by that; other devices hear of it', async () => {
    const name = 'a reader';
    const [person, device] = [instances[0].person(name), instances[1].person(name)];
    const conversationId = await create(person);
    const titles: string[] = [];
    const subscription = `subscription ($id: ID!) { conversation(id: $id) {
      ... on ConversationChanged { conversation { title } }
    } }`;
    const events = device.follow<{ conversation: { conversation?: { title: string } } }>(subscription, {
      id: conversationId,
    });
    const following = (async () => {
      for await (const { data } of events) {
        const title = data?.conversation.conversation?.title;
        if (title) titles.push(title);
        if (title === 'Cheese at home') return;
      }
    })();
    await until('it is followed', () => titles.length > 0);
    await send(person, { conversationId, content: question });
    await following;
    expect(titles).toEqual(expect.arrayContaining(['New conversation', 'Cheese at home']));
    expect(await found(person, 'cheese at ho')).toBe(1);
    expect(await found(person, 'people')).toBe(0);
    const asked = titlesAsked();
    await send(person, { conversationId, content: 'And butter?' });
    await final(person, conversationId);
    expect([asked, titlesAsked()]).toEqual([1, 1]);
  });

  it('is shown the question and the answer, and asked to keep their language', async () => {
    const person = instances[0].person();
    const { conversation } = await send(person, { content: question });
    await titled(person, conversation.id, 'Cheese at home');
    const [call] = model.calls.filter(({ body }) => body.model === 'titles');
    const said = JSON.stringify(call?.body.messages);
    expect(said).toContain(question);
    expect(said).toContain('Take milk.');
    expect(said).toContain('in the language in which it is held');
  });

  it('does not move updatedAt', async () => {
    const person = instances[0].person();
    const hand = new ModelByHand();
    titleReply = hand.reply;
    const { conversation } = await send(person, { content: question });
    await hand.called;
    const before = await header(person, conversation.id);
    expect(before.title).toBe('How is cheese made by people who have no tools for');
    await hand.text('Cheese at home');
    await hand.finish();
    await titled(person, conversation.id, 'Cheese at home');
    expect((await header(person, conversation.id)).updatedAt).toBe(before.updatedAt);
  });

  it('never writes over a title that the person gave, also not while it writes', async () => {
    const person = instances[0].person();
    const own = await create(person, { title: 'Mine' });
    await send(person, { conversationId: own, content: question });
    await final(person, own);
    const hand = new ModelByHand();
    titleReply = hand.reply;
    const { conversation } = await send(person, { content: question });
    await hand.called;
    await rename(person, conversation.id, 'Mine, too');
    await hand.text('Cheese at home');
    await hand.finish();
    // The title is given back when the person's own is taken away: only then is it told that it was written.
    await until('it was written', async () => {
      expect((await header(person, conversation.id)).title).toBe('Mine, too');
      await rename(person, conversation.id, '');
      const { title } = await header(person, conversation.id);
      if (title !== 'Cheese at home') await rename(person, conversation.id, 'Mine, too');
      return title === 'Cheese at home';
    });
    expect((await header(person, own)).title).toBe('Mine');
    expect(titlesAsked()).toBe(1);
    expect([await found(person, 'mine'), await found(person, 'cheese')]).toEqual([1, 1]);
  });

  it.each<[string, ModelReply]>([
    ['fails', withStatus(500)],
    ['says nothing', answered(' ')],
    ['is refused', withStatus(401)],
  ])('leaves the automatic title where it %s; the next answer tries again', async (_how, reply) => {
    const person = instances[0].person();
    titleReply = reply;
    const { conversation } = await send(person, { content: question });
    await until('it was asked', () => titlesAsked() === 1);
    await final(person, conversation.id);
    expect((await header(person, conversation.id)).title).toBe('How is cheese made by people who have no tools for');
    titleReply = answered('Cheese at home');
    await until('another answer has it written', async () => {
      await send(person, { conversationId: conversation.id, content: 'And butter?' });
      await final(person, conversation.id);
      return titlesAsked() > 1;
    });
    await titled(person, conversation.id, 'Cheese at home');
  });

  it('is not asked about answers that were said elsewhere', async () => {
    const person = instances[0].person();
    const conversationId = await create(person);
    const messages = [
      { role: 'USER', content: question },
      { role: 'ASSISTANT', content: 'Take milk.' },
    ];
    await append(person, { conversationId, messages });
    expect((await header(person, conversationId)).title).toBe('How is cheese made by people who have no tools for');
    expect(titlesAsked()).toBe(0);
  });

  it('is stopped with the server, whose stop does not wait for it', async () => {
    const third = await startApp({ beside: instances[0] });
    const hand = new ModelByHand();
    titleReply = hand.reply;
    const person = third.person();
    await send(person, { content: question });
    const call = await until('it is asked', () => model.calls.find(({ body }) => body.model === 'titles'));
    await third.close();
    expect(await call.closed).toBe(false);
  });
});
