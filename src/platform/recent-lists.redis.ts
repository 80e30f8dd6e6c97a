import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { OptionalRedis } from './optional-redis.redis.js';
import { type RecentList, type RecentLists, recentListMs } from './recent-lists.js';
import type { RedisAddress } from './redis.redis.js';

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
  private readonly redis: OptionalRedis;

  constructor(address: RedisAddress, clock: Clock, log: Log) {
    this.redis = new OptionalRedis(address, clock, log, (error) =>
      log.debug({ error }, 'Redis keeps no recent lists now, PostgreSQL is read instead'),
    );
  }

  async read(keys: readonly string[]): Promise<readonly (RecentList | null)[]> {
    const found = await this.redis.ask((redis) => Promise.all(keys.map((key) => redis.lrange(key, 0, -1))));
    return found?.map(listOf) ?? keys.map(() => null);
  }

  async write(key: string, { revision, elements }: RecentList): Promise<void> {
    await this.redis.ask((redis) => redis.eval(writeScript, 1, key, revision, recentListMs, ...elements));
  }

  async forget(keys: readonly string[]): Promise<void> {
    await this.redis.ask((redis) => Promise.all(keys.map((key) => redis.unlink(key))));
  }

  close(): Promise<void> {
    return this.redis.close();
  }
}

/** Null for what is not there, and for anything that was not written here. */
function listOf(elements: readonly string[]): RecentList | null {
  const revision = Number.parseInt(elements[0] ?? '', 10);
  const prefix = `${revision}:`;
  if (!elements.every((element) => element.startsWith(prefix)) || elements.length === 0) return null;
  return { revision, elements: elements.map((element) => element.slice(prefix.length)) };
}
