import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import type { Person } from '../../support/person.js';
import { until } from '../../support/until.js';
import { ListDevice, type ListEvent } from './list-device.js';

let one: TestApp;
let other: TestApp;
const devices: ListDevice[] = [];

beforeAll(async () => {
  one = await startApp({ redis: true });
  other = await startApp({ beside: one });
});

afterAll(async () => {
  await Promise.all(devices.map((device) => device.leave()));
  await other?.close();
  await one?.close();
});

function followList(person: Person): readonly ListEvent[] {
  const device = ListDevice.follow(person);
  devices.push(device);
  return device.events;
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
