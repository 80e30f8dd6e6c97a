import { randomUUID } from 'node:crypto';
import type { PubSub, Subscription } from '../platform/pubsub.js';

/**
 * Whether this instance hears what it says: a connection of which only one half is left looks as if it stood, and
 * nothing comes over it.
 */
export class Pulse {
  private readonly channel = `parley:pulse:${randomUUID()}`;
  private subscription: Subscription | null = null;
  private heard = true;

  constructor(private readonly pubsub: PubSub) {}

  start(): void {
    this.heard = true;
    this.subscription ??= this.pubsub.subscribe(this.channel, {
      message: () => {
        this.heard = true;
      },
      renewed: () => undefined,
    });
  }

  async stop(): Promise<void> {
    const { subscription } = this;
    this.subscription = null;
    await subscription?.unsubscribe();
  }

  /** Was the last beat heard? Gives the next one. */
  beat(): boolean {
    const wasHeard = this.heard && this.pubsub.connected;
    this.heard = false;
    this.pubsub.publish(this.channel, '').catch(() => {
      // It will not have been heard.
    });
    return wasHeard;
  }
}
