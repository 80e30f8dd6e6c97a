import type { Config } from '../config.js';
import { findWrongKeys, type KeysInUse } from '../wrong-keys.js';
import { type Finding, fault, note, ok } from './finding.js';

/** Do the configured keys open what is stored, and what would an erasure leave in backups? */
export async function checkKeys(
  keys: KeysInUse,
  { keysDatabaseUrl }: Pick<Config, 'keysDatabaseUrl'>,
): Promise<Finding[]> {
  const wrong = await findWrongKeys(keys);
  const opening = wrong === null ? ok('keys', 'They open what is stored.') : fault('keys', wrong);
  const backups = keysDatabaseUrl
    ? 'The keys are in a database of their own: keep its backups for a short time, and an erasure reaches the others too.'
    : 'The keys are in the same database, in the schema keys: leave it out of logical dumps (pg_dump --exclude-schema=keys); physical backups hold it, so retire the key-encryption key within their retention, or set KEYS_DATABASE_URL.';
  return [opening, note('backups', backups)];
}

/** A login's public keys. */
export async function checkLogin(jwksUrl: string | null): Promise<Finding[]> {
  if (jwksUrl === null) return [];
  const answer = await fetch(jwksUrl, { signal: AbortSignal.timeout(3000) })
    .then(async (response) => (response.ok ? ((await response.json()) as unknown) : null))
    .catch(() => null);
  const isSet = typeof answer === 'object' && answer !== null && 'keys' in answer && Array.isArray(answer.keys);
  return isSet
    ? [ok('login', 'Its public keys can be read.')]
    : [
        fault(
          'login',
          'Its public keys cannot be read.',
          'See that JWT_JWKS_URL is right, and that this machine may reach it.',
        ),
      ];
}
