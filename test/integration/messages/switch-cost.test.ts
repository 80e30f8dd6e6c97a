import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import '../../../src/messages/branch.repository.js';
import { declaredStatements } from '../../../src/platform/database.js';
import { newId } from '../../../src/platform/ids.js';
import { measuredChange, measuredPlan } from '../../support/plans.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

const endOfBranch = 2_147_483_647;
const ownerId = newId();

/** Ids of different times, of which those of messages are made. Two branches after one first message, each so many segments of so many messages; of the last of each none is seen. */
const conversations = {
  'a thousand forks on the path': { id: newId(1000), forks: 1000, length: 50 },
  'ten forks': { id: newId(2000), forks: 10, length: 50 },
  'a hundred thousand messages': { id: newId(3000), forks: 1, length: 50_000 },
  'two hundred messages': { id: newId(4000), forks: 1, length: 100 },
} as const;
type Name = keyof typeof conversations;
type Shape = (typeof conversations)[Name];

/** Of a branch, 0 or 1: where it begins, its last segment, and its leaf. */
function placesOf({ forks, length }: Shape, branch: 0 | 1) {
  const first = 2 + branch * forks * length;
  const lastSegment = first + (forks - 1) * length;
  return { first, lastSegment, leaf: lastSegment + length - 1, depth: 1 + forks * (length - 1) + 1 };
}

const idOf = (conversationId: string, position: number) =>
  `${conversationId.slice(0, 24)}${position.toString(16).padStart(12, '0')}`;

// The second branch is the visible one.
const plant = [
  `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
     leaf_id, leaf_position, leaf_segment, message_count, created_at, updated_at)
   VALUES ($1, $2, false, false, 1, 0, 1 + 2 * $3::integer * $4::integer, NULL, 1 + 2 * $3 * $4,
     2 + (2 * $3 - 1) * $4, 2 + $3 * ($4 - 1), now(), now())`,
  `INSERT INTO segments (owner_id, conversation_id, first_position, parent_segment, fork_position, visible_to)
   SELECT $1::uuid, $2::uuid, 1, NULL::integer, NULL::integer, 1
   UNION ALL
   SELECT $1, $2, 2 + (branch * $3 + n) * $4,
     CASE WHEN n = 0 THEN 1 ELSE 2 + (branch * $3 + n - 1) * $4 END,
     CASE WHEN n = 0 THEN 1 ELSE 2 + (branch * $3 + n) * $4 - 2 END,
     CASE WHEN branch = 0 THEN NULL WHEN n = $3 - 1 THEN ${endOfBranch} ELSE 2 + (branch * $3 + n + 1) * $4 - 2 END
   FROM generate_series(0, 1) AS branch CROSS JOIN generate_series(0, $3::integer - 1) AS n`,
  `INSERT INTO messages (owner_id, id, conversation_id, parent_id, segment, position, depth, revision, role, status,
     sealed_content, token_estimate, created_at, completed_at)
   SELECT $1::uuid, (substr($2::uuid::text, 1, 24) || lpad(to_hex(p), 12, '0'))::uuid, $2, NULL,
     CASE WHEN p = 1 THEN 1 ELSE p - (p - 2) % $4 END, p,
     CASE WHEN p = 1 THEN 1 ELSE 2 + ((p - 2) % ($3 * $4)) / $4 * ($4 - 1) + (p - 2) % $4 END,
     1, 'USER', 'COMPLETE', decode(repeat('00', 60), 'hex'), 10, now(), now()
   FROM generate_series(1, 1 + 2 * $3::integer * $4::integer) AS p`,
];

let database: TestDatabase;
let sql: SqlClient;

beforeAll(async () => {
  database = await createDatabase();
  sql = await SqlClient.connect(database.url);
  await sql.rows(`INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, 'test', 'somebody', now())`, [
    ownerId,
  ]);
  await sql.rows('SET session_replication_role = replica');
  for (const { id, forks, length } of Object.values(conversations)) {
    for (const statement of plant) {
      const values = [ownerId, id, forks, length];
      await sql.rows(statement, values.slice(0, statement.includes('$4') ? 4 : 3));
    }
  }
  await sql.rows('VACUUM (ANALYZE) messages, segments, conversations');
});

afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const modes = ['force_generic_plan', 'force_custom_plan'];
const each = modes.flatMap((mode) => Object.keys(conversations).map((name) => ({ mode, name }))) as {
  mode: string;
  name: Name;
}[];

/** What a switch to the first branch runs. */
const selection = (shape: Shape): [string, string, number, string, number, number] => {
  const { lastSegment, leaf, depth } = placesOf(shape, 0);
  return [ownerId, shape.id, lastSegment, idOf(shape.id, leaf), leaf, depth];
};

const print = (what: string, ms: number) => process.stdout.write(`${what}: ${ms.toFixed(1)} ms\n`);

describe('A switch to another branch', () => {
  it.each(each)('finds its leaf by the segments below, and no message beside: $name, $mode', async ({ name, mode }) => {
    const shape = conversations[name];
    const values = [ownerId, shape.id, idOf(shape.id, placesOf(shape, 0).first)];
    const plan = await measuredPlan(sql, 'branches.newestLeaf', values, mode);
    const [found] = await sql.rows<{ position: number }>(declaredStatements().get('branches.newestLeaf') ?? '', values);
    expect(found?.position).toBe(placesOf(shape, 0).leaf);
    expect(plan.buffers).toBeLessThan(20 + 12 * shape.forks);
    print(`the newest leaf, ${name}, ${mode}`, plan.ms);
  });

  it.each(each)('touches the segments between the two and no message: $name, $mode', async ({ name, mode }) => {
    const shape = conversations[name];
    const plan = await measuredChange(sql, 'branches.select', selection(shape), mode);
    expect(plan.buffers).toBeLessThan(100 + 30 * shape.forks);
    expect(plan.scanned.filter((table) => table === 'messages')).toEqual([]);
    print(`the switch, ${name}, ${mode}`, plan.ms);
  });
});

/** A page of 51 from the newest, and one from the oldest. */
async function pageBuffers({ id }: Shape): Promise<readonly number[]> {
  const values = [ownerId, `{${id}}`, 0, endOfBranch, 51];
  // As PostgreSQL does by itself: rows that a switch has left behind are passed over until then.
  await sql.rows('VACUUM segments, conversations');
  const pages = ['messages.newest', 'messages.oldest'];
  const plans = [];
  for (const page of pages) plans.push(await measuredPlan(sql, page, values, 'force_generic_plan'));
  expect(plans.map(({ rows }) => rows)).toEqual([51, 51]);
  return plans.map(({ buffers }) => buffers);
}

describe('The buffers of a page', () => {
  it.each<[Name, Name]>([
    ['a thousand forks on the path', 'ten forks'],
    ['a hundred thousand messages', 'two hundred messages'],
  ])('with %s differ by a tenth at most from those with %s, before a switch and after it', async (large, small) => {
    const [one, other] = [conversations[large], conversations[small]];
    const before = [await pageBuffers(one), await pageBuffers(other)] as const;
    for (const shape of [one, other])
      await sql.rows(declaredStatements().get('branches.select') ?? '', selection(shape));
    const after = [await pageBuffers(one), await pageBuffers(other)] as const;
    for (const [ofLarge, ofSmall] of [before, after]) {
      for (const [index, buffers] of ofLarge.entries()) {
        const least = ofSmall[index] ?? 0;
        expect(Math.abs(buffers - least)).toBeLessThanOrEqual(Math.ceil(least / 10));
      }
    }
  });
});
