import { randomBytes } from 'node:crypto';

/** The types of public ids: the prefix says what the id names. */
export type IdPrefix = 'usr' | 'cnv' | 'msg';

const publicId = /^([a-z]{3})_([0-9a-f]{32})$/;

/**
 * A new UUIDv7 (RFC 9562) in its hyphenated form: 48 bits of `atMs`, then random bits, so that the order
 * of ids is the order of their times to the millisecond.
 */
export function newId(atMs: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(atMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return hyphenate(bytes.toString('hex'));
}

/** `msg` and a UUID make `msg_0199…`, the id as clients see it. */
export function toPublicId(prefix: IdPrefix, id: string): string {
  return `${prefix}_${id.replaceAll('-', '')}`;
}

/** The UUID in a public id; null where it is no id, or one of another type: such a thing reads as not there. */
export function fromPublicId(prefix: IdPrefix, id: string): string | null {
  const match = publicId.exec(id);
  return match?.[1] === prefix && match[2] ? hyphenate(match[2]) : null;
}

/** The type that a public id claims; null where it is no id of ours. */
export function prefixOf(id: string): IdPrefix | null {
  const prefix = publicId.exec(id)?.[1];
  return prefix === 'usr' || prefix === 'cnv' || prefix === 'msg' ? prefix : null;
}

const hyphenate = (hex: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
