import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { channelOf } from '../../../src/answers/channel.js';
import { LiveText } from '../../../src/answers/live-text.js';
import { Replicas } from '../../../src/answers/replicas.js';
import { fromPublicId } from '../../../src/platform/ids.js';
import { followAnswer } from '../../support/answer-follower.js';
import type { TestApp } from '../../support/app.js';
import { ModelByHand } from '../../support/model-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SocketClient } from '../../support/socket-client.js';
import { testRedisUrl } from '../../support/test-redis.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';

const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
/** By all at once, again and again: 200 at each instance. */
const rounds = 20;
const subscriptions = 10;

let both: TwoInstances;
let model: ScriptedModel;
let writer: TestApp;
let other: TestApp;
let redis: Redis;

beforeAll(async () => {
  model = await ScriptedModel.start();
  both = await startTwoInstances(model);
  [writer, other] = both.instances;
  redis = new Redis(testRedisUrl());
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  await redis?.quit();
  await both?.close();
});

/** Somebody who follows ten times over one socket. */
async function come(app: TestApp, token: string, id: string): Promise<SocketClient> {
  const client = await SocketClient.connect(app.socketUrl, token);
  for (let number = 1; number <= subscriptions; number += 1) client.subscribe(`s${number}`, followAnswer, { id });
  return client;
}

/** Ends them one by one, or lets the connection end them. */
async function leave(client: SocketClient, how: 'complete' | 'close'): Promise<void> {
  if (how === 'complete') {
    for (let number = 1; number <= subscriptions; number += 1) client.send({ type: 'complete', id: `s${number}` });
    // What was sent before has been heard when this is answered.
    client.send({ type: 'ping' });
    await client.next('pong');
  }
  client.terminate();
}

describe('A follower that leaves', () => {
  it('releases all that it held: after 200 at each instance waiters, replicas and subscriptions of Redis are as before', async () => {
    const grown = jest.spyOn(LiveText.prototype, 'grown');
    const take = jest.spyOn(Replicas.prototype, 'take');
    const byHand = new ModelByHand();
    const name = randomUUID();
    model.answer(name, byHand.reply);
    const { sendMessage: sent } = await writer
      .person(name)
      .data<{ sendMessage: { answer: { id: string } } }>(send, { input: { content: name } });
    const { id } = sent.answer;
    await byHand.text('It goes on ');
    const channel = channelOf(fromPublicId('msg', id) ?? '');
    const listening = async () => Number((await redis.pubsub('NUMSUB', channel))[1]);
    const texts = () => [...new Set(grown.mock.contexts)].filter((one) => one instanceof LiveText);
    const waiting = () => texts().reduce((sum, text) => sum + text.waiters, 0);
    const replicas = () => [...new Set(take.mock.contexts)].filter((one) => one instanceof Replicas);
    const kept = () => replicas().reduce((sum, one) => sum + one.count, 0);
    expect(await listening()).toBe(1);

    for (let round = 0; round < rounds; round += 1) {
      const clients = await Promise.all([writer, other].map((app) => come(app, app.token(name), id)));
      await until('all of them wait for more', () => waiting() === 2 * subscriptions);
      expect([texts().length, kept(), await listening()]).toEqual([2, 1, 2]);
      await Promise.all(clients.map((client) => leave(client, round % 4 === 3 ? 'close' : 'complete')));
    }
    await until('nobody waits', () => waiting() === 0);
    await until('the replica is given up', () => kept() === 0);
    await until('only the writer hears the channel', async () => (await listening()) === 1);

    await byHand.finish();
    await until('nobody hears the channel', async () => (await listening()) === 0);
    expect(waiting()).toBe(0);
  });
});
