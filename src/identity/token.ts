import { createSecretKey, hash } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { ParleyError, unauthenticated } from '../errors.js';
import type { Clock } from '../platform/clock.js';
import { type Claims, type OwnerClaim, readClaims, UnusableClaims } from './claims.js';
import { RemoteKeys } from './jwks.js';

/** A secret for HS256 and the `kid` by which a token names it. */
export interface SigningSecret {
  readonly kid: string;
  readonly secret: Uint8Array;
}

export interface TokenVerifierOptions {
  /** All of them verify. Unused where there is a JWKS address. */
  readonly secrets: readonly SigningSecret[];
  /** Where the public keys of the login are; null: tokens are signed with one of `secrets`. */
  readonly jwksUrl: string | null;
  readonly issuer: string;
  readonly audience: string;
  readonly ownerClaim: OwnerClaim;
}

export interface TokenVerifier {
  /**
   * What the token says, once it is proven. For a minute it is not proven again, but its times are looked at each time;
   * what is kept of it is a digest.
   * @throws UNAUTHENTICATED where it is not valid; UNAVAILABLE where the keys of the login cannot be read.
   */
  verify(token: string): Promise<Claims>;
}

type Check = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

const toleranceSeconds = 5;
const greatestTokenLength = 8192;
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const publicKeyAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** A withdrawn key counts so much longer. A signature costs as much as all the rest of a small request. */
const provenMs = 60_000;
const provenTokens = 10_000;
const dayMs = 24 * 60 * 60_000;

/** The token of an `Authorization` header, or of `connectionParams.authorization`. Throws UNAUTHENTICATED. */
export function bearerToken(authorization: unknown): string {
  const token = typeof authorization === 'string' ? /^Bearer +([\w.-]+)$/i.exec(authorization)?.[1] : undefined;
  if (token === undefined) throw unauthenticated();
  return token;
}

export function createTokenVerifier(options: TokenVerifierOptions, clock: Clock): TokenVerifier {
  const prove = proving(options, clock);
  const proven = new LRUCache<string, Claims>({
    ...{ max: provenTokens, ttl: provenMs },
    perf: { now: () => clock.monotonic() },
  });
  return {
    async verify(token) {
      if (token.length > greatestTokenLength || !compactForm.test(token))
        throw notValid('the form is not that of a JWT');
      const digest = hash('sha256', token, 'base64');
      const known = proven.get(digest);
      if (known && isCurrent(known, clock.now())) return known;
      const claims = await prove(token);
      proven.set(digest, claims);
      return claims;
    },
  };
}

/** Whether its times still hold; where they do not, proving it again says why. */
const isCurrent = ({ issuedAtMs, expiresAtMs }: Claims, nowMs: number) =>
  !isEarly(issuedAtMs, nowMs) && nowMs < expiresAtMs;

const isEarly = (issuedAtMs: number, nowMs: number) => issuedAtMs > nowMs + toleranceSeconds * 1000;

function proving(options: TokenVerifierOptions, clock: Clock): TokenVerifier['verify'] {
  const check = options.jwksUrl === null ? bySecrets(options.secrets) : byRemoteKeys(options.jwksUrl, clock);
  return async (token) => {
    try {
      const payload = await check(token, {
        issuer: options.issuer,
        audience: options.audience,
        requiredClaims: ['exp', 'iat'],
        clockTolerance: toleranceSeconds,
        currentDate: new Date(clock.now()),
      });
      const claims = readClaims(payload, options.ownerClaim);
      if (isEarly(claims.issuedAtMs, clock.now())) throw new UnusableClaims('iat is in the future');
      return claims;
    } catch (error) {
      throw refusalOf(error);
    }
  };
}

function bySecrets(secrets: readonly SigningSecret[]): Check {
  const keys = new Map(secrets.map(({ kid, secret }) => [kid, createSecretKey(secret)]));
  const [only] = keys.size === 1 ? keys.values() : [];
  return async (token, options) => {
    const verified = await jwtVerify(
      token,
      ({ kid }) => {
        const key = kid === undefined ? only : keys.get(kid);
        if (!key) throw new UnusableClaims('kid names no secret');
        return key;
      },
      { ...options, algorithms: ['HS256'] },
    );
    return verified.payload;
  };
}

function byRemoteKeys(url: string, clock: Clock): Check {
  const keys = new RemoteKeys(url, clock);
  return async (token, options) => {
    const find: RemoteKeys['find'] = (header, parts) => keys.find(header, parts);
    return (await jwtVerify(token, find, { ...options, algorithms: publicKeyAlgorithms })).payload;
  };
}

/** Two sentences are all that a stranger hears. The cause says more, but holds neither the token nor its claims. */
function refusalOf(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  if (error instanceof errors.JWTExpired) return refusal('The token has expired; get a new one.', error.code);
  if (error instanceof UnusableClaims) return notValid(error.message);
  return notValid(error instanceof errors.JOSEError ? error.code : 'the signature cannot be checked');
}

const notValid = (reason: string) => refusal('The token is not valid here; get a new one.', reason);

const refusal = (message: string, reason: string) =>
  new ParleyError(message, { code: 'UNAUTHENTICATED' }, { cause: new Error(reason) });

export interface SignTokenOptions {
  readonly secret: SigningSecret;
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly email?: string;
  readonly department?: string;
  readonly roles?: readonly string[];
  /** 30 days where it is not given. */
  readonly ttlMs?: number;
}

/** Signs a token as a login would, for development: `parley token`, and the one that the first start prints. */
export async function signToken(options: SignTokenOptions, clock: Clock): Promise<string> {
  const { secret, issuer, audience, subject, email, department, roles, ttlMs = 30 * dayMs } = options;
  const nowSeconds = Math.floor(clock.now() / 1000);
  return await new SignJWT({ email, dept: department, roles })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: secret.kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + Math.ceil(ttlMs / 1000))
    .sign(secret.secret);
}
