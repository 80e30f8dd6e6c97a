import { resolve } from 'node:path';
import { type ModelChoice, readModels } from './config-models.js';
import { readLimits, readOrigins, readRedisUrls } from './config-parsers.js';
import { ConfigError, VariableReader } from './config-reader.js';
import { type EncryptionKey, readEncryptionKeys, readSigningSecrets } from './config-secrets.js';
import { type VariableDescription, variables } from './config-variables.js';
import type { SigningSecret, TokenVerifierOptions } from './identity/token.js';
import type { Limits } from './limits.js';

export { ConfigError };

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** How tokens are verified. Secrets and JWKS exclude each other; both are null only outside production. */
export interface TokenSettings extends Omit<TokenVerifierOptions, 'secrets'> {
  readonly secrets: readonly SigningSecret[] | null;
}

/** The whole configuration, checked. What is off, or left to be generated, is null. */
export interface Config extends ModelChoice {
  readonly production: boolean;
  /** 0: any port that is free. */
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly dataDir: string;
  /** Null: the embedded PostgreSQL, under `dataDir`. */
  readonly databaseUrl: string | null;
  readonly databasePoolSize: number;
  /** Null: the keys are in the same database. */
  readonly keysDatabaseUrl: string | null;
  /** Null: in-process. Several: the first nodes to ask of a cluster. */
  readonly redisUrls: readonly string[] | null;
  readonly tokens: TokenSettings;
  /** Null: generated; never null in production. The first wraps, all unwrap. */
  readonly encryptionKeys: readonly EncryptionKey[] | null;
  /** Empty: the same origin only. */
  readonly allowedOrigins: readonly string[];
  readonly shutdownGraceMs: number;
  readonly migrateAtStart: boolean;
  readonly trustedProxies: number;
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly limits: Limits;
  /** False: no rates are kept; the other limits stand. */
  readonly rateLimits: boolean;
  readonly logLevel: (typeof logLevels)[number];
}

/** The configuration that the environment says. Throws {@link ConfigError} with all that is wrong with it. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const reader = new VariableReader(env);
  const production = reader.oneOf('NODE_ENV', ['production', 'development', 'test'], 'development') === 'production';
  const databaseUrl = readDatabaseUrl(reader, 'DATABASE_URL');
  const config: Config = {
    production,
    port: reader.whole('PORT', { min: 0, max: 65_535, whenUnset: 4000 }),
    host: reader.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1'),
    dataDir: resolve(reader.text('DATA_DIR') ?? '.parley'),
    databaseUrl,
    databasePoolSize: reader.whole('DATABASE_POOL_SIZE', { min: 2, max: 1000, whenUnset: 20 }),
    keysDatabaseUrl: readDatabaseUrl(reader, 'KEYS_DATABASE_URL'),
    redisUrls: readRedisUrls(reader),
    tokens: {
      secrets: readSigningSecrets(reader, production),
      jwksUrl: reader.url('JWT_JWKS_URL', ['https:', 'http:'], 'https://login.example.com/.well-known/jwks.json'),
      issuer: reader.text('JWT_ISSUER') ?? 'parley',
      audience: reader.text('JWT_AUDIENCE') ?? 'parley',
      ownerClaim: reader.oneOf('JWT_OWNER_CLAIM', ['sub', 'email'], 'sub'),
    },
    encryptionKeys: readEncryptionKeys(reader, production),
    ...readModels(reader, production),
    allowedOrigins: readOrigins(reader),
    shutdownGraceMs: reader.whole('SHUTDOWN_GRACE', { min: 0, max: 3600, whenUnset: 20 }) * 1000,
    migrateAtStart: reader.onOff('MIGRATE', databaseUrl === null),
    trustedProxies: reader.whole('TRUSTED_PROXIES', { min: 0, max: 10, whenUnset: 0 }),
    graphiql: reader.onOff('GRAPHIQL', !production),
    introspection: reader.onOff('INTROSPECTION', !production),
    limits: readLimits(reader),
    rateLimits: reader.onOff('RATE_LIMITS', true),
    logLevel: reader.oneOf('LOG_LEVEL', logLevels, 'info'),
  };
  checkTogether(reader, production);
  if (reader.faults.length > 0) throw new ConfigError(reader.faults);
  return config;
}

/** Every variable, for the README and for `parley --help`. */
export const describeVariables = (): readonly VariableDescription[] => variables;

const readDatabaseUrl = (reader: VariableReader, name: 'DATABASE_URL' | 'KEYS_DATABASE_URL') =>
  reader.url(name, ['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database');

/** What one variable alone cannot tell. It asks what was set, not what was right: a fault is told once. */
function checkTogether(reader: VariableReader, production: boolean): void {
  const isSet = (name: Parameters<VariableReader['text']>[0]) => reader.text(name) !== null;
  if (isSet('JWT_SECRETS') && isSet('JWT_JWKS_URL')) {
    reader.fault('JWT_JWKS_URL', 'is set together with JWT_SECRETS', 'set one of the two');
  }
  if (!production) return;
  if (!isSet('JWT_SECRETS') && !isSet('JWT_JWKS_URL')) {
    const remedy =
      'set it to kid:secret with a secret of 32 random bytes or more (openssl rand -base64 32), or set JWT_JWKS_URL';
    reader.fault('JWT_SECRETS', 'is not set, and production generates none', remedy);
  }
  if (!isSet('ENCRYPTION_KEYS')) {
    reader.fault(
      'ENCRYPTION_KEYS',
      'is not set, and production generates none',
      'set it to id:key, the key from: openssl rand -base64 32',
    );
  }
  if (!isSet('DATABASE_URL')) {
    reader.fault(
      'DATABASE_URL',
      'is not set, and production embeds none',
      'set it like postgres://user:password@host:5432/database',
    );
  }
}
