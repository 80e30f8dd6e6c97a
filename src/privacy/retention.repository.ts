import { isInactive } from '../conversations/conversation-row.js';
import { type Querier, statement, type Transaction } from '../platform/database.js';
import type { Instant } from '../platform/instant.js';

const ownStatement = statement('retention.own', 'SELECT retention_days FROM users WHERE id = $1');

/** A person's own days of retention; null where they chose none. */
export async function findOwnRetention(querier: Querier, ownerId: string): Promise<number | null> {
  const [row] = await querier.query<{ retention_days: number | null }>(ownStatement, [ownerId]);
  return row?.retention_days ?? null;
}

// The row as it was and is locked, beside what it becomes.
const setStatement = statement(
  'retention.set',
  `UPDATE users SET retention_days = $2
   FROM (SELECT id, retention_days FROM users WHERE id = $1 AND erasing_at IS NULL FOR NO KEY UPDATE) AS before
   WHERE users.id = before.id
   RETURNING before.retention_days IS DISTINCT FROM $2 AS changed`,
);

/** Gives whether that was a change; null where the owner is gone or being erased. */
export async function setOwnRetention(tx: Transaction, ownerId: string, days: number | null): Promise<boolean | null> {
  const [row] = await tx.query<{ changed: boolean }>(setStatement, [ownerId, days]);
  return row?.changed ?? null;
}

/** Somebody whose conversations are not kept for ever. */
export interface RetainedOwner {
  readonly id: string;
  readonly days: number;
}

// Page by page through the people, in the order of their ids; each costs a look at either end of two ranges. Where the
// server keeps everything, only those are visited who chose days of their own.
const everybodyStatement = statement(
  'retention.everybody',
  `SELECT id, least(retention_days, $3::integer) AS days FROM users
   WHERE id > $1 AND erasing_at IS NULL
   ORDER BY id
   LIMIT $2`,
);
const choosersStatement = statement(
  'retention.choosers',
  `SELECT id, retention_days AS days FROM users
   WHERE id > $1 AND retention_days IS NOT NULL AND erasing_at IS NULL
   ORDER BY id
   LIMIT $2`,
);

/** The next people after `after` for whom a retention is in force, given the server's days or null. */
export function findRetainedOwners(
  querier: Querier,
  after: string,
  limit: number,
  serverDays: number | null,
): Promise<RetainedOwner[]> {
  if (serverDays === null) return querier.query<RetainedOwner>(choosersStatement, [after, limit]);
  return querier.query<RetainedOwner>(everybodyStatement, [after, limit, serverDays]);
}

const inactiveStatement = statement(
  'retention.inactive',
  `SELECT owner.id AS owner_id, inactive.id
   FROM unnest($1::uuid[], $2::integer[]) AS owner (id, days)
   CROSS JOIN unnest(ARRAY[false, true]) AS shelf (archived)
   CROSS JOIN LATERAL (
     SELECT conversation.id FROM conversations AS conversation
     WHERE conversation.owner_id = owner.id AND conversation.archived = shelf.archived AND ${isInactive('owner.days')}
     ORDER BY conversation.updated_at
     LIMIT $3
   ) AS inactive`,
);

/** Of each of these people inactive conversations, the oldest first, at most `limit` from either shelf. */
export async function findInactive(
  querier: Querier,
  owners: readonly RetainedOwner[],
  limit: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const [ids, days] = [owners.map((owner) => owner.id), owners.map((owner) => owner.days)];
  const rows = await querier.query<{ owner_id: string; id: string }>(inactiveStatement, [ids, days, limit]);
  return grouped(rows);
}

/** A place in the order in which temporary conversations expire. */
export interface ExpiryPlace {
  readonly expires_at: Instant | '-infinity';
  readonly owner_id: string;
  readonly id: string;
}

export const beforeAllExpired: ExpiryPlace = {
  expires_at: '-infinity',
  owner_id: '00000000-0000-0000-0000-000000000000',
  id: '00000000-0000-0000-0000-000000000000',
};

const expiredStatement = statement(
  'retention.expired',
  `SELECT expires_at, owner_id, id FROM conversations
   WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at <= now()
     AND (expires_at, owner_id, id) > ($1::timestamptz, $2::uuid, $3::uuid)
   ORDER BY expires_at, owner_id, id
   LIMIT $4`,
);

/** Temporary conversations that have expired and are not marked deleted yet, whoever's they are; null where there are none. */
export async function findExpired(
  querier: Querier,
  after: ExpiryPlace,
  limit: number,
): Promise<{ readonly byOwner: ReadonlyMap<string, readonly string[]>; readonly last: ExpiryPlace } | null> {
  const { expires_at: expiresAt, owner_id: ownerId, id } = after;
  const rows = await querier.query<ExpiryPlace>(expiredStatement, [expiresAt, ownerId, id, limit]);
  const last = rows.at(-1);
  return last ? { byOwner: grouped(rows), last } : null;
}

function grouped(rows: readonly { readonly owner_id: string; readonly id: string }[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { owner_id: ownerId, id } of rows) {
    const group = groups.get(ownerId);
    if (group) group.push(id);
    else groups.set(ownerId, [id]);
  }
  return groups;
}
