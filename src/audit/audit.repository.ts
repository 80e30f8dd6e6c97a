import { statement, type Transaction } from '../platform/database.js';
import { newId } from '../platform/ids.js';
import type { Instant } from '../platform/instant.js';
import { type ChainedEvent, hashOf, type NewAuditEvent } from './audit-chain.js';

/** Names the chains of audit events among the holders of advisory locks. */
const lockClass = 1_624_031;

// In a statement of its own: the next one then sees what whoever held the chain has written.
const lockStatement = statement('auditEvents.lockChain', 'SELECT pg_advisory_xact_lock($1, $2)');

const headStatement = statement(
  'auditEvents.head',
  `SELECT date_trunc('milliseconds', clock_timestamp()) AS at, head.number, head.hash
   FROM (SELECT) AS one
   LEFT JOIN LATERAL (
     SELECT number, hash FROM audit_events WHERE chain = $1 ORDER BY number DESC LIMIT 1
   ) AS head ON true`,
);

const insertStatement = statement(
  'auditEvents.insert',
  `INSERT INTO audit_events (chain, number, id, at, action, target_id, details, previous_hash, hash)
   SELECT $1, given.number, given.id, $2, given.action, given.target_id, given.details::jsonb, given.previous_hash,
     given.hash
   FROM unnest($3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
     AS given (number, id, action, target_id, details, previous_hash, hash)`,
);

interface Head {
  readonly at: Instant;
  readonly number: number | null;
  readonly hash: Buffer | null;
}

/**
 * Adds events to the end of a chain, in the caller's transaction: what they tell of stands if they do. Holds the chain
 * until the commit, so that two instances never add to the same end. Its lock is the last of all that are taken.
 */
export async function appendAuditEvents(
  tx: Transaction,
  chain: Buffer,
  events: readonly NewAuditEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await tx.query(lockStatement, [lockClass, chain.readInt32BE(0)]);
  const [head] = await tx.query<Head>(headStatement, [chain]);
  if (!head) throw new Error('A statement that gives one row gave none.');
  const rows = chained(chain, head, events);
  const all = <T>(pick: (row: HashedEvent) => T) => rows.map(pick);
  await tx.query(insertStatement, [
    chain,
    head.at,
    all(({ number }) => number),
    all(({ id }) => id),
    all(({ action }) => action),
    all(({ targetId }) => targetId),
    all(({ details }) => JSON.stringify(details)),
    all(({ previousHash }) => previousHash),
    all(({ hash }) => hash),
  ]);
}

type HashedEvent = ChainedEvent & { readonly hash: Buffer };

function chained(chain: Buffer, head: Head, events: readonly NewAuditEvent[]): HashedEvent[] {
  const rows: HashedEvent[] = [];
  let { hash: previousHash } = head;
  for (const [index, event] of events.entries()) {
    const row = { ...event, chain, number: (head.number ?? 0) + 1 + index, id: newId(), at: head.at, previousHash };
    const hash = hashOf(row);
    rows.push({ ...row, hash });
    previousHash = hash;
  }
  return rows;
}
