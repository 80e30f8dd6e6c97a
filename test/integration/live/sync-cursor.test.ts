import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { storedConversation } from '../../../src/answers/stored.js';
import { makeConversationLoaders } from '../../../src/conversations/conversation.loaders.js';
import type { ConversationRow } from '../../../src/conversations/conversation-row.js';
import type { Scope } from '../../../src/identity/scope.js';
import { ChangeWatch } from '../../../src/live/change-watch.js';
import { LiveResolver } from '../../../src/live/live.resolver.js';
import { LiveService } from '../../../src/live/live.service.js';
import { readSyncCursor } from '../../../src/live/sync-cursor.js';
import { makeMessageLoaders } from '../../../src/messages/message.loaders.js';
import { findMessage } from '../../../src/messages/message.repository.js';
import { systemClock } from '../../../src/platform/clock.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { recentInMemory } from '../../support/recent-messages.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from '../answers/instance.js';

let own: TestDatabase;
let instance: Instance;
let scope: Scope;

beforeEach(async () => {
  own = await createDatabase();
  instance = await Instance.start({ url: own.url });
  scope = await instance.person();
});
afterEach(async () => {
  await instance.stop();
  await own.drop();
});

/** The syncCursor of a conversation, as an operation gives it that has read in `scope` before. */
async function syncCursorIn(operation: Scope, conversationId: string, header?: ConversationRow) {
  const { database, pubsub, runs, replicas } = instance;
  const deps = { database, pubsub, clock: systemClock, log: createLog('silent') };
  const service = new LiveService({ ...deps, watch: new ChangeWatch(deps), runs, replicas, deltaCodeUnits: 100 });
  const conversations = makeConversationLoaders(database);
  const resolver = new LiveResolver(service, conversations, messages());
  if (header) operation.of(conversations).keep(header);
  const conversation = await operation.of(conversations).byId.load(conversationId);
  if (!conversation) throw new Error('There is no such conversation.');
  return readSyncCursor(operation.keys, conversationId, await resolver.syncCursor(conversation), 'after');
}

let loaders: ReturnType<typeof makeMessageLoaders> | null = null;
const messages = () => (loaders ??= makeMessageLoaders(instance.database, recentInMemory()));
afterEach(() => {
  loaders = null;
});

const stored = async (id: string) => {
  const row = await findMessage(instance.database, scope.viewer.id, id);
  if (!row) throw new Error('There is no such message.');
  return row;
};

/** The conversation after its answer has ended. */
async function ended({ answer, conversation, model }: Awaited<ReturnType<typeof instance.ask>>) {
  model.finish();
  await until('it has ended', async () => (await stored(answer.id)).status === 'COMPLETE');
  return { conversation: await storedConversation(instance.database, scope.viewer.id, conversation.id) };
}

describe('A syncCursor', () => {
  it('holds the running answer at the length that the same operation shows', async () => {
    const { answer, conversation, model } = await instance.ask(scope);
    model.say('Once ');
    const running = await until('it is durable', async () => {
      const row = await stored(answer.id);
      return row.chunks?.length ? row : null;
    });
    const operation = await scope.fresh();
    operation.of(messages()).keep(running);
    model.say('upon');
    await until('more is durable', async () => ((await stored(answer.id)).chunks?.length ?? 0) > 1);
    expect(await syncCursorIn(operation, conversation.id)).toMatchObject({
      running: { messageId: answer.id, offsets: { content: 5, reasoning: 0 } },
    });
    model.finish();
  });

  it('of an operation that shows an answer as running still tells its end, though it had ended meanwhile', async () => {
    const { answer, conversation, model } = await instance.ask(scope);
    const operation = await scope.fresh();
    // As sendMessage does: the answer as it was stored, then the header as it is now.
    operation.of(messages()).keep(answer);
    model.say('Quickly.');
    model.finish();
    const final = await until('it has ended', async () => {
      const row = await stored(answer.id);
      return row.status === 'STREAMING' ? null : row;
    });
    const state = await syncCursorIn(operation, conversation.id);
    expect(state.running).toEqual({ messageId: answer.id, offsets: { content: 0, reasoning: 0 } });
    expect(state.seen.revision).toBeLessThan(final.revision);
  });

  it('of an operation that shows an answer which began after its header was read misses nothing in between', async () => {
    const { conversation: header } = await ended(await instance.ask(scope));
    const conversationId = toPublicId('cnv', header.id);
    await instance.answers.append(scope, {
      ...{ conversationId, whenBusy: 'REJECT' },
      messages: [{ role: 'USER', content: 'In between.' }],
    });
    const { answer, model } = await instance.ask(scope, { conversationId });
    const operation = await scope.fresh();
    operation.of(messages()).keep(answer);
    const state = await syncCursorIn(operation, header.id, header);
    expect(state.seen.revision).toBe(header.revision);
    expect(state.header).toBe(header.revision);
    model.finish();
  });
});
