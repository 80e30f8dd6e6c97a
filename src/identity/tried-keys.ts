import type { Querier } from '../platform/database.js';
import type { KeyEncryption } from '../platform/encryption.js';
import { sampleDataKeys } from './data-key.repository.js';

/**
 * The ids of the key-encryption keys that wrap data keys here, each with whether ours opens what it wrapped. Empty where
 * there are no data keys.
 */
export async function tryKeys(keys: Querier, keyEncryption: KeyEncryption): Promise<Map<string, boolean>> {
  const opens = new Map<string, boolean>();
  for (const { user_id: ownerId, key_id: keyId, kek_id: id, wrapped } of await sampleDataKeys(keys)) {
    const opened = await keyEncryption.unwrap(ownerId, keyId, id, wrapped).then(
      () => true,
      () => false,
    );
    opens.set(id, opened || (opens.get(id) ?? false));
  }
  return opens;
}
