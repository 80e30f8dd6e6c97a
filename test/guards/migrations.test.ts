import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { keysMigrations, migrations } from '../../migrations/index.js';
import { entities } from '../../src/entities.js';
import { hasPendingMigrations, migrate } from '../../src/migrate.js';
import { createEmptyDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let keysDatabase: TestDatabase;

beforeEach(async () => {
  [database, keysDatabase] = await Promise.all([createEmptyDatabase(), createEmptyDatabase()]);
});

afterEach(async () => {
  await Promise.all([database?.drop(), keysDatabase?.drop()]);
});

const together = () => ({ databaseUrl: database.url, keysDatabaseUrl: null });
/** The tables that the job queue brings. */
const jobQueue = expect.stringMatching(/^JobQueue\d+$/);
const namesOf = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

/** The statements that would make the database what the entities say. */
async function differences(): Promise<string[]> {
  const source = new DataSource({ type: 'postgres', url: database.url, entities, nativeDriver: false });
  await source.initialize();
  try {
    return (await source.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query);
  } finally {
    await source.destroy();
  }
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

describe('Migrations', () => {
  it('make of an empty database what the entities say', async () => {
    await migrate(together());
    expect(await differences()).toEqual([]);
    await query(database.url, 'ALTER TABLE messages DROP COLUMN depth');
    expect(await differences()).not.toEqual([]);
  });

  it('run once, however often they are asked for', async () => {
    expect(await hasPendingMigrations(together())).toBe(true);
    expect(await migrate(together())).toEqual([...namesOf(migrations), jobQueue]);
    expect(await hasPendingMigrations(together())).toBe(false);
    expect(await migrate(together())).toEqual([]);
  });

  it('run once when several instances start at the same time', async () => {
    const runs = await Promise.all(Array.from({ length: 6 }, () => migrate(together())));
    expect(runs.flat()).toEqual([...namesOf(migrations), jobQueue]);
  });

  it('give the keys a database of their own where one is named', async () => {
    await migrate({ databaseUrl: database.url, keysDatabaseUrl: keysDatabase.url });
    const tables =
      "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'";
    const own = `${tables} AND table_schema NOT IN ('pg_catalog', 'information_schema') AND table_name <> 'migrations'`;
    expect(await query(keysDatabase.url, own)).toEqual(['keys.data_keys']);
    expect(await query(keysDatabase.url, 'SELECT name FROM migrations')).toEqual(namesOf(keysMigrations));
  });

  it('are named after the order in which they run', () => {
    const times = namesOf(migrations).map((name) => Number(/(\d{13})$/.exec(name)?.[1]));
    expect(times).toEqual([...times].sort((one, other) => one - other));
  });
});
