import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/migrate.js';
import { until } from './until.js';

const template = 'parley_template';
/** Any number: whoever makes the template holds it. */
const templateLock = 7_201_142;

/** A database of a test file's own, migrated and empty. */
export interface TestDatabase {
  readonly url: string;
  /** Fails where a connection to it is still open: its owner did not close it. */
  drop(): Promise<void>;
}

export async function createDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(async (server) => {
    await ensureTemplate(server);
    await server.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  return { url: urlOf(name), drop: () => onServer((server) => drop(server, name)) };
}

/** An empty database without any table, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer((server) => server.query(`CREATE DATABASE ${name} TEMPLATE template0`));
  return { url: urlOf(name), drop: () => onServer((server) => drop(server, name)) };
}

/** Made once in a run of the tests, of today's migrations, by whichever file needs it first. */
async function ensureTemplate(server: pg.Client): Promise<void> {
  await server.query('SELECT pg_advisory_lock($1)', [templateLock]);
  try {
    const { rowCount } = await server.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount) return;
    const draft = `${template}_draft`;
    await server.query(`DROP DATABASE IF EXISTS ${draft}`);
    await server.query(`CREATE DATABASE ${draft} TEMPLATE template0`);
    await migrate({ databaseUrl: urlOf(draft), keysDatabaseUrl: null });
    await server.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
  } finally {
    await server.query('SELECT pg_advisory_unlock($1)', [templateLock]);
  }
}

async function drop(server: pg.Client, name: string): Promise<void> {
  const connections = async () => {
    const { rows } = await server.query('SELECT application_name FROM pg_stat_activity WHERE datname = $1', [name]);
    return rows;
  };
  // A connection that was closed here a moment ago may still be going there.
  const isClosed = until('connections are closed', async () => (await connections()).length === 0, 10_000);
  const left = await isClosed.then(() => [], connections);
  await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  if (left.length > 0) throw new Error(`${left.length} connections to the test's database were not closed.`);
}

async function onServer<T>(work: (server: pg.Client) => Promise<T>): Promise<void> {
  const server = new pg.Client({ connectionString: urlOf('postgres'), connectionTimeoutMillis: 20_000 });
  await server.connect();
  try {
    await work(server);
  } finally {
    await server.end();
  }
}

function urlOf(name: string): string {
  const given = process.env.TEST_POSTGRES_URL;
  if (!given) throw new Error("The tests' PostgreSQL is started by test/support/global-setup.mjs; run them with Jest.");
  const url = new URL(given);
  url.pathname = `/${name}`;
  return url.href;
}
