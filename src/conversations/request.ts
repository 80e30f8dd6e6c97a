import { randomUUID } from 'node:crypto';
import { badUserInput } from '../errors.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { sortedJson } from '../platform/sorted-json.js';
import { checkText } from '../platform/unicode.js';
import type { RequestClaim } from './request.repository.js';

/**
 * An idempotency key as a client gives it; null where it gives none.
 * @throws BAD_USER_INPUT naming `field` for an empty one, or one longer than `maxCodeUnits`
 */
export function readIdempotencyKey(field: string, key: string | null | undefined, maxCodeUnits: number): string | null {
  if (key === null || key === undefined) return null;
  if (key === '') throw badUserInput(field, `${field} has 1 to ${maxCodeUnits} characters; omit it for none.`);
  return checkText(field, key, maxCodeUnits);
}

/** The key that a request is claimed under; one of our own where the client gave none, for a second run to find it. */
export function requestKey(keys: OwnerKeys, clientKey: string | null): Buffer {
  return keys.fingerprint(clientKey === null ? `own key\n${randomUUID()}` : `key\n${clientKey}`);
}

/** What a request asks for: the mutation's name and its whole input, whatever the order of its fields. */
export function requestFingerprint(keys: OwnerKeys, mutation: string, input: object): Buffer {
  return keys.fingerprint(`${mutation}\n${sortedJson(input)}`);
}

/** What one request claims its key with; `clientKey` null where the client gave none. */
export function requestClaim(
  keys: OwnerKeys,
  request: {
    readonly mutation: string;
    readonly input: object;
    readonly clientKey: string | null;
    readonly made: RequestClaim['made'];
  },
): RequestClaim {
  const { mutation, input, clientKey, made } = request;
  return {
    ownerId: keys.ownerId,
    key: requestKey(keys, clientKey),
    fingerprint: requestFingerprint(keys, mutation, input),
    made,
  };
}
