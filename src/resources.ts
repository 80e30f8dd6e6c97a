import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config.js';
import { findSigningSecrets } from './development-token.js';
import { entities } from './entities.js';
import { DataKeyEntity } from './identity/data-key.entity.js';
import type { SigningSecret } from './identity/token.js';
import { hasPendingMigrations, migrate } from './migrate.js';
import type { Clock } from './platform/clock.js';
import { DataDir } from './platform/data-dir.js';
import { Database, type DatabaseOptions } from './platform/database.js';
import { startEmbeddedPostgres } from './platform/embedded-postgres.js';
import type { KeyEncryptionKey } from './platform/encryption.js';
import type { Log } from './platform/log.js';
import { InProcessPubSub, type PubSub } from './platform/pubsub.js';
import { RedisPubSub } from './platform/pubsub.redis.js';
import { MemoryRates, type Rates, unlimited } from './platform/rates.js';
import { RedisRates } from './platform/rates.redis.js';
import { MemoryRecentLists, type RecentLists } from './platform/recent-lists.js';
import { RedisRecentLists } from './platform/recent-lists.redis.js';
import { findWrongKeys, generatedKey } from './wrong-keys.js';

/** Everything a server holds open, closed in the reverse order of its opening. */
export class Closers {
  private readonly closers: { readonly what: string; readonly close: () => Promise<unknown> }[] = [];

  constructor(private readonly log: Log) {}

  add(what: string, close: () => Promise<unknown>): void {
    this.closers.push({ what, close });
  }

  /** Closes all, whatever fails on the way. */
  async close(): Promise<void> {
    for (let closer = this.closers.pop(); closer; closer = this.closers.pop()) {
      await closer.close().catch((error: unknown) => {
        this.log.error({ error, what: closer?.what }, 'closing failed');
      });
    }
  }
}

/** What a server stands on. */
export interface Resources {
  /** For requests. */
  readonly database: Database;
  /** For what must not wait behind requests: checkpoints, settling, the sweeper. */
  readonly upkeep: Database;
  readonly keys: Database;
  /** For what the job queue calls, which is no operation's: its statements are told to nobody. */
  readonly jobs: Database;
  readonly databaseUrl: string;
  readonly pubsub: PubSub;
  readonly rates: Rates;
  /** The newest messages of conversations, near at hand. */
  readonly recentLists: RecentLists;
  /** Null where tokens are verified by a login's public keys. */
  readonly signingSecrets: readonly SigningSecret[] | null;
  readonly encryptionKeys: readonly KeyEncryptionKey[];
  /** Null where everything is configured. */
  readonly dataDir: DataDir | null;
  /** Sentences for whoever starts the server. */
  readonly notices: readonly string[];
}

/** A start that cannot go on, with one sentence that says what to do. */
export class StartError extends Error {}

export interface ResourceDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly closers: Closers;
  readonly onStatement?: (name: string) => void;
  /** Told what was lost for good: the embedded PostgreSQL, where it cannot be started again. */
  readonly onLost: (error: unknown) => void;
}

const upkeepConnections = 3;
const jobConnections = 2;
/** Where there is no Redis. */
const recentListBytes = 32 * 1024 * 1024;

/** Opens it all; what was opened when something fails is closed by the caller's `closers`. */
export async function openResources(config: Config, deps: ResourceDeps): Promise<Resources> {
  const { closers, clock, log } = deps;
  const dataDir = needsDataDir(config) ? await DataDir.open(config.dataDir) : null;
  if (dataDir) closers.add('data directory', () => dataDir.close());
  const { databaseUrl, notices } = await findDatabase(config, dataDir, deps);
  await checkMigrations(config, databaseUrl);
  const connect = connecting(config, deps);
  const database = await connect('requests', { url: databaseUrl, poolSize: config.databasePoolSize, entities });
  const upkeep = await connect('upkeep', { url: databaseUrl, poolSize: upkeepConnections, entities: [] });
  const { onStatement: _, ...untold } = deps;
  const connectUntold = connecting(config, untold);
  const jobs = await connectUntold('jobs', { url: databaseUrl, poolSize: jobConnections, entities: [] });
  const keys = config.keysDatabaseUrl
    ? await connect('keys', { url: config.keysDatabaseUrl, poolSize: upkeepConnections, entities: [DataKeyEntity] })
    : database;
  const pubsub = openPubSub(config, clock, log);
  closers.add('pub/sub', () => pubsub.close());
  const rates = openRates(config, clock, log);
  closers.add('rates', () => rates.close());
  const recentLists = openRecentLists(config, clock, log);
  closers.add('recent lists', () => recentLists.close());
  const signingSecrets = config.tokens.jwksUrl ? null : await openSigningSecrets(config, dataDir);
  const encryptionKeys = await findEncryptionKeys(config, dataDir);
  const generatedIn = dataDir && !config.encryptionKeys ? join(dataDir.path, generatedKey.secret) : null;
  const wrongKeys = await findWrongKeys({ database, keys, encryptionKeys, generatedIn });
  if (wrongKeys !== null) throw new StartError(wrongKeys);
  const databases = { database, upkeep, jobs, databaseUrl, keys };
  return { ...databases, pubsub, rates, recentLists, signingSecrets, encryptionKeys, dataDir, notices };
}

