import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import '../../../src/answers/prompt.js';
import { endOfBranch } from '../../../src/messages/message.repository.js';
import { newId } from '../../../src/platform/ids.js';
import { measuredPlan } from '../../support/plans.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

/** The whole number is PAGE_MESSAGES=1000000; the buffers of its indexes grow with its logarithm. */
const longest = Number(process.env.PAGE_MESSAGES ?? 200_000);
const forkedLength = 100_000;
const ownerId = newId();

/** A conversation of one line, and one whose visible branch forks off at every second message; ids unlike at their beginnings. */
const conversations = {
  'on one segment': { id: newId(1), length: longest, segmentLength: longest },
  'on 50,000 segments': { id: newId(2), length: forkedLength, segmentLength: 2 },
} as const;
type Shape = (typeof conversations)[keyof typeof conversations];

const insertConversation = `
  INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
    leaf_id, leaf_position, leaf_segment, message_count, created_at, updated_at)
  VALUES ($1, $2, false, false, $3, 0, $3, NULL, $3, $4, $3, now(), now())`;

const insertSegments = `
  INSERT INTO segments (owner_id, conversation_id, first_position, parent_segment, fork_position, visible_to)
  SELECT $1, $2, first, nullif(first - $4, 1 - $4), nullif(first - 1, 0),
    CASE WHEN first + $4 > $3 THEN ${endOfBranch} ELSE first + $4 - 1 END
  FROM generate_series(1, $3::integer, $4::integer) AS first`;

// Ids in the order of time, as the server makes them.
const insertMessages = `
  INSERT INTO messages (owner_id, id, conversation_id, parent_id, segment, position, depth, revision, role, status,
    sealed_content, token_estimate, created_at, completed_at)
  SELECT $1::uuid, (substr($2::uuid::text, 1, 24) || lpad(to_hex(n), 12, '0'))::uuid, $2,
    CASE WHEN n > 1 THEN (substr($2::uuid::text, 1, 24) || lpad(to_hex(n - 1), 12, '0'))::uuid END,
    n - (n - 1) % $4::integer, n, n, n, 'USER', 'COMPLETE', decode(repeat('00', 60), 'hex'), 10, now(), now()
  FROM generate_series(1, $3::integer) AS n`;

let database: TestDatabase;
let sql: SqlClient;

beforeAll(async () => {
  database = await createDatabase();
  sql = await SqlClient.connect(database.url);
  await sql.rows(`INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, 'test', 'somebody', now())`, [
    ownerId,
  ]);
  // Row by row the references would be checked a million times.
  await sql.rows('SET session_replication_role = replica');
  for (const { id, length, segmentLength } of Object.values(conversations)) {
    const lastSegment = length - segmentLength + 1;
    await sql.rows(insertConversation, [ownerId, id, length, lastSegment]);
    await sql.rows(insertSegments, [ownerId, id, length, segmentLength]);
    await sql.rows(insertMessages, [ownerId, id, length, segmentLength]);
  }
  await sql.rows('VACUUM (ANALYZE) messages, segments, conversations');
});

afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const limit = 51;

const pageCost = (statement: string, mode: string, { id }: Shape, after: number, before: number) =>
  measuredPlan(sql, statement, [ownerId, `{${id}}`, after, before, limit], mode);

/** Of the part of a prompt that is read first, for an answer at a position. */
const promptCost = (mode: string, { id, segmentLength }: Shape, position: number) =>
  measuredPlan(
    sql,
    'messages.ancestors',
    [ownerId, id, position - ((position - 1) % segmentLength), position, position, 100],
    mode,
  );

const cases = Object.keys(conversations).flatMap((name) =>
  ['auto', 'force_generic_plan', 'force_custom_plan'].flatMap((mode) =>
    ['messages.oldest', 'messages.newest'].map((statement) => ({ name, mode, statement })),
  ),
) as { name: keyof typeof conversations; mode: string; statement: string }[];

describe('The buffers of a page', () => {
  it.each(cases)(
    'differ by 4 at most between its beginning and its end: $statement $name, $mode',
    async ({ name, mode, statement }) => {
      const shape = conversations[name];
      const far = shape.length - 1000;
      const [first, last] =
        statement === 'messages.oldest'
          ? [
              await pageCost(statement, mode, shape, 10, endOfBranch),
              await pageCost(statement, mode, shape, far, endOfBranch),
            ]
          : [await pageCost(statement, mode, shape, 0, 10 + limit), await pageCost(statement, mode, shape, 0, far)];
      expect([first.rows, last.rows]).toEqual([limit, limit]);
      expect(Math.abs(last.buffers - first.buffers)).toBeLessThanOrEqual(4);
      expect(last.buffers).toBeLessThan(name === 'on one segment' ? 30 : 400);
      // Of two conversations there is no index to be used.
      expect([...first.scanned, ...last.scanned].filter((table) => table !== 'conversations')).toEqual([]);
    },
  );
});

describe('The buffers of the first part of a prompt', () => {
  const each = cases.filter(({ statement }) => statement === 'messages.newest');
  it.each(each)(
    'do not depend on where in its conversation the answer stands: $name, $mode',
    async ({ name, mode }) => {
      const shape = conversations[name];
      const first = await promptCost(mode, shape, 1002);
      const last = await promptCost(mode, shape, shape.length - 1000);
      expect([first.rows, last.rows]).toEqual([100, 100]);
      expect(Math.abs(last.buffers - first.buffers)).toBeLessThanOrEqual(4);
      expect(last.buffers).toBeLessThan(name === 'on one segment' ? 30 : 800);
    },
  );
});
