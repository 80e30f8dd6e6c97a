import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type Clock, systemClock } from '../../../src/platform/clock.js';
import { createLog } from '../../../src/platform/log.js';
import { InProcessPubSub, type PubSub, type Subscription } from '../../../src/platform/pubsub.js';
import { RedisPubSub } from '../../../src/platform/pubsub.redis.js';
import { atMost } from '../../support/at-most.js';
import { ManualClock } from '../../support/manual-clock.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { freePort, type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

let folder: TemporaryFolder;
let server: RedisServer;
let cluster: RedisServer;
const opened: PubSub[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  server = await startRedisServer({ folder: folder.path });
  cluster = await startCluster();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pubsub) => pubsub.close()));
});
afterAll(async () => {
  await server?.stop();
  await cluster?.stop();
  await folder?.remove();
});

/** A cluster of one node, which is one all the same. */
async function startCluster(): Promise<RedisServer> {
  const port = await freePort();
  const settings = ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1', `cluster-port ${await freePort()}`];
  settings.push(`cluster-config-file nodes-${port}.conf`);
  const node = await startRedisServer({ folder: folder.path, port, settings });
  await command(node, 'CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await until('it is whole', async () => String(await command(node, 'CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return node;
}

async function command({ url }: RedisServer, name: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(url);
  try {
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

function open(urls: readonly string[] | null, clock: Clock = systemClock): PubSub {
  const options = { urls: urls ?? [], commandTimeoutMs: 250, readyMs: 1000 };
  const pubsub = urls ? new RedisPubSub(options, clock, createLog('silent')) : new InProcessPubSub();
  opened.push(pubsub);
  return pubsub;
}

/** What a channel says from now on. */
class Ear {
  readonly heard: string[] = [];
  renewals = 0;
  readonly subscription: Subscription;

  constructor(pubsub: PubSub, channel: string) {
    this.subscription = pubsub.subscribe(channel, {
      message: (text) => this.heard.push(text),
      renewed: () => {
        this.renewals += 1;
      },
    });
  }

  /** Says it until it is heard: while a connection comes about, messages may be lost. */
  hears(pubsub: PubSub, channel: string, text: string): Promise<unknown> {
    return until(`"${text}" is heard`, async () => {
      await pubsub.publish(channel, text).catch(() => 0);
      return this.heard.includes(text);
    });
  }
}

const arrangements = [
  { name: 'in-process', urls: () => null },
  { name: 'Redis', urls: () => [server.url] },
  // Two addresses make it a cluster.
  { name: 'a Redis cluster', urls: () => [cluster.url, cluster.url] },
];

describe.each(arrangements)('Pub/sub over $name', ({ urls }) => {
  it('brings a message to every listener of its channel, the publisher among them, and to no other', async () => {
    const pubsub = open(urls());
    const [one, other, stranger] = [new Ear(pubsub, 'a'), new Ear(pubsub, 'a'), new Ear(pubsub, 'b')];
    await one.hears(pubsub, 'a', 'first');
    await until('the other hears it', () => other.heard.includes('first'));
    expect(stranger.heard).toEqual([]);
  });

  it('keeps the order of one publisher on one channel', async () => {
    const pubsub = open(urls());
    const ear = new Ear(pubsub, 'order');
    await ear.hears(pubsub, 'order', 'ready');
    const texts = Array.from({ length: 200 }, (_, index) => String(index));
    await Promise.all(texts.map((text) => pubsub.publish('order', text)));
    await until('all are heard', () => ear.heard.includes('199'));
    expect(ear.heard.filter((text) => text !== 'ready')).toEqual(texts);
  });

  it('counts the instances that took a message, the own one included', async () => {
    const pubsub = open(urls());
    const ear = new Ear(pubsub, 'counted');
    await ear.hears(pubsub, 'counted', 'ready');
    expect(await pubsub.publish('counted', 'x')).toBe(1);
    const second = new Ear(pubsub, 'counted');
    await second.subscription.ready;
    expect(await pubsub.publish('counted', 'x')).toBe(1);
    expect(await pubsub.publish('nobody', 'x')).toBe(0);
  });

  it('says nothing more to who has unsubscribed, and all to who subscribes again at once', async () => {
    const pubsub = open(urls());
    const first = new Ear(pubsub, 'again');
    await first.hears(pubsub, 'again', 'ready');
    for (let turn = 0; turn < 20; turn += 1) {
      const leaving = first.subscription.unsubscribe();
      const ear = new Ear(pubsub, 'again');
      await ear.hears(pubsub, 'again', `turn ${turn}`);
      await leaving;
      await ear.hears(pubsub, 'again', `after ${turn}`);
      await ear.subscription.unsubscribe();
    }
    expect(first.heard.filter((text) => text !== 'ready')).toEqual([]);
    await until('nobody listens', async () => (await pubsub.publish('again', 'x')) === 0);
  });
});

const overRedis = [
  { name: 'Redis', node: () => server, urls: () => [server.url] },
  { name: 'a Redis cluster', node: () => cluster, urls: () => [cluster.url, cluster.url] },
];

describe.each(overRedis)('Pub/sub over $name that fails', ({ node, urls }) => {
  it('hears again after a lost connection, and says that it was renewed: messages may have been missed', async () => {
    const [listening, speaking] = [open(urls()), open(urls())];
    const ears = ['one', 'two', 'three'].map((channel) => ({ channel, ear: new Ear(listening, channel) }));
    for (const { ear, channel } of ears) await ear.hears(speaking, channel, 'before');
    const before = ears.map(({ ear }) => ear.renewals);
    await command(node(), 'CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('all were renewed', () => ears.every(({ ear }, index) => ear.renewals > (before[index] ?? 0)));
    for (const { ear, channel } of ears) {
      expect(await speaking.publish(channel, 'after')).toBe(1);
      await until('it is heard', () => ear.heard.includes('after'));
    }
  });

  it('fails within its bounds while Redis stands still, at once after the first time, and goes on when it is back', async () => {
    const pubsub = open(urls());
    const ear = new Ear(pubsub, 'stopped');
    await ear.hears(pubsub, 'stopped', 'before');
    node().signal('SIGSTOP');
    try {
      const startMs = performance.now();
      await expect(pubsub.publish('stopped', 'x')).rejects.toThrow();
      expect(performance.now() - startMs).toBeLessThan(atMost(1000));
      const againMs = performance.now();
      await expect(pubsub.publish('stopped', 'x')).rejects.toThrow();
      expect(performance.now() - againMs).toBeLessThan(atMost(200));
      const late = new Ear(pubsub, 'late');
      await late.subscription.ready;
      expect(performance.now() - againMs).toBeLessThan(atMost(1500));
      node().signal('SIGCONT');
      await late.hears(pubsub, 'late', 'after');
      await ear.hears(pubsub, 'stopped', 'after');
    } finally {
      node().signal('SIGCONT');
    }
  });
});

describe('Pub/sub over a Redis that is not there', () => {
  it('is ready all the same, rejects what is published, and stands as soon as Redis does', async () => {
    const port = await freePort();
    const pubsub = open([`redis://127.0.0.1:${port}`]);
    const ear = new Ear(pubsub, 'early');
    const gone = new Ear(pubsub, 'gone');
    await ear.subscription.ready;
    await gone.subscription.unsubscribe();
    await expect(pubsub.publish('early', 'x')).rejects.toThrow();
    const late = await startRedisServer({ folder: folder.path, port });
    try {
      await ear.hears(pubsub, 'early', 'hello');
      expect(ear.renewals).toBeGreaterThan(0);
      expect(await pubsub.publish('gone', 'x')).toBe(0);
    } finally {
      await pubsub.close();
      await late.stop();
    }
  });

  it('is published over as soon as a connection stands, however short ago it failed', async () => {
    const port = await freePort();
    // For this clock the failure was just now, and remains so.
    const pubsub = open([`redis://127.0.0.1:${port}`], new ManualClock());
    await expect(pubsub.publish('any', 'x')).rejects.toThrow();
    const late = await startRedisServer({ folder: folder.path, port });
    try {
      await until('it goes through', () =>
        pubsub.publish('any', 'x').then(
          () => true,
          () => false,
        ),
      );
    } finally {
      await pubsub.close();
      await late.stop();
    }
  });
});

describe('Pub/sub over a connection that something on the way has dropped', () => {
  it('is said to be lost within a second, though nobody publishes, and is replaced by one that works', async () => {
    const proxy = await OutageProxy.start(server.url);
    try {
      const [listening, speaking] = [open([proxy.url]), open([server.url])];
      const ear = new Ear(listening, 'dropped');
      await ear.hears(speaking, 'dropped', 'before');
      await until('it is connected', () => listening.connected);
      proxy.silence();
      await until('it is said to be lost', () => !listening.connected, 2000);
      await proxy.restore();
      await ear.hears(speaking, 'dropped', 'after');
      await until('it is connected again', () => listening.connected);
      // Redis was not told of the loss, either, and may still count the dropped connection.
      expect(await listening.publish('dropped', 'x')).toBeGreaterThanOrEqual(1);
    } finally {
      await Promise.all(opened.splice(0).map((pubsub) => pubsub.close()));
      await proxy.close();
    }
  });
});

describe('Pub/sub over a Redis that is late with its acknowledgement', () => {
  it('says that it was renewed once the subscription stands: what was said before then was missed', async () => {
    const proxy = await OutageProxy.start(server.url);
    try {
      const listening = open([proxy.url]);
      await until('it is connected', () => listening.connected);
      proxy.slow(400);
      const ear = new Ear(listening, 'late acknowledgement');
      const later = until('it is renewed', () => ear.renewals > 0, 5000);
      await ear.subscription.ready;
      expect(listening.connected).toBe(false);
      await proxy.restore();
      await later;
      await until('it is connected', () => listening.connected);
    } finally {
      await Promise.all(opened.splice(0).map((pubsub) => pubsub.close()));
      await proxy.close();
    }
  });
});
