import { randomBytes } from 'node:crypto';
import type { TokenSettings } from './config.js';
import type { SigningSecret } from './identity/token.js';

/** Gives the secret kept under a name; it may make the one that is missing, or give null. */
export type SecretStore = (name: string, make: () => string) => Promise<string | null>;

/** What signs where no login does: JWT_SECRETS, or the secret that DATA_DIR keeps; null where there is neither. */
export async function findSigningSecrets(
  { secrets }: TokenSettings,
  store: SecretStore,
): Promise<readonly SigningSecret[] | null> {
  if (secrets) return secrets;
  const kept = await store('jwt-secret', () => randomBytes(32).toString('base64url'));
  return kept === null ? null : [{ kid: 'development', secret: Buffer.from(kept) }];
}

/**
 * For whom the token speaks that the first start prints. `parley token` and `parley chat` take the same person where
 * nothing else is said, so that GraphiQL and the terminal show one history. In production nobody is admin by default.
 */
export const developer = (production: boolean) => ({
  subject: 'developer',
  email: 'developer@example.com',
  roles: production ? [] : ['admin'],
});
