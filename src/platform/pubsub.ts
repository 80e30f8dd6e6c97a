/** What hears a channel. Neither call may throw or wait. */
export interface Listener {
  message(text: string): void;
  /** The connection was lost and the subscription stands again: messages may have been missed in between. */
  renewed(): void;
}

export interface Subscription {
  /** Settles when the subscription stands, or when waiting for that has taken too long; it never rejects. */
  readonly ready: Promise<void>;
  unsubscribe(): Promise<void>;
}

/**
 * Hints between instances. A message may be lost, doubled or late: whoever uses this must be right without it.
 * Order is kept for one publisher on one channel.
 */
export interface PubSub {
  /** How many listening instances took it, this one included. Rejects when it could not be sent; bounded in time. */
  publish(channel: string, message: string): Promise<number>;
  /** Never rejects: while the connection is away the listener stays, and hears `renewed` when it is back. */
  subscribe(channel: string, listener: Listener): Subscription;
  /** False while messages are known to be lost. */
  readonly connected: boolean;
  close(): Promise<void>;
}

/** The listeners of one instance by channel; what both implementations keep. */
export class Listeners {
  private readonly byChannel = new Map<string, Set<Listener>>();

  /** True where it is the channel's first. */
  add(channel: string, listener: Listener): boolean {
    const listeners = this.byChannel.get(channel);
    if (listeners) {
      listeners.add(listener);
      return false;
    }
    this.byChannel.set(channel, new Set([listener]));
    return true;
  }

  /** True where it was the channel's last. */
  remove(channel: string, listener: Listener): boolean {
    const listeners = this.byChannel.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return false;
    this.byChannel.delete(channel);
    return true;
  }

  deliver(channel: string, message: string): void {
    for (const listener of [...(this.byChannel.get(channel) ?? [])]) listener.message(message);
  }

  renewed(channel: string): void {
    for (const listener of [...(this.byChannel.get(channel) ?? [])]) listener.renewed();
  }

  has(channel: string): boolean {
    return this.byChannel.has(channel);
  }

  get channels(): readonly string[] {
    return [...this.byChannel.keys()];
  }

  clear(): void {
    this.byChannel.clear();
  }
}

/** For one instance alone: what is published is heard in the next turn of the event loop. */
export class InProcessPubSub implements PubSub {
  readonly connected = true;
  private readonly listeners = new Listeners();

  async publish(channel: string, message: string): Promise<number> {
    const heard = this.listeners.has(channel);
    if (heard) setImmediate(() => this.listeners.deliver(channel, message));
    return heard ? 1 : 0;
  }

  subscribe(channel: string, listener: Listener): Subscription {
    this.listeners.add(channel, listener);
    return {
      ready: Promise.resolve(),
      unsubscribe: async () => {
        this.listeners.remove(channel, listener);
      },
    };
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}
