import { isParleyError } from '../errors.js';
import type { OwnerKeys, Place } from '../platform/encryption.js';
import type { OpenedTexts } from '../platform/opened-texts.js';
import type { Keyring } from './keyring.js';
import type { Viewer } from './viewer.js';

export interface ScopeDeps {
  readonly keyring: Keyring;
  readonly openedTexts: OpenedTexts;
}

/**
 * What one operation, or one event of a subscription, reads with: who asks, their opened keys, and whatever is made
 * once for it, loaders above all. What is read carries its scope, so that nothing outlives the event it belongs to.
 */
export class Scope {
  private readonly made = new Map<unknown, unknown>();

  private constructor(
    readonly viewer: Viewer,
    readonly keys: OwnerKeys,
    readonly requestId: string,
    private readonly deps: ScopeDeps,
  ) {}

  static async open(viewer: Viewer, requestId: string, deps: ScopeDeps): Promise<Scope> {
    return new Scope(viewer, await deps.keyring.of(viewer.id), requestId, deps);
  }

  /**
   * Opens what is sealed to `place`, in base64 as the database gives it. `revision` changes whenever the text does.
   * @throws DATA_INTEGRITY where it was tampered with.
   */
  openText(place: Place, revision: number, sealed: string): string {
    return this.deps.openedTexts.open(this.keys, place, revision, sealed);
  }

  /** What was sealed to these places was erased: it is not kept opened here either. */
  forgetTexts(places: readonly Place[]): void {
    for (const place of places) this.deps.openedTexts.forget(this.keys.ownerId, place);
  }

  /** What `make` makes, once in this scope. */
  of<T>(make: (scope: Scope) => T): T {
    if (!this.made.has(make)) this.made.set(make, make(this));
    return this.made.get(make) as T;
  }

  /** The same person, with nothing read yet and keys that are not older than a minute. */
  fresh(): Promise<Scope> {
    return Scope.open(this.viewer, this.requestId, this.deps);
  }

  /** The same for the next event of a subscription, which goes on with the keys at hand while the database is away. */
  async forNextEvent(): Promise<Scope> {
    try {
      return await this.fresh();
    } catch (error) {
      if (isParleyError(error, 'UNAVAILABLE')) {
        return new Scope(this.viewer, this.keys, this.requestId, this.deps);
      }
      throw error;
    }
  }
}
