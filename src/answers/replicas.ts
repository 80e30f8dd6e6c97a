import { unavailable } from '../errors.js';
import type { LiveText } from './live-text.js';
import { Replica, type ReplicaDeps } from './replica.js';

/** How long a replica is kept after its last follower has left, for the one who comes right back. */
const keptMs = 3000;

interface Entry {
  readonly replica: Replica;
  followers: number;
  cancelClosing: (() => void) | null;
}

/** A text that is followed; whoever took it gives it back. */
export interface FollowedText {
  readonly live: LiveText;
  release(): void;
}

/** The replicas of an instance, one an answer however many follow it. */
export class Replicas {
  private readonly entries = new Map<string, Entry>();
  private closed = false;

  constructor(private readonly deps: ReplicaDeps) {}

  /**
   * The text grows as soon as something of it was read or heard.
   * @throws UNAVAILABLE where this instance is closing
   */
  take(ownerId: string, messageId: string): FollowedText {
    if (this.closed) throw unavailable();
    const entry = this.entries.get(messageId) ?? this.open(ownerId, messageId);
    entry.followers += 1;
    entry.cancelClosing?.();
    entry.cancelClosing = null;
    let released = false;
    return {
      live: entry.replica.live,
      release: () => {
        if (released) return;
        released = true;
        entry.followers -= 1;
        if (entry.followers === 0) this.closeLater(messageId, entry);
      },
    };
  }

  get count(): number {
    return this.entries.size;
  }

  async close(): Promise<void> {
    this.closed = true;
    const entries = [...this.entries.values()];
    this.entries.clear();
    for (const { cancelClosing } of entries) cancelClosing?.();
    await Promise.all(entries.map(({ replica }) => replica.close()));
  }

  private open(ownerId: string, messageId: string): Entry {
    const replica = new Replica(ownerId, messageId, this.deps);
    const entry: Entry = { replica, followers: 0, cancelClosing: null };
    replica.open().catch((error: unknown) => {
      this.deps.log.error({ error }, 'opening a replica failed');
    });
    this.entries.set(messageId, entry);
    return entry;
  }

  private closeLater(messageId: string, entry: Entry): void {
    if (this.closed) return;
    entry.cancelClosing = this.deps.clock.after(keptMs, () => {
      if (this.entries.get(messageId) === entry) this.entries.delete(messageId);
      entry.replica.close().catch(() => {
        // Its connection is gone, and its subscription with it.
      });
    });
  }
}
