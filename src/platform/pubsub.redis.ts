import { Cluster } from 'ioredis';
import { Breaker } from './breaker.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { type Listener, Listeners, type PubSub, type Subscription } from './pubsub.js';
import { connectRedis, createRedis, type RedisAddress, type RedisConnection } from './redis.redis.js';
import { RedisPulse } from './redis-pulse.redis.js';

export interface RedisPubSubOptions extends RedisAddress {
  /** How long `ready` waits for the acknowledgement. */
  readonly readyMs: number;
}

/** How long publishing fails at once after a publish has failed; a new connection ends it. */
const breakMs = 1000;
/** How soon a channel is subscribed to again that is not known to be. */
const askAgainMs = 500;

/** PUBLISH and SUBSCRIBE over two connections; on a cluster their sharded forms, since a plain one reaches every node. */
export class RedisPubSub implements PubSub {
  private readonly listeners = new Listeners();
  private readonly acknowledged = new Map<string, Promise<void>>();
  /** Channels with listeners whose subscription is not known to stand. */
  private readonly missing = new Set<string>();
  private cancelAsking: () => void;
  private readonly publisher: RedisConnection;
  private readonly subscriber: RedisConnection;
  private readonly sharded: boolean;
  private readonly breaker: Breaker;
  private readonly pulses: readonly RedisPulse[];

  constructor(
    private readonly options: RedisPubSubOptions,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.publisher = createRedis(options);
    this.subscriber = createRedis(options);
    this.sharded = this.publisher instanceof Cluster;
    this.subscriber.on(this.sharded ? 'smessage' : 'message', (channel: string, text: string) =>
      this.listeners.deliver(channel, text),
    );
    this.subscriber.on('ready', () => this.renewAll());
    // A cluster replaces lost connections of its subscribers by itself, and is ready all the while.
    this.subscriber.on('subscribersReady', () => this.renewAll());
    this.breaker = new Breaker(clock, breakMs);
    this.publisher.on('ready', () => this.breaker.reset());
    const onError = (error: unknown) => log.debug({ error }, 'Redis connection failed');
    const connections = [this.publisher, this.subscriber];
    for (const connection of connections) connectRedis(connection, onError);
    this.pulses = connections.map((connection) => new RedisPulse(connection, clock));
    this.cancelAsking = clock.after(askAgainMs, () => this.askForMissing());
  }

  async publish(channel: string, message: string): Promise<number> {
    return await this.breaker.run(async () =>
      this.sharded
        ? Number(await this.publisher.spublish(channel, message))
        : await this.publisher.publish(channel, message),
    );
  }

  subscribe(channel: string, listener: Listener): Subscription {
    if (this.listeners.add(channel, listener))
      this.acknowledged.set(
        channel,
        this.stand(channel, () => undefined),
      );
    return {
      ready: this.withinBound(this.acknowledged.get(channel) ?? Promise.resolve()),
      unsubscribe: async () => {
        if (!this.listeners.remove(channel, listener)) return;
        this.acknowledged.delete(channel);
        this.missing.delete(channel);
        await this.sendUnsubscribe(channel);
      },
    };
  }

  get connected(): boolean {
    return this.missing.size === 0 && this.pulses.every(({ isFelt }) => isFelt) && !this.breaker.isOpen;
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.cancelAsking();
    for (const pulse of this.pulses) pulse.close();
    this.subscriber.disconnect();
    this.publisher.disconnect();
  }

  /** False where it is not known to stand. */
  private async sendSubscribe(channel: string): Promise<boolean> {
    try {
      await (this.sharded ? this.subscriber.ssubscribe(channel) : this.subscriber.subscribe(channel));
      // Unsubscribed while it was under way: the later command may have been sent before this one was queued.
      if (!this.listeners.has(channel)) await this.sendUnsubscribe(channel);
      return true;
    } catch (error) {
      this.log.debug({ error }, 'subscribing failed, tried again soon');
      return false;
    }
  }

  /** `whenStands` is called only where it does at once; one that stands later is renewed, since messages may have been missed. */
  private async stand(channel: string, whenStands: () => void): Promise<void> {
    if (await this.sendSubscribe(channel)) whenStands();
    else this.missing.add(channel);
  }

  /** A new connection asks for all anyway; on this one the answer was late, or none. */
  private askForMissing(): void {
    this.cancelAsking = this.clock.after(askAgainMs, () => this.askForMissing());
    if (this.subscriber.status !== 'ready') return;
    const channels = [...this.missing];
    this.missing.clear();
    for (const channel of channels) {
      if (this.listeners.has(channel)) void this.stand(channel, () => this.listeners.renewed(channel));
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
    this.missing.clear();
    for (const channel of this.listeners.channels) {
      this.acknowledged.set(
        channel,
        this.stand(channel, () => this.listeners.renewed(channel)),
      );
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
