import { conflict, unauthenticated, unavailable } from '../errors.js';
import { type Querier, statement, type Transaction } from '../platform/database.js';

/** What an idempotency key is claimed with. */
export interface RequestClaim {
  readonly ownerId: string;
  readonly key: Buffer;
  readonly fingerprint: Buffer;
  /** Ids by what they name; made before the transaction, so that a second run of it makes the same. */
  readonly made: Readonly<Record<string, string>>;
}

/** Ours to carry out, or what the first with this key made. */
export type ClaimedRequest =
  | { readonly claimed: true }
  | { readonly claimed: false; readonly made: Readonly<Record<string, string>> };

/**
 * The parts of a statement that claim a key and then hold the owner's row, in this order: the second reads what the first
 * returned. A key that another transaction holds is waited for; then nothing is inserted, and nothing further is locked.
 * $1 to $4 are `claimValues`.
 */
export const claiming = (holding: 'KEY SHARE' | 'NO KEY UPDATE') => `
  claimed AS (
    INSERT INTO requests (owner_id, key, fingerprint, made, created_at) VALUES ($1, $2, $3, $4, now())
    ON CONFLICT (owner_id, key) DO NOTHING RETURNING owner_id
  ), owner AS (
    SELECT id FROM users
    WHERE id = $1 AND erasing_at IS NULL AND EXISTS (SELECT FROM claimed)
    FOR ${holding}
  )`;

export const claimValues = ({ ownerId, key, fingerprint, made }: RequestClaim) => [
  ownerId,
  key,
  fingerprint,
  JSON.stringify(made),
];

// Whether the owner could be held is told apart from whether the key was free, since the row that this statement inserts
// would look like somebody's first use.
const claimStatement = statement(
  'requests.claimForOwner',
  `WITH ${claiming('KEY SHARE')} SELECT EXISTS (SELECT FROM claimed) AS claimed, EXISTS (SELECT FROM owner) AS held`,
);

const readStatement = statement(
  'requests.read',
  `SELECT request.fingerprint, request.made
   FROM users LEFT JOIN requests AS request ON request.owner_id = users.id AND request.key = $2
   WHERE users.id = $1`,
);

/**
 * Claims the key and holds the owner's row until the commit. A key that another transaction holds is waited for.
 * @throws CONFLICT (IDEMPOTENCY_KEY_REUSED) where the key was used for something else
 * @throws UNAUTHENTICATED where the owner is gone or being erased
 */
export async function claimRequest(tx: Transaction, claim: RequestClaim): Promise<ClaimedRequest> {
  const [outcome] = await tx.query<{ claimed: boolean; held: boolean }>(claimStatement, claimValues(claim));
  if (outcome?.claimed) {
    if (!outcome.held) throw unauthenticated();
    return { claimed: true };
  }
  return { claimed: false, made: await readRequest(tx, claim) };
}

type ReadRequest = Pick<RequestClaim, 'fingerprint' | 'made'> | { readonly fingerprint: null; readonly made: null };

/**
 * What the first with this key made, after a claim that found the key used.
 * @throws CONFLICT (IDEMPOTENCY_KEY_REUSED) where the key was used for something else
 * @throws UNAUTHENTICATED where the owner, and all that was theirs, was erased while we waited for the key
 * @throws UNAVAILABLE where the key was forgotten since; the same request then finds it unused
 */
export async function readRequest(tx: Transaction, claim: RequestClaim): Promise<RequestClaim['made']> {
  const { ownerId, key, fingerprint } = claim;
  const [row] = await tx.query<ReadRequest>(readStatement, [ownerId, key]);
  if (!row) throw unauthenticated();
  if (row.fingerprint === null) throw unavailable();
  if (row.fingerprint.equals(fingerprint)) return row.made;
  throw conflict('IDEMPOTENCY_KEY_REUSED', 'This idempotencyKey was used for something else; use a new one.');
}

const forgetStatement = statement(
  'requests.forget',
  `WITH old AS (
     SELECT owner_id, key FROM requests
     WHERE created_at < now() - interval '30 days'
     ORDER BY created_at
     LIMIT $1
     FOR UPDATE SKIP LOCKED
   ), forgotten AS (
     DELETE FROM requests USING old
     WHERE requests.owner_id = old.owner_id AND requests.key = old.key
     RETURNING requests.owner_id
   )
   SELECT count(*)::integer AS count FROM forgotten`,
);

/** Forgets keys that were claimed more than 30 days ago, at most `batch` of them; gives how many. For any instance at any time. */
export async function forgetRequests(querier: Querier, batch: number): Promise<number> {
  const [row] = await querier.query<{ count: number }>(forgetStatement, [batch]);
  return row?.count ?? 0;
}
