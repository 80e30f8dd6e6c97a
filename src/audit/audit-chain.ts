import { createHash } from 'node:crypto';
import type { Instant } from '../platform/instant.js';
import { sortedJson } from '../platform/sorted-json.js';

/** What is said of an event: counts and public ids, never texts. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** Something to be written down. */
export interface NewAuditEvent {
  /** What was done: a word of the domain and one of the deed, e.g. `retention.expire`. */
  readonly action: string;
  /** The public id of what it was done to; null where it is about nothing that has one. */
  readonly targetId: string | null;
  readonly details: AuditDetails;
}

/** An event in its place. */
export interface ChainedEvent extends NewAuditEvent {
  readonly chain: Buffer;
  readonly number: number;
  readonly id: string;
  readonly at: Instant;
  /** The hash of the event before it; null for the first. */
  readonly previousHash: Buffer | null;
}

const version = 1;

/** SHA-256 over an event and the hash of the one before it: a row that is changed, left out or moved breaks the chain. */
export function hashOf(event: ChainedEvent): Buffer {
  const { chain, number, id, at, action, targetId, details, previousHash } = event;
  const text = [previousHash?.toString('hex') ?? null, chain.toString('hex'), number, id, at, action, targetId];
  return createHash('sha256')
    .update(sortedJson([version, ...text, details]))
    .digest();
}
