import { join } from 'node:path';
import './run-from-source.mjs';

/**
 * Before all tests: one PostgreSQL and one Redis for them to share, real and thrown away afterwards. Jest runs this file
 * as it is, so the server's own start of PostgreSQL is taken from its source.
 */
export default async function startServices() {
  const { startEmbeddedPostgres } = await import('../../src/platform/embedded-postgres.ts');
  const { createLog } = await import('../../src/platform/log.ts');
  const { makeTemporaryFolder } = await import('./temporary-folder.ts');
  const { startRedisServer } = await import('./redis-server.ts');

  const folder = await makeTemporaryFolder();
  try {
    const startPostgres = () =>
      startEmbeddedPostgres({
        dataDir: join(folder.path, 'shared-database'),
        sharedFolders: [join(folder.path, 'shared')],
        durable: false,
        log: createLog('silent'),
      });
    const [first, redis] = await Promise.all([startPostgres(), startRedisServer({ folder: folder.path })]);
    // What is loaded into PostgreSQL is loaded when it starts.
    const postgres = await countingStatements(first).then(startPostgres);
    process.env.TEST_POSTGRES_URL = postgres.url;
    process.env.TEST_REDIS_URL = redis.url;
    globalThis.stopTestServices = async () => {
      await Promise.all([postgres.stop(), redis.stop()]);
      await folder.remove();
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Lets PostgreSQL count the statements that it is sent, from its next start on; stops it. */
async function countingStatements(postgres) {
  const { default: pg } = await import('pg');
  const client = new pg.Client(postgres.url);
  await client.connect();
  await client.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
  await client.end();
  await postgres.stop();
}
