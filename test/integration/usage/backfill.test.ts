import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { migrate } from '../../../src/migrate.js';
import { SqlClient } from '../../support/sql-client.js';
import { createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';

let database: TestDatabase;
let sql: SqlClient;

/** The database as it was before usage was counted. */
beforeAll(async () => {
  database = await createEmptyDatabase();
  const usage = migrations.findIndex(({ name }) => name.startsWith('Usage'));
  const source = new DataSource({ type: 'postgres', url: database.url, migrations: migrations.slice(0, usage) });
  await source.initialize();
  await source.runMigrations();
  await source.destroy();
  sql = await SqlClient.connect(database.url);
});

afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const [owner, conversation] = ['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'];

it('What was used before it was counted is counted by the migration', async () => {
  await sql.rows(`INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, 'test', 'ada', now())`, [owner]);
  await sql.rows(
    `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position, leaf_position,
       leaf_segment, message_count, created_at, updated_at)
     VALUES ($1, $2, false, false, 9, 0, 6, 6, 1, 6, now(), now())`,
    [owner, conversation],
  );
  await sql.rows(
    `INSERT INTO messages (owner_id, id, conversation_id, segment, position, depth, revision, role, status, model,
       token_estimate, prompt_tokens, completion_tokens, cost_micro_usd, created_at, completed_at)
     SELECT $1, gen_random_uuid(), $2, 1, n, n, n, role, status, model, 10, prompt, completion, cost, at::timestamptz,
       CASE WHEN status <> 'STREAMING' THEN at::timestamptz END
     FROM (VALUES
       (1, 'USER', 'COMPLETE', NULL, 99, 99, 99, '2026-01-01 23:59:59Z'),
       (2, 'ASSISTANT', 'COMPLETE', 'm', 1, 2, 3, '2026-01-01 23:59:59Z'),
       (3, 'ASSISTANT', 'CANCELLED', 'm', 10, NULL, NULL, '2026-01-01 00:00:00Z'),
       (4, 'ASSISTANT', 'COMPLETE', 'm', 5, 5, 5, '2026-01-02 00:00:00Z'),
       (5, 'ASSISTANT', 'COMPLETE', NULL, 7, 7, 7, '2026-01-02 00:00:00Z'),
       (6, 'ASSISTANT', 'STREAMING', 'm', NULL, NULL, NULL, '2026-01-02 00:00:00Z')
     ) AS given (n, role, status, model, prompt, completion, cost, at)`,
    [owner, conversation],
  );
  await migrate({ databaseUrl: database.url, keysDatabaseUrl: null });
  const days = await sql.rows(
    `SELECT day::text, model, department, concat_ws(' ', answers, prompt_tokens, completion_tokens, cost_micro_usd,
       unreported_answers, estimated_tokens, estimated_cost_micro_usd) AS sums
     FROM usage_days ORDER BY day, model`,
  );
  expect(days).toEqual([
    { day: '2026-01-01', model: 'm', department: '', sums: '2 11 2 3 1 0 0' },
    { day: '2026-01-02', model: '', department: '', sums: '1 7 7 7 0 0 0' },
    { day: '2026-01-02', model: 'm', department: '', sums: '1 5 5 5 0 0 0' },
  ]);
  const header = await sql.row(
    `SELECT concat_ws(' ', used_answers, used_prompt_tokens, used_completion_tokens, used_cost_micro_usd,
       unreported_answers, token_estimate) AS sums FROM conversations`,
  );
  expect(header).toEqual({ sums: '4 23 14 15 1 60' });
});
