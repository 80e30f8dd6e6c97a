import type { Client } from 'pg';
import { DataSource } from 'typeorm';
import { entities } from '../entities.js';
import { hasPendingMigrations, type MigrationTargets } from '../migrate.js';
import { type Finding, fault, ok } from './finding.js';

const migrate = 'Run: npm run cli -- migrate';

/** Was everything migrated, and is everything there that the migrations made? */
export async function checkSchema(client: Client, targets: MigrationTargets): Promise<Finding[]> {
  if (await hasPendingMigrations(targets)) return [fault('migrations', 'The database is not up to date.', migrate)];
  const missing = await findMissing(targets.databaseUrl, targets.keysDatabaseUrl !== null);
  const invalid = await findInvalidIndexes(client);
  return [
    ok('migrations', 'All are carried out.'),
    ...missing.map((statement) =>
      fault('schema', `Something of it is missing or was changed: ${statement}`, 'Undo by hand what was done by hand.'),
    ),
    ...invalid.map((name) => fault('indexes', `${name} is not valid.`, `Run: REINDEX INDEX CONCURRENTLY ${name};`)),
    ...(missing.length + invalid.length === 0 ? [ok('indexes', 'All are there, and valid.')] : []),
  ];
}

/** The statements that would make the database what the entities say. */
async function findMissing(url: string, keysAreElsewhere: boolean): Promise<string[]> {
  const source = new DataSource({
    ...{ type: 'postgres', url, entities, nativeDriver: false, logging: false },
    extra: { connectionTimeoutMillis: 5000, statement_timeout: 20_000, application_name: 'parley doctor' },
  });
  await source.initialize();
  try {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    const statements = upQueries.map(({ query }) => query);
    return keysAreElsewhere ? statements.filter((statement) => !/"keys"/.test(statement)) : statements;
  } finally {
    await source.destroy();
  }
}

/** What a CREATE INDEX CONCURRENTLY left that did not come to its end. */
async function findInvalidIndexes(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT indexrelid::regclass::text AS name FROM pg_index
     JOIN pg_class AS relation ON relation.oid = indrelid
     WHERE NOT indisvalid AND relation.relnamespace IN ('public'::regnamespace, to_regnamespace('keys'))`,
  );
  return rows.map(({ name }) => name);
}
