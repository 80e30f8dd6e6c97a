import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AppendMessageInput } from '../../../src/answers/answer-input.types.js';
import type { Scope } from '../../../src/identity/scope.js';
import type { Database, Transaction } from '../../../src/platform/database.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { SqlClient, waitingForLocks } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let instance: Instance;
let scope: Scope;
let conversationId: string;

beforeAll(async () => {
  own = await createDatabase();
  instance = await Instance.start({ url: own.url });
  scope = await instance.person();
  const { id } = await instance.conversations.create(scope, { temporary: false });
  conversationId = toPublicId('cnv', id);
});

afterAll(async () => {
  await instance?.stop();
  await own?.drop();
});

const append = (message: Partial<AppendMessageInput>) =>
  instance.answers.append(scope, {
    ...{ conversationId, whenBusy: 'REJECT' },
    messages: [{ role: 'USER', content: 'Said.', ...message }],
  });

describe('createdAt of an appended message', () => {
  it.each(['2020-02-29T12:00:00.000Z', '1969-12-31T23:59:59.999Z', '0001-01-01T00:00:00.000Z'])(
    'may be past: %s',
    async (createdAt) => {
      expect((await append({ createdAt })).messages).toMatchObject([{ created_at: createdAt }]);
    },
  );

  it('is now where it is ahead by no more than clocks are apart', async () => {
    const { messages } = await append({ createdAt: new Date(Date.now() + 900).toISOString() });
    expect(Date.parse(messages[0]?.created_at ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it.each(['9999-01-01T00:00:00.000Z', '0000-12-31T23:59:59.999Z'])(
    'is BAD_USER_INPUT where nothing was said: %s',
    async (createdAt) => {
      const field = 'input.messages.0.createdAt';
      await expect(append({ createdAt })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', extensions: { field } });
    },
  );
});

/** The same database, which waits before it first sends a statement of this name; the result says when that is. */
function waitingBefore(database: Database, name: string) {
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const waiting = (tx: Transaction): Transaction => ({
    ...tx,
    query: async (one, values) => {
      if (one.name === name) {
        reached.resolve();
        await open.promise;
      }
      return await tx.query(one, values);
    },
  });
  const transaction = <T>(work: (tx: Transaction) => Promise<T>) => database.transaction((tx) => work(waiting(tx)));
  const slow: Database = Object.assign(Object.create(database), { transaction });
  return { database: slow, reached: reached.promise, open: open.resolve };
}

describe('An append that settles an answer on the way', () => {
  const answers = (...models: string[]) =>
    models.map((model) => ({ role: 'ASSISTANT', content: 'Said.', model }) as const);

  it('is carried out beside another one that counts for the same models in another order', async () => {
    const writer = await Instance.start({ url: own.url });
    const { viewer } = await writer.person();
    const running = await writer.ask(await writer.scopeOf(viewer.id));
    await writer.crash();
    const sql = await SqlClient.connect(own.url);
    const { upkeep, pubsub } = instance;
    const slow = waitingBefore(instance.database, 'messages.append');
    const one = Instance.over({ database: slow.database, upkeep, pubsub }, {});
    const settling = one.answers.append(await one.scopeOf(viewer.id), {
      ...{ conversationId: toPublicId('cnv', running.conversation.id), whenBusy: 'CANCEL' },
      messages: answers('a model'),
    });
    await slow.reached;
    const other = await instance.scopeOf(viewer.id);
    const { id } = await instance.conversations.create(other, { temporary: false });
    const beside = instance.answers.append(other, {
      ...{ conversationId: toPublicId('cnv', id), whenBusy: 'REJECT' },
      messages: answers('a model', 'dictated'),
    });
    await until('it waits for what the first has counted', async () => (await waitingForLocks(sql)) === 1);
    slow.open();
    expect((await settling).messages).toHaveLength(1);
    expect((await beside).messages).toHaveLength(2);
    const used =
      'SELECT model, sum(answers)::integer AS answers FROM usage_days WHERE owner_id = $1 GROUP BY 1 ORDER BY 1';
    expect(await sql.rows(used, [viewer.id])).toEqual([
      { model: 'a model', answers: 2 },
      { model: 'dictated', answers: 2 },
    ]);
    await sql.close();
    one.keyring.close();
  });
});
