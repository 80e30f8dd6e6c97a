import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { startApp, type TestApp } from '../../support/app.js';
import type { Person } from '../../support/person.js';
import { until } from '../../support/until.js';

const subscription = `subscription { conversations {
  __typename
  ... on ConversationChanged { conversation { id title pinned } branchChanged cursor }
  ... on ConversationDeleted { conversationId }
} }`;

interface ListEvent {
  readonly __typename: string;
  readonly conversation?: { readonly id: string; readonly title: string; readonly pinned: boolean };
  readonly conversationId?: string;
}

let one: TestApp;
let other: TestApp;
let clients: Client[] = [];

beforeAll(async () => {
  one = await startApp({ redis: true });
  other = await startApp({ beside: one });
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.dispose()));
  clients = [];
  await other?.close();
  await one?.close();
});

function followList({ url, token }: Person): ListEvent[] {
  const events: ListEvent[] = [];
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  clients.push(client);
  client.subscribe<{ conversations: ListEvent }>(
    { query: subscription },
    { next: ({ data }) => data && events.push(data.conversations), error: () => undefined, complete: () => undefined },
  );
  return events;
}

const create = async (person: Person, title: string) => {
  const { createConversation } = await person.data<{ createConversation: { conversation: { id: string } } }>(
    'mutation ($title: String) { createConversation(input: { title: $title }) { conversation { id } } }',
    { title },
  );
  return createConversation.conversation.id;
};

const eventOf = (events: readonly ListEvent[], wanted: (event: ListEvent) => boolean) =>
  until(`an event of the list, after ${JSON.stringify(events)}`, () => events.find(wanted));

describe('The list beside the chat', () => {
  it('begins with ConversationListReady after every connection', async () => {
    const events = followList(one.person());
    await eventOf(events, ({ __typename }) => __typename === 'ConversationListReady');
    expect(events).toHaveLength(1);
  });

  it.each([
    { where: 'on the same instance', at: () => one },
    { where: 'on another instance', at: () => other },
  ])('tells of conversations that appear, change or go, $where', async ({ where, at }) => {
    const ada = one.person(`the list of ${where}`);
    const events = followList(at().person(`the list of ${where}`));
    await eventOf(events, ({ __typename }) => __typename === 'ConversationListReady');
    const id = await create(ada, 'First');
    await eventOf(events, ({ conversation }) => conversation?.id === id && conversation.title === 'First');
    await ada.data(
      'mutation ($id: ID!) { updateConversation(input: { id: $id, pinned: true }) { conversation { id } } }',
      {
        id,
      },
    );
    await eventOf(events, ({ conversation }) => conversation?.id === id && conversation.pinned);
    await ada.data('mutation ($id: ID!) { deleteConversations(ids: [$id]) { deletedIds } }', { id });
    await eventOf(events, ({ conversationId }) => conversationId === id);
  });

  it("tells nobody of somebody else's", async () => {
    const ada = one.person();
    const grace = one.person();
    const seenByGrace = followList(grace);
    const seenByAda = followList(ada);
    await eventOf(seenByGrace, () => true);
    await eventOf(seenByAda, () => true);
    const foreign = await create(ada, 'Mine');
    const own = await create(grace, 'Hers');
    await eventOf(seenByAda, ({ conversation }) => conversation?.id === foreign);
    await eventOf(seenByGrace, ({ conversation }) => conversation?.id === own);
    expect(JSON.stringify(seenByGrace)).not.toContain(foreign);
  });
});
