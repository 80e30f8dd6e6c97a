import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';

/** A Redis of which everything is seen: each command with its arguments, each message on any channel, and what it keeps. */
export class WatchedRedis {
  /** A command, or a message with its channel, a piece. */
  readonly seen: string[] = [];

  private constructor(
    private readonly server: RedisServer,
    readonly client: Redis,
    private readonly subscriber: Redis,
    private readonly monitor: Redis,
  ) {
    monitor.on('monitor', (_time: string, command: string[]) => this.seen.push(command.join(' ')));
    subscriber.on('pmessage', (_pattern: string, channel: string, message: string) => {
      this.seen.push(`${channel} ${message}`);
    });
  }

  /** It writes its dump, uncompressed, below `folder`. */
  static async start(folder: string): Promise<WatchedRedis> {
    const server = await startRedisServer({ folder, settings: ['rdbcompression no', 'dbfilename dump.rdb'] });
    const client = new Redis(server.url);
    const subscriber = new Redis(server.url);
    const monitor = await client.monitor();
    const watched = new WatchedRedis(server, client, subscriber, monitor);
    await subscriber.psubscribe('*');
    return watched;
  }

  get url(): string {
    return this.server.url;
  }

  /** Writes all that it keeps into its dump. */
  async save(): Promise<void> {
    await this.client.save();
  }

  async stop(): Promise<void> {
    for (const connection of [this.client, this.subscriber, this.monitor]) connection.disconnect();
    await this.server.stop();
  }
}
