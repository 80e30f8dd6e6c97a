import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, type RedisServer, startRedisServer } from '../../support/redis-server.js';

/** Half a minute: one that has no memory for clients drops most of them before they are heard. */
const mostAttempts = 600;

/** One Redis on one port that can be killed, stopped, emptied and starved, and made well again. */
export class RedisInTrouble {
  private constructor(
    private running: RedisServer,
    private readonly start: () => Promise<RedisServer>,
    readonly port: number,
  ) {}

  static async start(folder: string): Promise<RedisInTrouble> {
    const port = await freePort();
    const start = () => startRedisServer({ folder, port });
    return new RedisInTrouble(await start(), start, port);
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.running.signal(name);
  }

  async startAgain(): Promise<void> {
    await this.running.stop();
    this.running = await this.start();
  }

  /** One command, past all lines; tried again where its own connection is among those that Redis drops. */
  async command(name: string, ...args: readonly string[]): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.send(name, args);
      } catch (error) {
        if (attempt === mostAttempts) throw error;
        await wait(50);
      }
    }
  }

  stop(): Promise<void> {
    return this.running.stop();
  }

  private async send(name: string, args: readonly string[]): Promise<unknown> {
    const patience = { maxRetriesPerRequest: 0, commandTimeout: 2000, enableReadyCheck: false };
    const client = new Redis(this.running.url, { ...patience, lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }
}
