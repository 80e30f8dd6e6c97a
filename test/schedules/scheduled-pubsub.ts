import { type Clock, pause } from '../../src/platform/clock.js';
import { type Listener, Listeners, type PubSub, type Subscription } from '../../src/platform/pubsub.js';
import type { Schedule } from './schedule.js';

/** What becomes of messages between the instances. */
export type Messages = 'arrive' | 'may be lost or doubled' | 'never arrive';

const readyMs = 1000;

/** What all instances of a schedule publish to and hear. */
export class ScheduledBus {
  private readonly ports = new Set<ScheduledPubSub>();
  /** Order is kept for one publisher on one channel: the last message under way from one to another. */
  private readonly inOrder = new Map<string, Promise<void>>();

  constructor(
    readonly schedule: Schedule,
    readonly messages: Messages,
  ) {}

  join(port: ScheduledPubSub): void {
    this.ports.add(port);
  }

  leave(port: ScheduledPubSub): void {
    this.ports.delete(port);
  }

  /** How many take it. */
  send(from: ScheduledPubSub, channel: string, message: string): number {
    const heardBy = [...this.ports].filter((port) => port.listeners.has(channel));
    for (const port of heardBy) {
      const times = this.messages === 'arrive' ? 1 : this.schedule.random.of(0, 1, 1, 1, 1, 2);
      for (let time = 0; time < times; time += 1) this.deliver(from, port, channel, message);
    }
    return heardBy.length;
  }

  /** The connections of all were lost and stand again. */
  renew(): void {
    for (const { listeners } of this.ports) for (const channel of listeners.channels) listeners.renewed(channel);
  }

  private deliver(from: ScheduledPubSub, to: ScheduledPubSub, channel: string, message: string): void {
    const line = `${from.actor}>${to.actor}>${channel}`;
    const before = this.inOrder.get(line) ?? Promise.resolve();
    const arrived = before.then(async () => {
      await this.schedule.pause(`${to.actor} hears`, typeOf(message));
      to.listeners.deliver(channel, message);
    });
    this.inOrder.set(line, arrived);
  }
}

/** One instance's way to the others. */
export class ScheduledPubSub implements PubSub {
  readonly listeners = new Listeners();

  constructor(
    readonly actor: string,
    private readonly bus: ScheduledBus,
    private readonly clock: Clock,
  ) {
    bus.join(this);
  }

  get connected(): boolean {
    return this.bus.messages !== 'never arrive';
  }

  async publish(channel: string, message: string): Promise<number> {
    const actor = `${this.actor} publishes`;
    await this.bus.schedule.pause(actor, typeOf(message));
    if (!this.connected) throw new Error('Messages are lost.');
    const heardBy = this.bus.send(this, channel, message);
    await this.bus.schedule.pause(actor, `${typeOf(message)} was heard by ${heardBy}`);
    return heardBy;
  }

  subscribe(channel: string, listener: Listener): Subscription {
    const left = new AbortController();
    return {
      ready: this.connected ? this.stand(channel, listener, left.signal) : pause(this.clock, readyMs, left.signal),
      unsubscribe: async () => {
        left.abort();
        this.listeners.remove(channel, listener);
        await this.bus.schedule.pause(`${this.actor} subscribes`, 'unsubscribed');
      },
    };
  }

  async close(): Promise<void> {
    this.bus.leave(this);
  }

  private async stand(channel: string, listener: Listener, left: AbortSignal): Promise<void> {
    await this.bus.schedule.pause(`${this.actor} subscribes`, 'subscribe');
    if (left.aborted) return;
    this.listeners.add(channel, listener);
    await this.bus.schedule.pause(`${this.actor} subscribes`, 'subscribed');
  }
}

const typeOf = (message: string) => /"type":"(\w+)"/.exec(message)?.[1] ?? 'message';
