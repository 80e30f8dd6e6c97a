import { hasConversations } from './conversations/conversation.repository.js';
import { tryKeys } from './identity/tried-keys.js';
import type { Querier } from './platform/database.js';
import { ConfiguredKeyEncryption, type KeyEncryptionKey } from './platform/encryption.js';

/** The id and the file of the key-encryption key that is generated where none is configured. */
export const generatedKey = { id: 'development', secret: 'encryption-key' };

export interface KeysInUse {
  readonly database: Querier;
  /** Where the owners' data keys are. */
  readonly keys: Querier;
  readonly encryptionKeys: readonly KeyEncryptionKey[];
  /** The file of the key where it was generated; null where keys are configured. */
  readonly generatedIn: string | null;
}

/**
 * Why these are not the keys of these databases, in a sentence that says what to do; null where they are. A server must
 * not run on others: nothing that is stored would open, and what is new would be sealed apart from it.
 */
export async function findWrongKeys({
  database,
  keys,
  encryptionKeys,
  generatedIn,
}: KeysInUse): Promise<string | null> {
  const tried = await tryKeys(keys, new ConfiguredKeyEncryption(encryptionKeys));
  if (tried.size === 0 && (await hasConversations(database))) {
    return 'This database has conversations, but the database of the keys has no keys: set KEYS_DATABASE_URL to the one that has them, or restore its keys.';
  }
  const unopened = [...tried].filter(([, opens]) => !opens).map(([id]) => id);
  if (unopened.length === 0) return null;
  if (generatedIn !== null && unopened.includes(generatedKey.id)) {
    return `The texts in this database are sealed with another key than that in ${generatedIn}: restore that file, or begin anew with another DATA_DIR.`;
  }
  const missing = unopened.map((id) => `"${id}"`).join(' and ');
  const origin = `"${generatedKey.id}" was generated, its base64 is in the file ${generatedKey.secret} of DATA_DIR`;
  return (
    `Texts in this database are sealed with ${missing}, which ENCRYPTION_KEYS does not have as it was: ` +
    `put it there again, behind the others, as id:base64${unopened.includes(generatedKey.id) ? ` (${origin})` : ''}.`
  );
}
