import { Breaker } from './breaker.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { connectRedis, createRedis, type RedisAddress, type RedisConnection } from './redis.redis.js';
import { RedisPulse } from './redis-pulse.redis.js';

/** How long Redis is not asked after it failed: no request waits on a dead one again and again. */
const breakMs = 1000;

/** A connection to Redis for what can be done without it, too. Whoever makes it closes it. */
export class OptionalRedis {
  readonly connection: RedisConnection;
  private readonly pulse: RedisPulse;
  private readonly breaker: Breaker;

  constructor(
    address: RedisAddress,
    clock: Clock,
    log: Log,
    /** Told why a question was not answered; not of those that were not even asked. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.connection = createRedis(address);
    connectRedis(this.connection, (error) => log.debug({ error }, 'Redis connection failed'));
    this.pulse = new RedisPulse(this.connection, clock);
    this.breaker = new Breaker(clock, breakMs);
    this.connection.on('ready', () => this.breaker.reset());
  }

  /** What Redis says; null where it cannot say it now. */
  async ask<T>(question: (redis: RedisConnection) => Promise<T>): Promise<T | null> {
    if (this.breaker.isOpen) return null;
    try {
      return await this.breaker.run(() => question(this.connection));
    } catch (error) {
      this.onFailure(error);
      return null;
    }
  }

  async close(): Promise<void> {
    this.pulse.close();
    this.connection.disconnect();
  }
}
