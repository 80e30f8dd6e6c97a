import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { ask, isOver } from '../../support/ask.js';
import { append, create, send } from '../../support/conversations.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';

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

interface Listed {
  readonly id: string;
  readonly title: string;
  readonly archived: boolean;
  readonly updatedAt: string;
}

/** The list as it stands, with the filter given, or with that of a client that gives none. */
async function list(filter?: object | null): Promise<readonly Listed[]> {
  const query = `query ${filter === undefined ? '' : '($filter: ConversationFilter)'} {
    conversations(first: 100${filter === undefined ? '' : ', filter: $filter'}) {
      totalCount nodes { id title archived updatedAt }
    }
  }`;
  const { conversations } = await person.data<{ conversations: { totalCount: number; nodes: readonly Listed[] } }>(
    query,
    {
      ...(filter !== undefined && { filter }),
    },
  );
  expect(conversations.totalCount).toBe(conversations.nodes.length);
  return conversations.nodes;
}

const titles = async (filter?: object | null) => (await list(filter)).map(({ title }) => title);

async function update(id: string, change: object): Promise<void> {
  const mutation =
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }';
  await person.data(mutation, { input: { id, ...change } });
}

/** Three conversations, the last one newest. */
async function three(): Promise<readonly [string, string, string]> {
  return [
    await create(person, { title: 'A' }),
    await create(person, { title: 'B' }),
    await create(person, { title: 'C' }),
  ];
}

describe('The list of conversations', () => {
  it('goes by updatedAt: what is added to a conversation, or finished there, moves it; titles, pins and ratings do not', async () => {
    const [a, b, c] = await three();
    expect(await titles()).toEqual(['C', 'B', 'A']);
    const { messages } = await append(person, { conversationId: a, messages: [{ role: 'USER', content: '1' }] });
    expect(await titles()).toEqual(['A', 'C', 'B']);

    const byHand = new ModelByHand();
    model.replyWith(byHand.reply);
    const { answer } = await send(person, { conversationId: b, content: '2' });
    expect(await titles()).toEqual(['B', 'A', 'C']);
    await append(person, { conversationId: c, messages: [{ role: 'USER', content: '3' }] });
    expect(await titles()).toEqual(['C', 'B', 'A']);
    await byHand.text('Well.');
    await byHand.finish();
    await isOver(person, answer.id);
    expect(await titles()).toEqual(['B', 'C', 'A']);

    const before = await list();
    await update(a, { title: 'A', pinned: true, metadata: { a: 1 } });
    const rate = 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }';
    await person.data(rate, { input: { messageId: messages[0]?.id, rating: 'UP' } });
    expect(await list()).toEqual(before);
  });

  it('does not put pins on top: a client that wants that asks for them', async () => {
    const [a] = await three();
    await update(a, { pinned: true });
    expect(await titles()).toEqual(['C', 'B', 'A']);
    expect(await titles({ pinned: true })).toEqual(['A']);
    expect(await titles({ pinned: false })).toEqual(['C', 'B']);
  });

  it('leaves archived ones out unless it is asked for them; a filter that is null means both', async () => {
    const [a, b] = await three();
    await update(b, { archived: true });
    await update(a, { pinned: true });
    expect(await titles()).toEqual(['C', 'A']);
    expect(await titles({})).toEqual(['C', 'A']);
    expect(await titles({ archived: true })).toEqual(['B']);
    expect(await titles({ archived: null })).toEqual(['C', 'B', 'A']);
    expect(
      await titles({ archived: null, pinned: null, title: null, updatedAfter: null, updatedBefore: null }),
    ).toEqual(['C', 'B', 'A']);
    expect(await titles(null)).toEqual(['C', 'B', 'A']);
  });

  it.each(['a send', 'an append'])('takes a conversation out of the archive that gets a message by %s', async (by) => {
    const id = await create(person, { title: 'A' });
    await update(id, { archived: true });
    expect(await titles()).toEqual([]);
    if (by === 'a send') await ask(person, model, { conversationId: id, content: '1' });
    else await append(person, { conversationId: id, messages: [{ role: 'USER', content: '1' }] });
    expect(await list()).toMatchObject([{ id, archived: false }]);
    expect(await titles({ archived: true })).toEqual([]);
  });

  it('does not find what was deleted, by no filter', async () => {
    const [a] = await three();
    await person.data('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', { ids: [a] });
    for (const filter of [undefined, null, { archived: null }, { title: 'A' }]) {
      expect(await titles(filter)).not.toContain('A');
    }
  });
});

describe('A rating', () => {
  it('given while the answer is written is there when it is finished; null or nothing takes it back, with its comment', async () => {
    const byHand = new ModelByHand();
    model.replyWith(byHand.reply);
    const { answer } = await send(person, { content: '1' });
    const rate =
      'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { rating ratingComment } } }';
    const given = async (input: object) =>
      (await person.data<{ rateMessage: { message: object } }>(rate, { input: { messageId: answer.id, ...input } }))
        .rateMessage.message;
    expect(await given({ rating: 'DOWN', comment: 'Slow' })).toEqual({ rating: 'DOWN', ratingComment: 'Slow' });
    await byHand.text('Well.');
    await byHand.finish();
    await isOver(person, answer.id);
    const query = 'query ($id: ID!) { message(id: $id) { status content rating ratingComment } }';
    const read = () => person.data(query, { id: answer.id });
    expect(await read()).toEqual({
      message: { status: 'COMPLETE', content: 'Well.', rating: 'DOWN', ratingComment: 'Slow' },
    });
    expect(await given({ rating: 'UP' })).toEqual({ rating: 'UP', ratingComment: 'Slow' });
    expect(await given({ rating: null })).toEqual({ rating: null, ratingComment: null });
    await given({ rating: 'UP', comment: 'Now' });
    expect(await given({})).toEqual({ rating: null, ratingComment: null });
    expect(await read()).toMatchObject({ message: { status: 'COMPLETE', content: 'Well.', rating: null } });
  });
});
