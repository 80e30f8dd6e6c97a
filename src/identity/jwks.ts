import {
  type CryptoKey,
  createRemoteJWKSet,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  type RemoteJWKSet,
} from 'jose';
import { unavailable } from '../errors.js';
import type { Clock } from '../platform/clock.js';

const fetchMs = 3000;
/** Keys of this age are read again, while the known ones still serve. */
const freshMs = 10 * 60_000;
/** Older keys serve no more: so long may the login's server be away, or a withdrawn key still count. */
const usableMs = 60 * 60_000;
/** So often at most are the keys read again: for a key that is not known, or after a failure. */
const pauseMs = 10_000;

/**
 * The public keys of a login, read from its JWKS address. A new key is found when a token first names it; while the
 * address does not answer, the known keys serve for an hour.
 */
export class RemoteKeys {
  readonly #remote: RemoteJWKSet;
  readonly #clock: Clock;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<boolean> | null = null;

  constructor(url: string, clock: Clock) {
    // When to read again is decided here alone.
    const never = { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: Number.POSITIVE_INFINITY };
    this.#remote = createRemoteJWKSet(new URL(url), { timeoutDuration: fetchMs, ...never });
    this.#clock = clock;
  }

  /**
   * The key that a token's header names.
   * @throws UNAVAILABLE where the keys cannot be read; an error of jose's where there is no such key.
   */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const ageMs = this.#clock.monotonic() - this.#readAtMs;
    if (ageMs > usableMs) {
      if (!(await this.#read())) throw unavailable();
    } else if (ageMs > freshMs) {
      void this.#read();
    }
    try {
      return await this.#known(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const before = this.#readAtMs;
      if (!(await this.#read())) throw unavailable(error);
      if (this.#readAtMs === before) throw error;
      return await this.#known(header, token);
    }
  }

  async #known(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const isNamed = header.kid !== undefined || this.#remote.jwks()?.keys.length === 1;
    if (!isNamed) throw new errors.JWKSMultipleMatchingKeys();
    return await this.#remote(header, token);
  }

  /** Reads the keys, unless that was done a moment ago; true where the last reading succeeded. */
  #read(): Promise<boolean> {
    if (this.#reading) return this.#reading;
    if (this.#clock.monotonic() - this.#triedAtMs < pauseMs) return Promise.resolve(this.#readAtMs >= this.#triedAtMs);
    this.#triedAtMs = this.#clock.monotonic();
    this.#reading = this.#remote
      .reload()
      .then(
        () => {
          this.#readAtMs = this.#clock.monotonic();
          return true;
        },
        () => false,
      )
      .finally(() => {
        this.#reading = null;
      });
    return this.#reading;
  }
}
