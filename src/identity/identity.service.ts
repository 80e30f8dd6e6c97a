import { LRUCache } from 'lru-cache';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { Claims } from './claims.js';
import type { Keyring } from './keyring.js';
import { bearerToken, type TokenVerifier } from './token.js';
import { findUser, insertUser } from './user.repository.js';
import type { Viewer } from './viewer.js';

export interface IdentityServiceDeps {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
}

/** How long it is remembered which row a person has. */
const knownMs = 60_000;
const knownPeople = 10_000;

/** Tells who asks. */
export class IdentityService {
  private readonly known: LRUCache<string, string>;

  constructor(private readonly deps: IdentityServiceDeps) {
    this.known = new LRUCache({ max: knownPeople, ttl: knownMs, perf: { now: () => deps.clock.monotonic() } });
  }

  /**
   * The person whom an Authorization header names; their row and their key are made at first sight.
   * @throws UNAUTHENTICATED, or UNAVAILABLE where that cannot be told now
   */
  async authenticate(authorization: string | undefined): Promise<Viewer> {
    const claims = await this.deps.verifier.verify(bearerToken(authorization));
    const { email, department, roles, expiresAtMs } = claims;
    return { id: await this.ownerOf(claims), email, department, roles, tokenExpiresAtMs: expiresAtMs };
  }

  private async ownerOf({ issuer, subject }: Claims): Promise<string> {
    const person = JSON.stringify([issuer, subject]);
    const known = this.known.get(person);
    if (known !== undefined) return known;
    const { database, keyring } = this.deps;
    const user =
      (await findUser(database, issuer, subject)) ??
      (await insertUser(database, issuer, subject)) ??
      (await findUser(database, issuer, subject));
    if (!user) throw new Error('A person was neither found nor made.');
    await keyring.ensure(user.id);
    this.known.set(person, user.id);
    return user.id;
  }
}
