import type { LocalConfig } from '../config.js';
import { CommandError } from '../describe-failure.js';
import { developer, findSigningSecrets } from '../development-token.js';
import { signToken } from '../identity/token.js';
import { systemClock } from '../platform/clock.js';
import { findDataDirHolder } from '../platform/data-dir.js';
import { readSecret } from '../platform/secret-file.js';

/** Where a server answers, and who asks. Both are asked for anew each time: a server that was away may be elsewhere. */
export interface ServerAccess {
  /** The address of GraphQL, e.g. `http://127.0.0.1:4000/graphql`. */
  url(): Promise<string>;
  /** Null where nothing here can sign one; the server then says what it thinks of that. */
  token(): Promise<string | null>;
}

export interface ServerAccessOptions {
  readonly url?: string;
  readonly token?: string;
}

/** Long beside an answer, short beside a token for people: it goes to whatever address was typed. */
const tokenMs = 60 * 60_000;

/** The server and the token that were named, else the server that runs here and a token that it accepts. */
export function findServer(config: LocalConfig, { url, token }: ServerAccessOptions): ServerAccess {
  const named = url === undefined ? null : graphqlAddress(url);
  return {
    url: async () => named ?? graphqlAddress(await localAddress(config)),
    token: async () => token ?? (await localToken(config)),
  };
}

async function localAddress({ dataDir, port }: LocalConfig): Promise<string> {
  return (await findDataDirHolder(dataDir))?.address ?? `http://127.0.0.1:${port}`;
}

/** Nothing is made here: where there is no secret, no server has run either. */
async function localToken({ production, dataDir, tokens }: LocalConfig): Promise<string | null> {
  if (tokens.jwksUrl !== null) return null;
  const stored = async (name: string) => (production ? null : await readSecret(dataDir, name));
  const [secret] = (await findSigningSecrets(tokens, stored)) ?? [];
  if (!secret) return null;
  const { issuer, audience } = tokens;
  return await signToken({ secret, issuer, audience, ...developer(production), ttlMs: tokenMs }, systemClock);
}

function graphqlAddress(text: string): string {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new CommandError(
      'The address of a server begins with http:// or https://, e.g. --url http://127.0.0.1:4000.',
    );
  }
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path.endsWith('/graphql') ? path : `${path}/graphql`}`;
}
