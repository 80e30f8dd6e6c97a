import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ownerChannel } from '../../../src/live/change-hints.js';
import { fromPublicId } from '../../../src/platform/ids.js';
import { startApp, type TestApp } from '../../support/app.js';
import { create } from '../../support/conversations.js';
import { patience } from '../../support/patience.js';
import { SocketClient } from '../../support/socket-client.js';
import { testRedisUrl } from '../../support/test-redis.js';
import { until } from '../../support/until.js';

let app: TestApp;
let redis: Redis;

beforeAll(async () => {
  app = await startApp({ redis: true, env: { LIMITS: patience } });
  redis = new Redis(testRedisUrl());
});
afterAll(async () => {
  await redis?.quit();
  await app?.close();
});

describe('A subscription that is completed before its first event was asked for', () => {
  it.each([
    { kind: 'conversation', query: 'subscription ($id: ID!) { conversation(id: $id) { __typename } }' },
    { kind: 'conversations', query: 'subscription { conversations { __typename } }' },
  ])('leaves nothing behind: $kind', async ({ query }) => {
    const ada = app.person('ada');
    const id = await create(ada);
    const { viewer } = await ada.data<{ viewer: { id: string } }>('{ viewer { id } }');
    const channel = ownerChannel(fromPublicId('usr', viewer.id) ?? '');
    const client = await SocketClient.connect(app.socketUrl, ada.token);
    for (let number = 1; number <= 20; number += 1) {
      client.subscribe(`s${number}`, query, { id });
      client.send({ type: 'complete', id: `s${number}` });
    }
    client.subscribe('last', query, { id });
    await client.next('next', 'last');
    client.terminate();
    await until('nobody hears the channel', async () => Number((await redis.pubsub('NUMSUB', channel))[1]) === 0);
    expect(await redis.pubsub('CHANNELS', channel)).toEqual([]);
  });
});
