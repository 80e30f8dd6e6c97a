import { loadLocalConfig } from '../config.js';
import { CommandError } from '../describe-failure.js';
import { developer, findSigningSecrets } from '../development-token.js';
import { signToken } from '../identity/token.js';
import { systemClock } from '../platform/clock.js';
import { readOrMakeSecret } from '../platform/secret-file.js';

export interface PrintTokenOptions {
  readonly sub?: string;
  readonly email?: string;
  readonly dept?: string;
  readonly role?: readonly string[];
  readonly days: number;
}

const dayMs = 24 * 60 * 60_000;

/** `parley token`: the token on standard output, what is in it on standard error. Takes no lock: a server may run. */
export async function printToken(host: NodeJS.Process, options: PrintTokenOptions): Promise<void> {
  const { production, dataDir, tokens } = loadLocalConfig();
  if (tokens.jwksUrl !== null) {
    throw new CommandError('JWT_JWKS_URL is set, so tokens are made by your login, and Parley has no key to sign one.');
  }
  const generated = (name: string, make: () => string) => readOrMakeSecret(dataDir, name, make);
  const [secret] = (await findSigningSecrets(tokens, production ? async () => null : generated)) ?? [];
  if (!secret) throw new CommandError('JWT_SECRETS is not set, and production generates none: set it to sign tokens.');
  const { subject, ...claims } = personOf(options, production);
  if (tokens.ownerClaim === 'email' && claims.email === undefined) {
    throw new CommandError('JWT_OWNER_CLAIM is email, so a token needs one: give it with --email.');
  }
  const { issuer, audience } = tokens;
  const ttlMs = options.days * dayMs;
  host.stdout.write(`${await signToken({ secret, issuer, audience, subject, ...claims, ttlMs }, systemClock)}\n`);
  const said = [claims.email, claims.department, ...claims.roles.map((role) => `role ${role}`)].filter(Boolean);
  const until = new Date(systemClock.now() + ttlMs).toISOString();
  host.stderr.write(`For ${[subject, ...said].join(', ')}; valid until ${until}.\n`);
}

/** Somebody who is named has just what is given. */
function personOf({ sub, email, dept: department, role: roles }: PrintTokenOptions, production: boolean) {
  const isNamed = sub !== undefined || email !== undefined;
  const known = isNamed ? { subject: sub ?? email ?? '', email, roles: [] } : developer(production);
  return { ...known, department, roles: roles ?? known.roles };
}
