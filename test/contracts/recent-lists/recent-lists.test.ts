import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock } from '../../../src/platform/clock.js';
import { createLog } from '../../../src/platform/log.js';
import { MemoryRecentLists, type RecentLists } from '../../../src/platform/recent-lists.js';
import { RedisRecentLists } from '../../../src/platform/recent-lists.redis.js';
import { atMost } from '../../support/at-most.js';
import { ManualClock } from '../../support/manual-clock.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

const commandTimeoutMs = 250;
const hourMs = 60 * 60_000;
let folder: TemporaryFolder;
let server: RedisServer;
let redis: Redis;
const opened: RecentLists[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  server = await startRedisServer({ folder: folder.path });
  redis = new Redis(server.url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((lists) => lists.close()));
  await redis.flushall();
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  await folder?.remove();
});

function keep(lists: RecentLists): RecentLists {
  opened.push(lists);
  return lists;
}

/** Once it is connected. */
async function inRedis(url = server.url): Promise<RecentLists> {
  const lists = keep(new RedisRecentLists({ urls: [url], commandTimeoutMs }, systemClock, createLog('silent')));
  await until('it is connected', async () => {
    await lists.write('probe', { revision: 1, elements: ['x'] });
    return (await lists.read(['probe']))[0] !== null;
  });
  return lists;
}

const list = (revision: number, ...elements: string[]) => ({ revision, elements });

describe.each<[string, () => Promise<RecentLists>]>([
  ['in memory', async () => keep(new MemoryRecentLists(10_000, new ManualClock()))],
  ['in Redis', () => inRedis()],
])('Recent lists %s', (_where, open) => {
  it('are read as they were written, in the order asked for; what is not there is null', async () => {
    const lists = await open();
    await lists.write('a', list(7, 'newest: one', '"two"', ''));
    await lists.write('b', list(1, '1:2'));
    expect(await lists.read(['b', 'c', 'a'])).toEqual([list(1, '1:2'), null, list(7, 'newest: one', '"two"', '')]);
    expect(await lists.read([])).toEqual([]);
  });

  it('are replaced whole by newer ones; an older one never takes the place of a newer one', async () => {
    const lists = await open();
    await lists.write('a', list(9, 'nine', 'eight'));
    await lists.write('a', list(10, 'ten'));
    await lists.write('a', list(9, 'late'));
    expect(await lists.read(['a'])).toEqual([list(10, 'ten')]);
    await lists.write('a', list(10, 'more', 'of ten'));
    expect(await lists.read(['a'])).toEqual([list(10, 'more', 'of ten')]);
  });

  it('are gone once they are forgotten, and can be written again', async () => {
    const lists = await open();
    await lists.write('a', list(9, 'nine'));
    await lists.forget(['a', 'never']);
    expect(await lists.read(['a'])).toEqual([null]);
    await lists.write('a', list(2, 'two'));
    expect(await lists.read(['a'])).toEqual([list(2, 'two')]);
  });
});

describe('Recent lists in memory', () => {
  it('are kept for an hour, and in no more than their bytes', async () => {
    const clock = new ManualClock();
    const lists = keep(new MemoryRecentLists(10_000, clock));
    await lists.write('a', list(1, 'one'));
    await clock.advance(hourMs);
    expect(await lists.read(['a'])).toEqual([list(1, 'one')]);
    await clock.advance(1);
    expect(await lists.read(['a'])).toEqual([null]);
    for (let number = 0; number < 100; number += 1) await lists.write(`${number}`, list(1, 'x'.repeat(500)));
    const kept = (await lists.read(Array.from({ length: 100 }, (_, number) => `${number}`))).filter(
      (one) => one !== null,
    );
    expect(kept.length).toBeGreaterThan(2);
    expect(kept.length).toBeLessThan(10);
  });
});

describe('Recent lists in Redis', () => {
  it('are a LIST, newest first, with a time to live of an hour', async () => {
    const lists = await inRedis();
    await lists.write('a', list(3, 'new', 'old'));
    expect(await redis.type('a')).toBe('list');
    expect(await redis.lrange('a', 0, -1)).toEqual(['3:new', '3:old']);
    expect(await redis.pttl('a')).toBeGreaterThan(hourMs - 10_000);
    expect(await redis.pttl('a')).toBeLessThanOrEqual(hourMs);
  });

  it.each([
    ['something else', async () => void (await redis.set('a', 'x'))],
    ['no revision', async () => void (await redis.rpush('a', 'x'))],
    ['two revisions', async () => void (await redis.rpush('a', '3:new', '2:old'))],
  ])('are not there where Redis holds %s under their name', async (_what, plant) => {
    const lists = await inRedis();
    await plant();
    expect(await lists.read(['a'])).toEqual([null]);
  });

  it('are not there while Redis is away, without a wait at every read, and come back with it', async () => {
    const proxy = await OutageProxy.start(server.url);
    try {
      const lists = await inRedis(proxy.url);
      await lists.write('a', list(1, 'one'));
      proxy.silence();
      expect(await lists.read(['a'])).toEqual([null]);
      const startedMs = performance.now();
      for (let time = 0; time < 100; time += 1) {
        expect(await lists.read(['a'])).toEqual([null]);
        await lists.write('a', list(2, 'two'));
      }
      expect(performance.now() - startedMs).toBeLessThan(atMost(100 * commandTimeoutMs));
      await proxy.restore();
      await until('they are back', async () => (await lists.read(['a']))[0] !== null);
    } finally {
      await proxy.close();
    }
  });
});
