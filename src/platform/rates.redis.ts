import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { OptionalRedis } from './optional-redis.redis.js';
import { MemoryRates, minuteSeconds, type Rate, type Rates, type RatesPerMinute, refusalOf } from './rates.js';
import type { RedisAddress } from './redis.redis.js';

export interface RedisRatesOptions extends RedisAddress {
  readonly perMinute: RatesPerMinute;
}

/** Rates that all instances keep together. While Redis is away each keeps its own, in memory. */
export class RedisRates implements Rates {
  private readonly redis: OptionalRedis;
  private readonly limiters: Readonly<Record<Rate, RateLimiterRedis>>;
  private readonly memory: MemoryRates;

  constructor({ perMinute, ...address }: RedisRatesOptions, clock: Clock, log: Log) {
    this.redis = new OptionalRedis(address, clock, log, (error) =>
      log.warn({ error }, 'Redis does not keep the rates now, memory does'),
    );
    const limiter = (rate: Rate) =>
      new RateLimiterRedis({
        storeClient: this.redis.connection,
        rejectIfRedisNotReady: true,
        keyPrefix: `parley:rate:${rate}`,
        points: perMinute[rate],
        duration: minuteSeconds,
      });
    this.limiters = {
      conversations: limiter('conversations'),
      sends: limiter('sends'),
      searches: limiter('searches'),
    };
    this.memory = new MemoryRates(perMinute);
  }

  async take(rate: Rate, ownerId: string): Promise<void> {
    const refusal = await this.redis.ask(() => this.refusal(rate, ownerId));
    if (refusal === null) return await this.memory.take(rate, ownerId);
    if (refusal === 'none') return;
    await this.giveBack(rate, ownerId);
    throw refusal;
  }

  async giveBack(rate: Rate, ownerId: string): Promise<void> {
    const given = await this.redis.ask(() => this.limiters[rate].reward(ownerId));
    if (given === null) await this.memory.giveBack(rate, ownerId);
  }

  close(): Promise<void> {
    return this.redis.close();
  }

  private async refusal(rate: Rate, ownerId: string): Promise<Error | 'none'> {
    try {
      await this.limiters[rate].consume(ownerId);
      return 'none';
    } catch (thrown) {
      const refusal = refusalOf(rate, thrown);
      if (!refusal) throw thrown;
      return refusal;
    }
  }
}
