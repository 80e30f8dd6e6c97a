import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.js';

/** A short list as it was at one revision of what it is a list of; the newest element first, never empty. */
export interface RecentList {
  readonly revision: number;
  readonly elements: readonly string[];
}

/**
 * Lists that are asked before the database is. Any of them may be missing at any time, and what is there may be old:
 * whoever reads it compares its revision with the truth.
 */
export interface RecentLists {
  /** In the order asked for; null for what is not there, or cannot be asked for now. Never rejects. */
  read(keys: readonly string[]): Promise<readonly (RecentList | null)[]>;
  /** Keeps it for an hour, unless a newer one is there. Never rejects. */
  write(key: string, list: RecentList): Promise<void>;
  /** Never rejects. */
  forget(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export const recentListMs = 60 * 60_000;

/** Of one instance alone, in its memory. */
export class MemoryRecentLists implements RecentLists {
  private readonly lists: LRUCache<string, RecentList>;

  constructor(maxBytes: number, clock: Clock) {
    this.lists = new LRUCache({
      maxSize: maxBytes,
      ttl: recentListMs,
      ttlResolution: 0,
      perf: { now: () => clock.monotonic() },
      sizeCalculation: ({ elements }, key) =>
        elements.reduce((bytes, element) => bytes + element.length * 2 + 64, key.length * 2 + 64),
    });
  }

  async read(keys: readonly string[]): Promise<readonly (RecentList | null)[]> {
    return keys.map((key) => this.lists.get(key) ?? null);
  }

  async write(key: string, list: RecentList): Promise<void> {
    if ((this.lists.get(key)?.revision ?? 0) <= list.revision) this.lists.set(key, list);
  }

  async forget(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.lists.delete(key);
  }

  async close(): Promise<void> {
    this.lists.clear();
  }
}
