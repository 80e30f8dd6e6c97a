import { Breaker } from './breaker.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { type RecentList, type RecentLists, recentListMs } from './recent-lists.js';
import { connectRedis, createRedis, type RedisConnection } from './redis.redis.js';
import { RedisPulse } from './redis-pulse.redis.js';

export interface RedisRecentListsOptions {
  readonly urls: readonly string[];
  readonly commandTimeoutMs: number;
}

const breakMs = 1000;

// Each element says the revision of its list before a colon. A list that is newer stays: whoever was slow on the way must
// not put an old one in its place, or it would only be missing for longer.
const writeScript = `
  local newest = redis.call('LINDEX', KEYS[1], 0)
  if newest and tonumber(string.match(newest, '^%d+')) > tonumber(ARGV[1]) then return 0 end
  redis.call('DEL', KEYS[1])
  for index = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[1] .. ':' .. ARGV[index]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1`;

/** Lists that all instances share. While Redis is away there are none. */
export class RedisRecentLists implements RecentLists {
  private readonly redis: RedisConnection;
  private readonly pulse: RedisPulse;
  private readonly breaker: Breaker;

  constructor(
    { urls, commandTimeoutMs }: RedisRecentListsOptions,
    clock: Clock,
    private readonly log: Log,
  ) {
    this.redis = createRedis(urls, commandTimeoutMs);
    connectRedis(this.redis, (error) => log.debug({ error }, 'Redis connection failed'));
    this.pulse = new RedisPulse(this.redis, clock);
    this.breaker = new Breaker(clock, breakMs);
    this.redis.on('ready', () => this.breaker.reset());
  }

  async read(keys: readonly string[]): Promise<readonly (RecentList | null)[]> {
    const found = await this.ask(() => Promise.all(keys.map((key) => this.redis.lrange(key, 0, -1))));
    return found?.map(listOf) ?? keys.map(() => null);
  }

  async write(key: string, { revision, elements }: RecentList): Promise<void> {
    await this.ask(() => this.redis.eval(writeScript, 1, key, revision, recentListMs, ...elements));
  }

  async forget(keys: readonly string[]): Promise<void> {
    await this.ask(() => Promise.all(keys.map((key) => this.redis.unlink(key))));
  }

  async close(): Promise<void> {
    this.pulse.close();
    this.redis.disconnect();
  }

  private async ask<T>(question: () => Promise<T>): Promise<T | null> {
    if (this.breaker.isOpen) return null;
    try {
      return await this.breaker.run(question);
    } catch (error) {
      this.log.debug({ error }, 'Redis keeps no recent lists now, PostgreSQL is read instead');
      return null;
    }
  }
}

/** Null for what is not there, and for anything that was not written here. */
function listOf(elements: readonly string[]): RecentList | null {
  const revision = Number.parseInt(elements[0] ?? '', 10);
  const prefix = `${revision}:`;
  if (!elements.every((element) => element.startsWith(prefix)) || elements.length === 0) return null;
  return { revision, elements: elements.map((element) => element.slice(prefix.length)) };
}
