import { Redis } from 'ioredis';
import { freePort, type RedisServer, startRedisServer } from '../../support/redis-server.js';

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

  /** One command, past all lines. */
  async command(name: string, ...args: readonly string[]): Promise<unknown> {
    const client = new Redis(this.running.url, { lazyConnect: true, maxRetriesPerRequest: 1, commandTimeout: 2000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }

  stop(): Promise<void> {
    return this.running.stop();
  }
}
