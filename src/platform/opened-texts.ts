import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.js';
import type { OwnerKeys, Place } from './encryption.js';

const keptMs = 60_000;

/** Texts opened a moment ago, so that a page read twice is opened once. Bounded in bytes and in time. */
export class OpenedTexts {
  private readonly texts: LRUCache<string, string>;

  constructor(maxBytes: number, clock: Clock) {
    this.texts = new LRUCache({
      maxSize: maxBytes,
      ttl: keptMs,
      ttlResolution: 0,
      perf: { now: () => clock.monotonic() },
      sizeCalculation: (text, key) => (text.length + key.length) * 2 + 64,
    });
  }

  /** Sealed texts differ by nonce, so the seal's last bytes (its tag) say which text it is as surely as the revision. */
  open(keys: OwnerKeys, place: Place, revision: number, sealed: string): string {
    const key = `${keys.ownerId}/${place.table}/${place.row}/${place.column}/${revision}/${sealed.slice(-24)}`;
    const known = this.texts.get(key);
    if (known !== undefined) return known;
    const text = keys.open(place, Buffer.from(sealed, 'base64'));
    this.texts.set(key, text);
    return text;
  }

  clear(): void {
    this.texts.clear();
  }
}
