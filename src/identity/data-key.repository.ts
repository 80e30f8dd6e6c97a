import { type Querier, statement } from '../platform/database.js';

/** An owner's data key, wrapped. */
export interface DataKeyRow {
  readonly key_id: number;
  /** Which key-encryption key wrapped it. */
  readonly kek_id: string;
  readonly wrapped: Buffer;
}

const readStatement = statement(
  'keys.read',
  'SELECT key_id, kek_id, wrapped FROM keys.data_keys WHERE user_id = $1 ORDER BY key_id',
);

/** All data keys of an owner, the first first. */
export function findDataKeys(querier: Querier, ownerId: string): Promise<DataKeyRow[]> {
  return querier.query<DataKeyRow>(readStatement, [ownerId]);
}

const insertStatement = statement(
  'keys.insert',
  `INSERT INTO keys.data_keys (user_id, key_id, kek_id, wrapped, created_at)
   VALUES ($1, $2, $3, $4, now()) ON CONFLICT (user_id, key_id) DO NOTHING`,
);

/** Keeps a data key, unless the owner has one of that id already. */
export async function insertDataKey(querier: Querier, ownerId: string, key: DataKeyRow): Promise<void> {
  await querier.query(insertStatement, [ownerId, key.key_id, key.kek_id, key.wrapped]);
}

// From one key-encryption key to the next by the index: the cost is that of their number, however many owners there are.
// Three data keys of each, since one may be damaged.
const sampleStatement = statement(
  'keys.sample',
  `WITH RECURSIVE kek AS (
     SELECT min(kek_id) AS id FROM keys.data_keys
     UNION ALL
     SELECT (SELECT min(kek_id) FROM keys.data_keys WHERE kek_id > kek.id) FROM kek WHERE kek.id IS NOT NULL
   )
   SELECT sample.user_id, sample.key_id, sample.kek_id, sample.wrapped
   FROM kek CROSS JOIN LATERAL (
     SELECT * FROM keys.data_keys WHERE kek_id = kek.id ORDER BY user_id DESC, key_id DESC LIMIT 3
   ) AS sample`,
);

/** Some data keys of each key-encryption key that wraps any. */
export function sampleDataKeys(querier: Querier): Promise<(DataKeyRow & { readonly user_id: string })[]> {
  return querier.query(sampleStatement, []);
}
