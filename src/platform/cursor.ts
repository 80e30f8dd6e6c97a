import { badUserInput } from '../errors.js';
import { type OwnerKeys, sameBytes } from './encryption.js';

/** What a cursor points into; one of another kind does not decode. */
export type CursorKind = 'message' | 'conversation' | 'answer' | 'sync' | 'search';

const version = 1;
const macBytes = 8;

/**
 * An opaque cursor: base64url of version (1 byte), MAC (8 bytes) and the values as JSON. The MAC, under a key of the
 * owner's, also covers the kind and the object (a conversation's or message's id), which therefore need not travel.
 */
export function encodeCursor(
  keys: OwnerKeys,
  kind: CursorKind,
  object: string,
  values: readonly (string | number)[],
): string {
  const payload = JSON.stringify(values);
  const mac = keys.cursorMac(covered(kind, object, payload));
  return Buffer.concat([Buffer.of(version), mac, Buffer.from(payload)]).toString('base64url');
}

/**
 * The values that `encodeCursor` put in.
 * @throws BAD_USER_INPUT naming `field`, for a cursor of another kind, object or owner, or one that was tampered with.
 */
export function decodeCursor(
  keys: OwnerKeys,
  kind: CursorKind,
  object: string,
  cursor: string,
  field: string,
): readonly (string | number)[] {
  const bytes = Buffer.from(cursor, 'base64url');
  const payload = bytes.subarray(1 + macBytes).toString();
  const genuine =
    cursor.length <= 512 &&
    bytes[0] === version &&
    bytes.toString('base64url') === cursor &&
    sameBytes(bytes.subarray(1, 1 + macBytes), keys.cursorMac(covered(kind, object, payload)));
  if (!genuine)
    throw badUserInput(field, `${field} is not a cursor of this list; pass one on just as you received it.`);
  return JSON.parse(payload) as (string | number)[];
}

const covered = (kind: CursorKind, object: string, payload: string) => `${version}\n${kind}\n${object}\n${payload}`;
