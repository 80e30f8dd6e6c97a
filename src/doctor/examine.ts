import { Client } from 'pg';
// Declares every statement of the server, which are explained here.
import '../app.js';
import { type Config, loadConfig } from '../config.js';
import { ConfigError } from '../config-reader.js';
import { describeDatabaseFailure } from '../describe-failure.js';
import { DataDir, findDataDirHolder } from '../platform/data-dir.js';
import type { Querier } from '../platform/database.js';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../platform/embedded-postgres.js';
import { lookUpPostgresData } from '../platform/embedded-postgres-place.js';
import { createLog } from '../platform/log.js';
import { readSecret } from '../platform/secret-file.js';
import { generatedKey } from '../wrong-keys.js';
import { checkKeys, checkLogin } from './check-keys.js';
import { checkModel } from './check-model.js';
import { checkRedis } from './check-redis.redis.js';
import { checkSchema } from './check-schema.js';
import { checkClock, checkServer } from './check-server.js';
import { checkStatements, checkStatistics } from './check-statements.js';
import { type Finding, fault, note, ok } from './finding.js';

const connectMs = 5000;
const statementMs = 20_000;

/**
 * Looks at everything that a server here would stand on, and tells each finding as it is made. Changes nothing.
 * Configured by the environment of this process, unless another one is given.
 */
export async function* examine(env?: NodeJS.ProcessEnv): AsyncGenerator<Finding> {
  const { config, faults } = readConfig(env);
  if (!config) {
    for (const says of faults) yield fault('configuration', says);
    yield note('configuration', 'Everything else is looked at once it is right.');
    return;
  }
  yield ok('configuration', `It has no fault${config.production ? '' : '; NODE_ENV is not production'}.`);
  yield* examineDatabases(config);
  yield* await checkRedis(config.redisUrls, config.limits.redisCommandMs);
  yield* await checkLogin(config.tokens.jwksUrl);
  yield* await checkModel(config);
}

function readConfig(env?: NodeJS.ProcessEnv): { readonly config: Config | null; readonly faults: readonly string[] } {
  try {
    return { config: loadConfig(env), faults: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { config: null, faults: error.faults };
    throw error;
  }
}

interface OpenDatabase {
  readonly url: string;
  close(): Promise<void>;
}

async function* examineDatabases(config: Config): AsyncGenerator<Finding> {
  let found: OpenDatabase | null = null;
  try {
    found = await findDatabase(config);
    if (found) yield* examineDatabase(config, found.url);
    else yield note('database', `There is none in ${config.dataDir} yet; the first start of the server makes it.`);
  } catch (error) {
    yield fault('database', describeDatabaseFailure(error));
  } finally {
    await found?.close();
  }
}

/** The configured one, or the embedded one as it runs; where it does not, it is started for as long as this takes. */
async function findDatabase({ databaseUrl, dataDir }: Config): Promise<OpenDatabase | null> {
  if (databaseUrl !== null) return { url: databaseUrl, close: async () => undefined };
  if ((await lookUpPostgresData(dataDir)) === null) return null;
  if (await findDataDirHolder(dataDir)) {
    const url = await findEmbeddedPostgres(dataDir);
    if (url === null) throw new Error('The embedded database is just starting or stopping; try again in a moment.');
    return { url, close: async () => undefined };
  }
  const folder = await DataDir.open(dataDir);
  const close = () => folder.close();
  const postgres = await startEmbeddedPostgres({ dataDir: folder.path, log: createLog('silent') }).catch(
    async (error: unknown) => {
      await close();
      throw error;
    },
  );
  return { url: postgres.url, close: () => postgres.stop().then(close) };
}

async function* examineDatabase(config: Config, url: string): AsyncGenerator<Finding> {
  const client = await connect(url);
  const keys = config.keysDatabaseUrl ? await connect(config.keysDatabaseUrl) : null;
  try {
    yield* await checkServer(client, config.databasePoolSize);
    yield await checkClock(client);
    const targets = { databaseUrl: url, keysDatabaseUrl: config.keysDatabaseUrl };
    const schema = await checkSchema(client, targets);
    yield* schema;
    if (schema.some(({ subject, verdict }) => subject === 'migrations' && verdict === 'fault')) return;
    yield* await checkStatements({ client, holdsKeysOnly: false, keysAreElsewhere: keys !== null });
    if (keys) yield* await checkStatements({ client: keys, holdsKeysOnly: true, keysAreElsewhere: true });
    yield* await checkStatistics(client);
    yield* await examineKeys(config, client, keys ?? client);
  } finally {
    await client.end();
    await keys?.end();
  }
}

async function examineKeys(config: Config, client: Client, keys: Client): Promise<Finding[]> {
  const generated = config.encryptionKeys ? null : await readSecret(config.dataDir, generatedKey.secret);
  const encryptionKeys =
    config.encryptionKeys ??
    (generated === null ? [] : [{ id: generatedKey.id, key: Buffer.from(generated, 'base64') }]);
  const generatedIn = config.encryptionKeys ? null : config.dataDir;
  return await checkKeys({ database: querier(client), keys: querier(keys), encryptionKeys, generatedIn }, config);
}

async function connect(url: string): Promise<Client> {
  const client = new Client({
    ...{ connectionString: url, application_name: 'parley doctor', options: '-c timezone=UTC' },
    ...{ connectionTimeoutMillis: connectMs, statement_timeout: statementMs, query_timeout: statementMs + 1000 },
  });
  // What is lost on the way is told by the statement that fails.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const querier = (client: Client): Querier => ({
  query: async <Row>({ text }: { readonly text: string }, values: readonly unknown[]) =>
    (await client.query(text, [...values])).rows as Row[],
});
