import { Redis } from 'ioredis';
import { startApp, type TestApp } from '../../support/app.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';

/** Two instances on one Redis of their own, which can be taken away in several ways. Whoever opens it closes it. */
export class RedisStage {
  private constructor(
    private readonly folder: string,
    private redis: RedisServer,
    /** Between the instances and their Redis. */
    readonly proxy: OutageProxy,
    readonly writer: TestApp,
    readonly reader: TestApp,
  ) {}

  static async open(folder: string, env: NodeJS.ProcessEnv): Promise<RedisStage> {
    const redis = await startRedisServer({ folder });
    const proxy = await OutageProxy.start(redis.url);
    const writer = await startApp({ env: { ...env, REDIS_URL: proxy.url } });
    const reader = await startApp({ beside: writer });
    return new RedisStage(folder, redis, proxy, writer, reader);
  }

  async killRedis(): Promise<void> {
    await this.redis.stop();
  }

  async startRedis(): Promise<void> {
    this.redis = await startRedisServer({ folder: this.folder, port: Number(new URL(this.redis.url).port) });
  }

  async configure(setting: string, value: string): Promise<void> {
    const redis = new Redis(this.redis.url);
    try {
      await redis.config('SET', setting, value);
    } finally {
      redis.disconnect();
    }
  }

  async close(): Promise<void> {
    await this.reader.close();
    await this.writer.close();
    await this.proxy.close();
    await this.redis.stop();
  }
}
