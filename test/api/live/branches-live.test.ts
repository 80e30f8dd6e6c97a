import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import { isOver } from '../../support/ask.js';
import { edit, erase, regenerate, select } from '../../support/branches.js';
import { append, create, readMessage } from '../../support/conversations.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { ConversationDevice } from './conversation-device.js';

let both: TwoInstances;
let model: ModelServer;
let one: TestApp;
let other: TestApp;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model);
  [one, other] = both.instances;
});

afterAll(() => both?.close());

let ada: Person;
/** The same person at the other instance. */
let elsewhere: Person;
let conversationId: string;
let ids: string[];
let device: ConversationDevice;
let people = 0;

const cursorNow = async () => {
  const query = 'query ($id: ID!) { conversation(id: $id) { syncCursor } }';
  return (await ada.data<{ conversation: { syncCursor: string } }>(query, { id: conversationId })).conversation
    .syncCursor;
};

/** A branch 1 2 3, hidden by 1 4; what a second device is told begins after that. */
beforeEach(async () => {
  people += 1;
  ada = one.person(`person ${people}`);
  elsewhere = other.person(`person ${people}`);
  conversationId = await create(ada);
  const say = async (parentId: string | undefined, ...contents: string[]) => {
    const messages = contents.map((content) => ({ role: 'USER', content }));
    const appended = await append(ada, { conversationId, ...(parentId && { parentId }), messages });
    return appended.messages.map(({ id }) => id);
  };
  const line = await say(undefined, '1', '2', '3');
  ids = [...line, ...(await say(line[0], '4'))];
  device = ConversationDevice.follow(elsewhere, conversationId, await cursorNow());
});

afterEach(async () => {
  await device.leave();
});

const id = (number: number) => ids[number - 1] ?? '';

/** Resolves when the device has heard of all that was done before; gives what it was told. */
async function told(): Promise<readonly string[]> {
  const pin = 'mutation ($id: ID!) { updateConversation(input: { id: $id, pinned: true }) { conversation { id } } }';
  await ada.data(pin, { id: conversationId });
  await device.until(() => device.pinned);
  return device.kinds;
}

/** What of several changes came before the last pin: one event of the header at most is its own. */
const messagesTold = () => device.kinds.filter((kind) => kind === 'MessageChanged').length;

describe('A second device that follows a conversation', () => {
  it('hears of a selected branch by one ConversationChanged with branchChanged, and of no message', async () => {
    await select(ada, id(2));
    await device.until(() => device.branchChanges.length > 0);
    expect(await told()).toEqual(['ConversationChanged', 'ConversationChanged']);
    expect(device.branchChanges).toEqual([true, false]);
  });

  it('hears nothing of a selection that changes nothing', async () => {
    await select(ada, id(4));
    expect(await told()).toEqual(['ConversationChanged']);
    expect(device.branchChanges).toEqual([false]);
  });

  it.each(['edit', 'answer anew'] as const)(
    'at an %s hears of the new messages, the branch, deltas, the end',
    async (what) => {
      const hand = new ModelByHand();
      model.replyWith(hand.reply);
      const { answer } =
        what === 'edit'
          ? await edit(ada, { messageId: id(1), content: '5' })
          : await regenerate(ada, { messageId: id(2) });
      await hand.text('So ');
      await device.until(() => device.messages.get(answer.id)?.content === 'So ');
      await hand.text('far.');
      await hand.finish();
      await device.until(() => device.messages.get(answer.id)?.status === 'COMPLETE');
      await told();
      const first = what === 'edit' ? ['MessageChanged', 'MessageChanged'] : ['MessageChanged'];
      expect(device.kinds.slice(0, first.length + 2)).toEqual([...first, 'ConversationChanged', 'AnswerDelta']);
      expect(device.kinds.filter((kind) => kind === 'AnswerFinished')).toHaveLength(1);
      expect(device.branchChanges).toEqual([true, false, false]);
      expect(device.messages.get(answer.id)).toMatchObject({ content: 'So far.' });
    },
  );

  it('hears of an erased message by MessageChanged, with empty content', async () => {
    await erase(ada, id(4));
    await device.until(() => device.branchChanges.length > 0);
    expect(await told()).toEqual(['MessageChanged', 'ConversationChanged', 'ConversationChanged']);
    expect(device.messages.get(id(4))).toMatchObject({ content: '', status: 'COMPLETE' });
    expect(device.branchChanges).toEqual([false, false]);
  });

  it('hears of an erased answer that ran: it ends CANCELLED, and its text is gone', async () => {
    const hand = new ModelByHand();
    model.replyWith(hand.reply);
    const { answer } = await regenerate(ada, { messageId: id(4) });
    await hand.text('hunter2');
    await device.until(() => device.messages.get(answer.id)?.content === 'hunter2');
    await erase(ada, answer.id);
    await device.until(() => device.messages.get(answer.id)?.content === '');
    expect(device.messages.get(answer.id)).toMatchObject({ status: 'CANCELLED' });
    expect(device.kinds.filter((kind) => kind === 'AnswerFinished')).toHaveLength(1);
  });

  it('that was away catches up with what changed: messages once, as they are, and the header last with branchChanged', async () => {
    await device.leave();
    model.replyWith(async (response, call) => {
      const hand = new ModelByHand();
      await hand.reply(response, call);
      await hand.text('Well.');
      await hand.finish();
    });
    const edited = await edit(ada, { messageId: id(1), content: '5' });
    await isOver(ada, edited.answer.id);
    await erase(ada, id(3));
    await select(ada, id(3));
    device.connect(elsewhere);
    await device.until(() => device.branchChanges.length > 0);
    expect(device.kinds.at(-1)).toBe('ConversationChanged');
    expect([messagesTold(), device.branchChanges]).toEqual([3, [true]]);
    for (const message of [edited.message.id, edited.answer.id, id(3)]) {
      const { content, status } = await readMessage(ada, message);
      expect(device.messages.get(message)).toMatchObject({ content, status });
    }
  });
});
