import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { describeDatabaseFailure } from '../../../src/describe-failure.js';
import { migrate } from '../../../src/migrate.js';
import { SqlClient, waitingForLocks } from '../../support/sql-client.js';
import { createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

/** The first that changes a table of messages that may be there. */
const usage = migrations.findIndex(({ name }) => name.startsWith('Usage'));

let database: TestDatabase;
let [holder, reader]: SqlClient[] = [];

beforeEach(async () => {
  database = await createEmptyDatabase();
  const source = new DataSource({ type: 'postgres', url: database.url, migrations: migrations.slice(0, usage) });
  await source.initialize();
  await source.runMigrations();
  await source.destroy();
  [holder, reader] = await Promise.all([SqlClient.connect(database.url), SqlClient.connect(database.url)]);
});

afterEach(async () => {
  await Promise.all([holder?.close(), reader?.close()]);
  await database?.drop();
});

describe('A migration that finds a table in use, by a backup for example', () => {
  it('gives up soon, so that nobody waits behind it for long, and can be run again', async () => {
    await holder?.rows('BEGIN');
    await holder?.rows('LOCK TABLE conversations IN ACCESS SHARE MODE');
    const migrating = migrate({ databaseUrl: database.url, keysDatabaseUrl: null });
    const failed = migrating.then(
      () => 'It did not fail.',
      (error: unknown) => describeDatabaseFailure(error),
    );
    await until('it waits', async () => reader !== undefined && (await waitingForLocks(reader)) > 0);
    // Whoever reads now stands behind the migration. On a busy machine nothing happens soon.
    await reader?.rows('SET lock_timeout = 20000');
    await expect(reader?.rows('SELECT FROM conversations')).resolves.toEqual([]);
    expect(await failed).toMatch(/in use, .*: run it again/);
    await holder?.rows('COMMIT');
    expect(await migrate({ databaseUrl: database.url, keysDatabaseUrl: null })).toContain(migrations.at(-1)?.name);
  });
});
