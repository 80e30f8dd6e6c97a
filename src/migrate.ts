import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { keysMigrations, migrations } from '../migrations/index.js';
import { hasPendingJobs, migrateJobs } from './platform/jobs-schema.js';

export interface MigrationTargets {
  readonly databaseUrl: string;
  /** Null: the keys are in the same database. */
  readonly keysDatabaseUrl: string | null;
}

/** Names this program among the holders of advisory locks. */
const lockId = 7_251_894_117;

const connectMs = 5000;
/** For a table that somebody uses. Less than requests wait, since all that come meanwhile stand behind a migration. */
const tableLockMs = 1500;
const applicationName = 'parley migrate';

/**
 * Brings the database, and the one of the keys, up to date; gives the names of what was carried out. Of several at once,
 * one works and the others wait. Where a table stays in use it fails, and can be run again: what was carried out stands.
 */
export async function migrate(targets: MigrationTargets): Promise<string[]> {
  const done: string[] = [];
  for (const target of listTargets(targets)) {
    done.push(...(await onDatabase(target, async (dataSource) => await runLocked(dataSource, target))));
  }
  return done;
}

/** Is there a migration that was not carried out yet? */
export async function hasPendingMigrations(targets: MigrationTargets): Promise<boolean> {
  for (const target of listTargets(targets)) {
    if (await onDatabase(target, (dataSource) => dataSource.showMigrations())) return true;
    if (target.holdsJobs && (await onClient(target, hasPendingJobs))) return true;
  }
  return false;
}

interface Target {
  readonly url: string;
  readonly migrations: typeof migrations;
  /** Does the job queue keep its tables there? They are the library's to make. */
  readonly holdsJobs: boolean;
}

function listTargets({ databaseUrl, keysDatabaseUrl }: MigrationTargets): Target[] {
  const main = { url: databaseUrl, migrations, holdsJobs: true };
  return keysDatabaseUrl === null
    ? [main]
    : [{ url: keysDatabaseUrl, migrations: keysMigrations, holdsJobs: false }, main];
}

async function onDatabase<T>(target: Target, work: (dataSource: DataSource) => Promise<T>): Promise<T> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: target.url,
    migrations: [...target.migrations],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    nativeDriver: false,
    logging: false,
    extra: {
      ...{ connectionTimeoutMillis: connectMs, lock_timeout: tableLockMs },
      ...{ application_name: applicationName, options: '-c timezone=UTC' },
    },
  });
  await dataSource.initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function onClient<T>(target: Target, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    ...{ connectionString: target.url, connectionTimeoutMillis: connectMs, lock_timeout: tableLockMs },
    application_name: applicationName,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function runLocked(dataSource: DataSource, target: Target): Promise<string[]> {
  const holder = dataSource.createQueryRunner();
  await holder.connect();
  try {
    // As long as a large migration of another process may take.
    await holder.query("SET lock_timeout = '10min'");
    await holder.query('SELECT pg_advisory_lock($1)', [lockId]);
    const done = (await dataSource.runMigrations()).map(({ name }) => name);
    return target.holdsJobs ? [...done, ...(await onClient(target, migrateJobs))] : done;
  } finally {
    await holder.query('SELECT pg_advisory_unlock($1)', [lockId]).catch(() => undefined);
    await holder.release();
  }
}
