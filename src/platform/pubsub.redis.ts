import { Cluster } from 'ioredis';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { type Listener, Listeners, type PubSub, type Subscription } from './pubsub.js';
import { connectRedis, createRedis, type RedisConnection } from './redis.redis.js';

export interface RedisPubSubOptions {
  readonly urls: readonly string[];
  readonly commandTimeoutMs: number;
  /** How long `ready` waits for the acknowledgement. */
  readonly readyMs: number;
}

/**
 * How long publishing fails at once after a publish has failed, so that nothing waits on a dead Redis again and again;
 * a new connection ends it.
 */
const breakMs = 1000;

/** PUBLISH and SUBSCRIBE over two connections; on a cluster their sharded forms, since a plain one reaches every node. */
export class RedisPubSub implements PubSub {
  private readonly listeners = new Listeners();
  private readonly acknowledged = new Map<string, Promise<void>>();
  private readonly publisher: RedisConnection;
  private readonly subscriber: RedisConnection;
  private readonly sharded: boolean;
  private brokenUntilMs = 0;

  constructor(
    private readonly options: RedisPubSubOptions,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.publisher = createRedis(options.urls, options.commandTimeoutMs);
    this.subscriber = createRedis(options.urls, options.commandTimeoutMs);
    this.sharded = this.publisher instanceof Cluster;
    this.subscriber.on(this.sharded ? 'smessage' : 'message', (channel: string, text: string) =>
      this.listeners.deliver(channel, text),
    );
    this.subscriber.on('ready', () => this.renewAll());
    // A cluster replaces lost connections of its subscribers by itself, and is ready all the while.
    this.subscriber.on('subscribersReady', () => this.renewAll());
    this.publisher.on('ready', () => {
      this.brokenUntilMs = 0;
    });
    const onError = (error: unknown) => log.debug({ error }, 'Redis connection failed');
    connectRedis(this.publisher, onError);
    connectRedis(this.subscriber, onError);
  }

  async publish(channel: string, message: string): Promise<number> {
    if (this.clock.monotonic() < this.brokenUntilMs) throw new Error('Redis failed a moment ago.');
    try {
      return this.sharded
        ? Number(await this.publisher.spublish(channel, message))
        : await this.publisher.publish(channel, message);
    } catch (error) {
      this.brokenUntilMs = this.clock.monotonic() + breakMs;
      throw error;
    }
  }

  subscribe(channel: string, listener: Listener): Subscription {
    if (this.listeners.add(channel, listener)) this.acknowledged.set(channel, this.sendSubscribe(channel));
    return {
      ready: this.withinBound(this.acknowledged.get(channel) ?? Promise.resolve()),
      unsubscribe: async () => {
        if (!this.listeners.remove(channel, listener)) return;
        this.acknowledged.delete(channel);
        await this.sendUnsubscribe(channel);
      },
    };
  }

  get connected(): boolean {
    return this.subscriber.status === 'ready' && this.clock.monotonic() >= this.brokenUntilMs;
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.subscriber.disconnect();
    this.publisher.disconnect();
  }

  private async sendSubscribe(channel: string): Promise<void> {
    try {
      await (this.sharded ? this.subscriber.ssubscribe(channel) : this.subscriber.subscribe(channel));
      // Unsubscribed while it was under way: the later command may have been sent before this one was queued.
      if (!this.listeners.has(channel)) await this.sendUnsubscribe(channel);
    } catch (error) {
      this.log.debug({ error }, 'subscribing failed; tried again when Redis is back');
    }
  }

  private async sendUnsubscribe(channel: string): Promise<void> {
    try {
      await (this.sharded ? this.subscriber.sunsubscribe(channel) : this.subscriber.unsubscribe(channel));
    } catch {
      // Away: its subscriptions are gone with the connection.
    }
  }

  private renewAll(): void {
    for (const channel of this.listeners.channels) {
      const acknowledged = this.sendSubscribe(channel);
      this.acknowledged.set(channel, acknowledged);
      acknowledged.then(() => this.listeners.renewed(channel));
    }
  }

  private withinBound(acknowledged: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(this.options.readyMs, resolve);
      acknowledged.then(() => {
        cancel();
        resolve();
      });
    });
  }
}