type Connecting = (what: string, options: Pick<DatabaseOptions, 'url' | 'poolSize' | 'entities'>) => Promise<Database>;

function connecting(config: Config, { closers, log, onStatement }: ResourceDeps): Connecting {
  const { poolWaitMs: connectMs, statementMs, lockMs } = config.limits;
  const timeouts = { connectMs, statementMs, lockMs };
  return async (what, options) => {
    const database = await Database.connect(
      { ...options, timeouts, applicationName: `parley ${what}`, ...(onStatement && { onStatement }) },
      log,
    );
    closers.add(`database (${what})`, () => database.close());
    return database;
  };
}

/** Where everything is configured nothing is kept on this machine, and any number of instances may run here. */
function needsDataDir({ production, databaseUrl, tokens, encryptionKeys }: Config): boolean {
  const configured = databaseUrl !== null && encryptionKeys !== null && (tokens.secrets ?? tokens.jwksUrl) !== null;
  return !production && !configured;
}

async function findDatabase(config: Config, dataDir: DataDir | null, { closers, log, onLost }: ResourceDeps) {
  if (config.databaseUrl !== null) return { databaseUrl: config.databaseUrl, notices: [] };
  if (!dataDir) throw new StartError('DATABASE_URL is not set.');
  const postgres = await startEmbeddedPostgres({ dataDir: dataDir.path, log, onLost });
  closers.add('embedded PostgreSQL', () => postgres.stop());
  return { databaseUrl: postgres.url, notices: postgres.notices };
}

async function checkMigrations(config: Config, databaseUrl: string): Promise<void> {
  const targets = { databaseUrl, keysDatabaseUrl: config.keysDatabaseUrl };
  if (config.migrateAtStart) {
    await migrate(targets);
  } else if (await hasPendingMigrations(targets)) {
    throw new StartError('The database is not up to date: run `npm run cli -- migrate`, or start with MIGRATE=on.');
  }
}

function openPubSub(config: Config, clock: Clock, log: Log): PubSub {
  if (!config.redisUrls) return new InProcessPubSub();
  const options = { urls: config.redisUrls, commandTimeoutMs: config.limits.redisCommandMs, readyMs: 1000 };
  return new RedisPubSub(options, clock, log);
}

function openRates(config: Config, clock: Clock, log: Log): Rates {
  if (!config.rateLimits) return unlimited;
  const {
    conversationsPerMinute: conversations,
    sendsPerMinute: sends,
    searchesPerMinute: searches,
    redisCommandMs: commandTimeoutMs,
  } = config.limits;
  const perMinute = { conversations, sends, searches };
  if (!config.redisUrls) return new MemoryRates(perMinute);
  return new RedisRates({ urls: config.redisUrls, commandTimeoutMs, perMinute }, clock, log);
}

function openRecentLists({ redisUrls: urls, limits }: Config, clock: Clock, log: Log): RecentLists {
  if (!urls) return new MemoryRecentLists(recentListBytes, clock);
  return new RedisRecentLists({ urls, commandTimeoutMs: limits.redisCommandMs }, clock, log);
}

async function openSigningSecrets({ tokens }: Config, dataDir: DataDir | null): Promise<readonly SigningSecret[]> {
  const secrets = await findSigningSecrets(tokens, async (name, make) => (await dataDir?.secret(name, make)) ?? null);
  if (!secrets) throw new StartError('JWT_SECRETS is not set.');
  return secrets;
}

async function findEncryptionKeys(config: Config, dataDir: DataDir | null): Promise<readonly KeyEncryptionKey[]> {
  if (config.encryptionKeys) return config.encryptionKeys;
  if (!dataDir) throw new StartError('ENCRYPTION_KEYS is not set.');
  const key = await dataDir.secret(generatedKey.secret, () => randomBytes(32).toString('base64'));
  return [{ id: generatedKey.id, key: Buffer.from(key, 'base64') }];
}
