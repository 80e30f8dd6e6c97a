import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.js';
import type { OwnerKeys, Place } from './encryption.js';

const keptMs = 60_000;

interface OpenedText {
  /** Sealed texts differ by nonce, so the seal's last bytes (its tag) say which text it is as surely as the revision. */
  readonly version: string;
  readonly text: string;
}

/** Texts opened a moment ago, so that a page read twice is opened once. Bounded in bytes and in time. */
export class OpenedTexts {
  private readonly texts: LRUCache<string, OpenedText>;

  constructor(maxBytes: number, clock: Clock) {
    this.texts = new LRUCache({
      maxSize: maxBytes,
      ttl: keptMs,
      ttlResolution: 0,
      perf: { now: () => clock.monotonic() },
      sizeCalculation: ({ text, version }, key) => (text.length + version.length + key.length) * 2 + 64,
    });
  }

  /** One text a place: another that is sealed there takes the place of the one before. */
  open(keys: OwnerKeys, place: Place, revision: number, sealed: string): string {
    const key = keyOf(keys.ownerId, place);
    const version = `${revision}/${sealed.slice(-24)}`;
    const known = this.texts.get(key);
    if (known?.version === version) return known.text;
    const text = keys.open(place, Buffer.from(sealed, 'base64'));
    this.texts.set(key, { version, text });
    return text;
  }

  /** What was sealed to this place was erased. */
  forget(ownerId: string, place: Place): void {
    this.texts.delete(keyOf(ownerId, place));
  }
}

const keyOf = (ownerId: string, { table, row, column }: Place) => `${ownerId}/${table}/${row}/${column}`;
