import { randomBytes } from 'node:crypto';

/** The types of public ids: the prefix says what the id names. */
export type IdPrefix = 'usr' | 'cnv' | 'msg';

const publicId = /^([a-z]{3})_([0-9a-f]{32})$/;

const tailBits = 74n;
const afterVariantBits = 62n;
const variant = 2n << afterVariantBits;

let lastMs = Number.NaN;
let lastTail = 0n;

/**
 * A new UUIDv7 (RFC 9562) in its hyphenated form: 48 bits of `atMs`, then random bits, so that the order of ids is the
 * order of their times to the millisecond. Of one millisecond, and one process, those that are asked for one after the
 * other are in that order too: each adds to the bits of the one before it.
 */
export function newId(atMs: number = Date.now()): string {
  const tail = atMs === lastMs ? lastTail + 1n + randomBits(4) : randomBits(10) >> (80n - tailBits + 1n);
  lastMs = atMs;
  lastTail = tail;
  const time = atMs.toString(16).padStart(12, '0');
  const afterVersion = (tail >> afterVariantBits).toString(16).padStart(3, '0');
  const rest = variant | BigInt.asUintN(Number(afterVariantBits), tail);
  return hyphenate(`${time}7${afterVersion}${rest.toString(16)}`);
}

const randomBits = (bytes: number) => BigInt(`0x${randomBytes(bytes).toString('hex')}`);

/** `msg` and a UUID make `msg_0199…`, the id as clients see it. */
export function toPublicId(prefix: IdPrefix, id: string): string {
  return `${prefix}_${id.replaceAll('-', '')}`;
}

/** The UUID in a public id; null where it is no id, or one of another type: such a thing reads as not there. */
export function fromPublicId(prefix: IdPrefix, id: string): string | null {
  const match = publicId.exec(id);
  return match?.[1] === prefix && match[2] ? hyphenate(match[2]) : null;
}

const hyphenate = (hex: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
