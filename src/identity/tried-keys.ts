import { type Querier, statement } from '../platform/database.js';
import type { KeyEncryption } from '../platform/encryption.js';

interface SampleRow {
  readonly user_id: string;
  readonly key_id: number;
  readonly kek_id: string;
  readonly wrapped: Buffer;
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

/**
 * The ids of the key-encryption keys that wrap data keys here, each with whether ours opens what it wrapped. Empty where
 * there are no data keys.
 */
export async function tryKeys(keys: Querier, keyEncryption: KeyEncryption): Promise<Map<string, boolean>> {
  const opens = new Map<string, boolean>();
  const sample = await keys.query<SampleRow>(sampleStatement, []);
  for (const { user_id: ownerId, key_id: keyId, kek_id: id, wrapped } of sample) {
    const opened = await keyEncryption.unwrap(ownerId, keyId, id, wrapped).then(
      () => true,
      () => false,
    );
    opens.set(id, opened || (opens.get(id) ?? false));
  }
  return opens;
}
