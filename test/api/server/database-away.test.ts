import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { atMost } from '../../support/at-most.js';
import { attempt, readBranch, type Sent, send, sendMutation } from '../../support/conversations.js';
import { post, request } from '../../support/http-client.js';
import { answered, ModelServer } from '../../support/model-server.js';
import { PostgresProxy } from '../../support/postgres-proxy.js';
import { SocketClient } from '../../support/socket-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

const ENCRYPTION_KEYS = `test:${randomBytes(32).toString('base64')}`;

let database: TestDatabase;
let proxy: PostgresProxy;
let model: ModelServer;
let app: TestApp;

beforeAll(async () => {
  model = await ModelServer.start();
  database = await createDatabase();
});

afterAll(async () => {
  await database?.drop();
  await model?.stop();
});

beforeEach(async () => {
  proxy = await PostgresProxy.start(database.url);
  const env = { DATABASE_URL: proxy.url, ENCRYPTION_KEYS, ...model.env };
  app = await startApp({ env });
});

afterEach(async () => {
  await app?.close();
  await proxy?.close();
});

const titles = '{ conversations { nodes { title } } }';
const isReady = async () => (await request(`${app.url}/health/ready`)).status === 200;

describe('A server whose database is away', () => {
  it('says UNAVAILABLE and that it is not ready, and goes on when the database is back', async () => {
    const ada = app.person();
    model.replyWith(answered('Hello, Ada.'));
    await send(ada, { content: 'Before' });
    await until('the answer is final', () => model.calls[0]?.closed);
    const { port } = new URL(proxy.url);
    await proxy.close();

    const startMs = performance.now();
    const known = await ada.graphql(titles);
    expect(performance.now() - startMs).toBeLessThan(atMost(3000));
    expect(known.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', retryable: true } }]);
    const stranger = app.person();
    const { status, headers, json } = await post(
      `${app.url}/graphql`,
      { query: titles },
      { authorization: `Bearer ${stranger.token}` },
    );
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(json?.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', retryable: true } }]);
    expect(await attempt(ada, sendMutation, { input: { content: 'Meanwhile' } })).toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(await isReady()).toBe(false);
    expect((await request(`${app.url}/health/live`)).status).toBe(200);

    proxy = await PostgresProxy.start(database.url, Number(port));
    await until('it is ready', isReady);
    expect(await ada.data(titles)).toEqual({ conversations: { nodes: [{ title: 'Before' }] } });
    await send(stranger, { content: 'After' });
  });

  it('refuses a socket and what is asked on it as UNAVAILABLE, not as somebody unknown', async () => {
    const ada = app.person();
    await send(ada, { content: 'Before' });
    const socket = await SocketClient.connect(app.socketUrl, ada.token);
    const { port } = new URL(proxy.url);
    await proxy.close();
    socket.subscribe('1', 'subscription { answer(messageId: "msg_00000000000000000000000000000000") { __typename } }');
    const { payload } = await socket.next('next', '1');
    expect(payload).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE', retryable: true } }] });
    const other = await SocketClient.open(app.socketUrl);
    other.send({ type: 'connection_init', payload: { authorization: `Bearer ${app.person().token}` } });
    // With a code after which client libraries connect again.
    expect((await other.whenClosed()).code).toBe(4503);
    socket.terminate();
    proxy = await PostgresProxy.start(database.url, Number(port));
  });
});

describe('A send whose COMMIT was lost', () => {
  it.each(['answered', 'asked'] as const)(
    'gives one question, one answer and one call of the model (%s)',
    async (loss) => {
      const ada = app.person();
      await ada.data(titles);
      model.replyWith(answered('Once.'));
      proxy.losses.push(loss);
      const sent = await send(ada, { content: 'Ask once', idempotencyKey: randomUUID() });
      expect(proxy.losses).toEqual([]);
      expect(sent.conversation.messageCount).toBe(2);
      const branch = await until('the answer is final', async () => {
        const read = await readBranch(ada, sent.conversation.id);
        return read.every(({ status }) => status !== 'STREAMING') && read;
      });
      expect(branch.map(({ id, content }) => [id, content])).toEqual([
        [sent.message.id, 'Ask once'],
        [sent.answer.id, 'Once.'],
      ]);
      expect(model.calls).toHaveLength(1);
      const { conversations } = await ada.data<{ conversations: { totalCount: number } }>(
        '{ conversations { totalCount } }',
      );
      expect(conversations.totalCount).toBe(1);
    },
  );

  it('twice is UNAVAILABLE; the same key then gives what was made, and it is answered all the same', async () => {
    const ada = app.person();
    await ada.data(titles);
    model.replyWith(answered('Once.'));
    proxy.losses.push('answered', 'answered');
    const input = { content: 'Ask once', idempotencyKey: randomUUID() };
    expect(await attempt<Sent>(ada, sendMutation, { input })).toMatchObject({ code: 'UNAVAILABLE' });
    const again = await send(ada, input);
    expect(again.message.content).toBe('Ask once');
    const final = await until('the answer is final', async () => {
      const [, answer] = await readBranch(ada, again.conversation.id);
      return answer?.status !== 'STREAMING' && answer;
    });
    expect([final.status, final.content, model.calls.length]).toEqual(['COMPLETE', 'Once.', 1]);
  });
});
