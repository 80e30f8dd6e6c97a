import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import {
  append,
  type Created,
  create,
  createMutation,
  type Outcome,
  outcomeOf,
  remove,
  type Sent,
  send,
  sendMutation,
} from '../../support/conversations.js';
import { answered, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { speaking } from '../../support/slow-model.js';
import { SqlClient, waitingForLocks } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

const minuteMs = 60_000;
const perMinute = 3;
const limits = { conversationsPerMinute: perMinute, sendsPerMinute: perMinute, poolWaitMs: 20_000, lockMs: 20_000 };

let model: ModelServer;
const environment = (more: object = {}) => ({
  OPENAI_BASE_URL: model.baseUrl,
  DEFAULT_MODEL: 'scripted',
  RATE_LIMITS: 'on',
  LIMITS: JSON.stringify({ ...limits, ...more }),
});

beforeAll(async () => {
  model = await ModelServer.start();
  model.replyWith(answered('One ', 'two.'));
});
afterAll(() => model?.stop());

/** What the server can be told to do so often. */
const rated = [
  { rate: 'conversations', mutation: createMutation, input: (text: string) => ({ title: text }) },
  { rate: 'sends', mutation: sendMutation, input: (text: string) => ({ content: text }) },
] as const;

type Done = Outcome<Created | Sent>;

const attempt = async (person: Person, mutation: string, input: object): Promise<Done> =>
  outcomeOf<Created | Sent>(await person.graphql(mutation, { input }));

const refused = { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) };

function expectRefused(outcome: Done): void {
  expect(outcome).toMatchObject(refused);
  expect(outcome.code && outcome.retryAfterMs).toBeGreaterThan(0);
  expect(outcome.code && outcome.retryAfterMs).toBeLessThanOrEqual(minuteMs);
}

const idOf = (data: Created | Sent | undefined) => {
  if (!data) throw new Error('It was refused.');
  return 'sendMessage' in data ? data.sendMessage.answer.id : data.createConversation.conversation.id;
};

let people = 0;
/** Somebody whom no other test has seen; asks one instance after the other. */
function askerAt(instances: readonly TestApp[]): (mutation: string, input: object) => Promise<Done> {
  people += 1;
  const persons = instances.map((instance) => instance.person(`person ${people}`));
  let next = 0;
  return (mutation, input) => {
    next += 1;
    const person = persons[next % persons.length];
    if (!person) throw new Error('There is no instance.');
    return attempt(person, mutation, input);
  };
}

describe.each([
  { where: 'in the memory of one instance', redis: false },
  { where: 'in Redis, over two instances together', redis: true },
])('Rates, kept $where', ({ redis }) => {
  let instances: readonly TestApp[];
  beforeAll(async () => {
    const first = await startApp({ redis, env: environment() });
    instances = redis ? [first, await startApp({ beside: first })] : [first];
  });
  afterAll(async () => {
    for (const instance of instances?.toReversed() ?? []) await instance.close();
  });

  const someone = () => askerAt(instances);

  it.each(rated)(
    '$rate: what is too much in a minute is RATE_LIMITED, with retryAfterMs; everyone has their own',
    async ({ mutation, input }) => {
      const [ask, other] = [someone(), someone()];
      for (let time = 1; time <= perMinute; time += 1) idOf((await ask(mutation, input(`${time}`))).data);
      for (let time = 1; time <= 3; time += 1) expectRefused(await ask(mutation, input('more')));
      idOf((await other(mutation, input('1'))).data);
    },
  );

  it.each(rated)(
    '$rate: a replay costs no points, also many at once; there are none left, and it is answered',
    async ({ mutation, input }) => {
      const ask = someone();
      const keyed = { ...input('1'), idempotencyKey: 'a key' };
      const first = idOf((await ask(mutation, keyed)).data);
      const replays = await Promise.all(Array.from({ length: 20 }, () => ask(mutation, keyed)));
      for (const { data } of replays) expect(idOf(data)).toBe(first);
      for (let time = 2; time <= perMinute; time += 1) idOf((await ask(mutation, input(`${time}`))).data);
      expectRefused(await ask(mutation, input('more')));
      expectRefused(await ask(mutation, { ...input('more'), idempotencyKey: 'another key' }));
      expect(idOf((await ask(mutation, keyed)).data)).toBe(first);
      expect(await ask(mutation, { ...input('more'), idempotencyKey: 'a key' })).toMatchObject({ code: 'CONFLICT' });
    },
  );

  it('a replay without a point is answered while the first is still running', async () => {
    const ask = someone();
    for (let time = 1; time < perMinute; time += 1) idOf((await ask(createMutation, { title: 'One' })).data);
    const url = instances[0]?.database.url ?? '';
    const [holder, observer] = [await SqlClient.connect(url), await SqlClient.connect(url)];
    try {
      await holder.rows('BEGIN');
      await holder.rows('SELECT FROM users FOR UPDATE');
      const keyed = { title: 'The last', idempotencyKey: 'a key' };
      const first = ask(createMutation, keyed);
      await until('the first waits', async () => (await waitingForLocks(observer)) === 1);
      const replays = Array.from({ length: 4 }, () => ask(createMutation, keyed));
      // On one instance the replays stand in a line behind the first, and hold no connection.
      await until('the others wait, too', async () => (await waitingForLocks(observer)) === instances.length);
      // A request that is refused right away: the replays before it have arrived.
      await ask(createMutation, { title: ' ', idempotencyKey: '' });
      await holder.rows('COMMIT');
      const id = idOf((await first).data);
      for (const replay of replays) expect(idOf((await replay).data)).toBe(id);
      expectRefused(await ask(createMutation, { title: 'More' }));
    } finally {
      await holder.close();
      await observer.close();
    }
  });
});

