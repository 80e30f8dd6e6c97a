import { resolve } from 'node:path';
import { type ModelChoice, readModels } from './config-models.js';
import { readLimits, readOrigins, readRedisUrls } from './config-parsers.js';
import { ConfigError, VariableReader } from './config-reader.js';
import { readEncryptionKeys, readSigningSecrets } from './config-secrets.js';
import type { SigningSecret, TokenVerifierOptions } from './identity/token.js';
import { greatestRetentionDays, type Limits, type Quotas } from './limits.js';
import type { KeyEncryptionKey } from './platform/encryption.js';

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
  readonly encryptionKeys: readonly KeyEncryptionKey[] | null;
  /** Empty: the same origin only. */
  readonly allowedOrigins: readonly string[];
  readonly shutdownGraceMs: number;
  readonly migrateAtStart: boolean;
  /** Days of inactivity after which a conversation is deleted. Null: it is kept. */
  readonly retentionDays: number | null;
  readonly temporaryHours: number;
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly limits: Limits;
  readonly quotas: Quotas;
  /** False: no rates are kept; the other limits stand. */
  readonly rateLimits: boolean;
  readonly logLevel: (typeof logLevels)[number];
}

/** What reaches the databases. */
export type DatabaseConfig = Pick<Config, 'databaseUrl' | 'keysDatabaseUrl'>;

/** What a command beside a server needs to find it and to be let in. */
export type LocalConfig = Pick<Config, 'production' | 'port' | 'dataDir' | 'tokens'>;

/** The configuration that the environment says. Throws ConfigError with all that is wrong with it. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return load(env, (reader, production) => {
    const config = readConfig(reader, production);
    checkTogether(reader, production);
    return config;
  });
}

/** Just that part of it, for commands that need no more: what else is missing does not stop them. */
export function loadDatabaseConfig(env: NodeJS.ProcessEnv = process.env): DatabaseConfig {
  return load(env, (reader, production) => {
    const databases = readDatabases(reader);
    if (production) checkDatabase(reader);
    return databases;
  });
}

/** As {@link loadDatabaseConfig}. */
export function loadLocalConfig(env: NodeJS.ProcessEnv = process.env): LocalConfig {
  return load(env, (reader, production) => {
    const tokens = readTokens(reader, production);
    checkTokens(reader);
    return { production, port: readPort(reader), dataDir: readDataDir(reader), tokens };
  });
}

function load<Part>(env: NodeJS.ProcessEnv, read: (reader: VariableReader, production: boolean) => Part): Part {
  const reader = new VariableReader(env);
  const production = reader.oneOf('NODE_ENV', ['production', 'development', 'test'], 'development') === 'production';
  const part = read(reader, production);
  if (reader.faults.length > 0) throw new ConfigError(reader.faults);
  return part;
}

function readConfig(reader: VariableReader, production: boolean): Config {
  const databases = readDatabases(reader);
  return {
    production,
    port: readPort(reader),
    host: reader.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1'),
    dataDir: readDataDir(reader),
    ...databases,
    databasePoolSize: reader.whole('DATABASE_POOL_SIZE', { min: 2, max: 1000, whenUnset: 20 }),
    redisUrls: readRedisUrls(reader),
    tokens: readTokens(reader, production),
    encryptionKeys: readEncryptionKeys(reader, production),
    ...readModels(reader, production),
    allowedOrigins: readOrigins(reader),
    shutdownGraceMs: reader.whole('SHUTDOWN_GRACE', { min: 0, max: 3600, whenUnset: 20 }) * 1000,
    migrateAtStart: reader.onOff('MIGRATE', databases.databaseUrl === null),
    retentionDays: reader.whole('RETENTION_DAYS', { min: 1, max: greatestRetentionDays, whenUnset: null }),
    temporaryHours: reader.whole('TEMPORARY_HOURS', { min: 1, max: 720, whenUnset: 24 }),
    graphiql: reader.onOff('GRAPHIQL', !production),
    introspection: reader.onOff('INTROSPECTION', !production),
    ...readLimits(reader),
    rateLimits: reader.onOff('RATE_LIMITS', true),
    logLevel: reader.oneOf('LOG_LEVEL', logLevels, 'info'),
  };
}

const readPort = (reader: VariableReader) => reader.whole('PORT', { min: 0, max: 65_535, whenUnset: 4000 });

const readDataDir = (reader: VariableReader) => resolve(reader.text('DATA_DIR') ?? '.parley');

function readDatabases(reader: VariableReader): DatabaseConfig {
  const read = (name: 'DATABASE_URL' | 'KEYS_DATABASE_URL') =>
    reader.url(name, ['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database');
  return { databaseUrl: read('DATABASE_URL'), keysDatabaseUrl: read('KEYS_DATABASE_URL') };
}

function readTokens(reader: VariableReader, production: boolean): TokenSettings {
  return {
    secrets: readSigningSecrets(reader, production),
    jwksUrl: reader.url('JWT_JWKS_URL', ['https:', 'http:'], 'https://login.example.com/.well-known/jwks.json'),
    issuer: reader.text('JWT_ISSUER') ?? 'parley',
    audience: reader.text('JWT_AUDIENCE') ?? 'parley',
    ownerClaim: reader.oneOf('JWT_OWNER_CLAIM', ['sub', 'email'], 'sub'),
  };
}

/** What one variable alone cannot tell. It asks what was set, not what was right: a fault is told once. */
function checkTogether(reader: VariableReader, production: boolean): void {
  checkTokens(reader);
  if (!production) return;
  if (reader.text('JWT_SECRETS') === null && reader.text('JWT_JWKS_URL') === null) {
    const remedy =
      'set it to kid:secret with a secret of 32 random bytes or more (openssl rand -base64 32), or set JWT_JWKS_URL';
    reader.fault('JWT_SECRETS', 'is not set, and production generates none', remedy);
  }
  if (reader.text('ENCRYPTION_KEYS') === null) {
    const remedy = 'set it to id:key, the key from: openssl rand -base64 32';
    reader.fault('ENCRYPTION_KEYS', 'is not set, and production generates none', remedy);
  }
  checkDatabase(reader);
}

function checkTokens(reader: VariableReader): void {
  if (reader.text('JWT_SECRETS') === null || reader.text('JWT_JWKS_URL') === null) return;
  reader.fault('JWT_JWKS_URL', 'is set together with JWT_SECRETS', 'set one of the two');
}

function checkDatabase(reader: VariableReader): void {
  if (reader.text('DATABASE_URL') !== null) return;
  const remedy = 'set it like postgres://user:password@host:5432/database';
  reader.fault('DATABASE_URL', 'is not set, and production embeds none', remedy);
}
