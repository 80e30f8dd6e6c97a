import { RateLimiterRedis } from 'rate-limiter-flexible';
import { Breaker } from './breaker.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { MemoryRates, minuteSeconds, type Rate, type Rates, type RatesPerMinute, refusalOf } from './rates.js';
import { connectRedis, createRedis, type RedisConnection } from './redis.redis.js';
import { RedisPulse } from './redis-pulse.redis.js';

export interface RedisRatesOptions {
  readonly urls: readonly string[];
  readonly commandTimeoutMs: number;
  readonly perMinute: RatesPerMinute;
}

/** How long Redis is not asked after it failed: no request waits on a dead one again and again. */
const breakMs = 1000;

/** Rates that all instances keep together. While Redis is away each keeps its own, in memory. */
export class RedisRates implements Rates {
  private readonly redis: RedisConnection;
  private readonly pulse: RedisPulse;
  private readonly limiters: Readonly<Record<Rate, RateLimiterRedis>>;
  private readonly memory: MemoryRates;
  private readonly breaker: Breaker;

  constructor(
    { urls, commandTimeoutMs, perMinute }: RedisRatesOptions,
    clock: Clock,
    private readonly log: Log,
  ) {
    this.redis = createRedis(urls, commandTimeoutMs);
    connectRedis(this.redis, (error) => log.debug({ error }, 'Redis connection failed'));
    this.pulse = new RedisPulse(this.redis, clock);
    this.breaker = new Breaker(clock, breakMs);
    this.redis.on('ready', () => this.breaker.reset());
    const limiter = (rate: Rate) =>
      new RateLimiterRedis({
        storeClient: this.redis,
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
    const refusal = await this.ask(() => this.refusal(rate, ownerId), null);
    if (refusal === null) return await this.memory.take(rate, ownerId);
    if (refusal === 'none') return;
    await this.giveBack(rate, ownerId);
    throw refusal;
  }

  async giveBack(rate: Rate, ownerId: string): Promise<void> {
    const isGiven = await this.ask(() => this.limiters[rate].reward(ownerId).then(() => true), false);
    if (!isGiven) await this.memory.giveBack(rate, ownerId);
  }

  async close(): Promise<void> {
    this.pulse.close();
    this.redis.disconnect();
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

  /** What Redis says, or `otherwise` where it cannot say it. */
  private async ask<T, U>(question: () => Promise<T>, otherwise: U): Promise<T | U> {
    if (this.breaker.isOpen) return otherwise;
    try {
      return await this.breaker.run(question);
    } catch (error) {
      this.log.warn({ error }, 'Redis does not keep the rates now, memory does');
      return otherwise;
    }
  }
}