describe('While Redis is gone', () => {
  let folder: TemporaryFolder;
  let redis: RedisServer;
  let instances: readonly [TestApp, TestApp];
  beforeAll(async () => {
    folder = await makeTemporaryFolder();
    redis = await startRedisServer({ folder: folder.path });
    const first = await startApp({ env: { ...environment(), REDIS_URL: redis.url } });
    instances = [first, await startApp({ beside: first })];
  });
  afterAll(async () => {
    await instances?.[1].close();
    await instances?.[0].close();
    await redis?.stop();
    await folder?.remove();
  });

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    '(%s) each instance keeps the rates in its memory, and no request fails',
    async (signal) => {
      const people = instances.map((instance) => instance.person(`someone at ${signal}`));
      redis.signal(signal);
      try {
        for (const person of people) {
          for (let time = 1; time <= perMinute; time += 1) await create(person, { title: 'One' });
          expectRefused(await attempt(person, createMutation, { title: 'More' }));
          idOf((await attempt(person, sendMutation, { content: 'What?' })).data);
        }
      } finally {
        if (signal === 'SIGSTOP') redis.signal('SIGCONT');
      }
    },
  );
});

describe('Answers at a time', () => {
  const most = 3;
  let instances: readonly [TestApp, TestApp];
  beforeAll(async () => {
    const first = await startApp({
      redis: true,
      env: environment({ sendsPerMinute: 1000, conversationsPerMinute: 1000 }),
    });
    instances = [first, await startApp({ beside: first })];
  });
  afterAll(async () => {
    await instances?.[1].close();
    await instances?.[0].close();
  });

  /** Sends of one person at both instances at once, one at each to the same conversation; gives those that were taken. */
  async function sendMany(person: Person, elsewhere: Person): Promise<Sent['sendMessage'][]> {
    const old = await create(person);
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, (_, number) =>
        attempt(number % 2 === 0 ? person : elsewhere, sendMutation, {
          content: 'What?',
          ...(number < 2 && { conversationId: old }),
        }),
      ),
    );
    for (const outcome of outcomes.filter(({ code }) => code && code !== 'CONFLICT')) expectRefused(outcome);
    return outcomes.flatMap(({ data }) => (data && 'sendMessage' in data ? [data.sendMessage] : []));
  }

  it(`${most} for one person, however many are asked for at once, in new conversations and in old ones`, async () => {
    model.replyWith(speaking({ everyMs: 20 }));
    const [person, elsewhere] = [instances[0].person('busy'), instances[1].person('busy')];
    const removeAll = (sent: readonly Sent['sendMessage'][]) =>
      remove(person, ...sent.map(({ conversation }) => conversation.id));
    for (let round = 1; round <= 4; round += 1) {
      const sent = await sendMany(person, elsewhere);
      expect(sent).toHaveLength(most);
      await removeAll(sent);
    }
    const running = await sendMany(person, elsewhere);
    // Appending asks no model.
    await append(person, { conversationId: await create(person), messages: [{ role: 'USER', content: 'one' }] });
    // An answer that is cancelled makes room for the one that follows it.
    const [first] = running;
    if (!first) throw new Error('No answer runs.');
    const instead = { conversationId: first.conversation.id, content: 'Instead?', whenBusy: 'CANCEL' };
    running.push(await send(person, instead));
    expectRefused(await attempt(person, sendMutation, { content: 'One more?' }));
    await removeAll(running);
    await removeAll([await send(person, { content: 'Now?' })]);
  });
});
