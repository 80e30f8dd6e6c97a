import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { MemoryRates, minuteSeconds, type Rate, type Rates, type RatesPerMinute, refusalOf } from './rates.js';
import { connectRedis, createRedis, type RedisConnection } from './redis.redis.js';

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
  private readonly limiters: Readonly<Record<Rate, RateLimiterRedis>>;
  private readonly memory: MemoryRates;
  private brokenUntilMs = 0;

  constructor(
    { urls, commandTimeoutMs, perMinute }: RedisRatesOptions,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.redis = createRedis(urls, commandTimeoutMs);
    connectRedis(this.redis, (error) => log.debug({ error }, 'Redis connection failed'));
    const limiter = (rate: Rate) =>
      new RateLimiterRedis({
        storeClient: this.redis,
        rejectIfRedisNotReady: true,
        keyPrefix: `parley:rate:${rate}`,
        points: perMinute[rate],
        duration: minuteSeconds,
      });
    this.limiters = { conversations: limiter('conversations'), sends: limiter('sends') };
    this.memory = new MemoryRates(perMinute);
  }

  async take(rate: Rate, ownerId: string): Promise<void> {
    if (this.isBroken) return await this.memory.take(rate, ownerId);
    try {
      await this.limiters[rate].consume(ownerId);
    } catch (thrown) {
      const refusal = refusalOf(rate, thrown);
      if (refusal) {
        await this.giveBack(rate, ownerId);
        throw refusal;
      }
      this.break(thrown);
      await this.memory.take(rate, ownerId);
    }
  }

  async giveBack(rate: Rate, ownerId: string): Promise<void> {
    if (this.isBroken) return await this.memory.giveBack(rate, ownerId);
    await this.limiters[rate].reward(ownerId).catch((thrown: unknown) => this.break(thrown));
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  private get isBroken(): boolean {
    return this.clock.monotonic() < this.brokenUntilMs;
  }

  private break(error: unknown): void {
    this.brokenUntilMs = this.clock.monotonic() + breakMs;
    this.log.warn({ error }, 'Redis does not keep the rates now, memory does');
  }
}
