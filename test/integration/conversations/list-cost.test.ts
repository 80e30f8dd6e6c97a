import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { declaredStatements, statement } from '../../../src/platform/database.js';
import { type Explained, planIn } from '../../support/plans.js';
import { unnamed } from '../../support/unnamed.js';
import { type Person, TestDomain } from './test-domain.js';

const length = 20_000;
const newest = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
const oldest = ['-infinity', '00000000-0000-0000-0000-000000000000'];

const plantStatement = statement(
  'test.conversations.many',
  `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
     leaf_position, leaf_segment, message_count, created_at, updated_at)
   SELECT $1, gen_random_uuid(), n % 10 = 0, n % 2 = 0, 1, 0, 0, 0, 0, 0, now(),
     '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 s'
   FROM generate_series(1, $2::integer) AS n`,
);

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
  await domain.database.query(plantStatement, [person.id, length]);
  await domain.database.query(unnamed('VACUUM (ANALYZE) conversations'), []);
});
afterAll(() => domain.close());

/** How many pages of the database a page of the list touches, with the plan that any values get. */
async function buffersOf(name: string, shelves: string, newer: readonly string[], older: readonly string[]) {
  const text = declaredStatements().get(name) ?? '';
  const values = [person.id, shelves, ...newer, ...older, ...newest, ...oldest, '21'];
  return domain.database.transaction(async (tx) => {
    await tx.query(unnamed('SET LOCAL plan_cache_mode = force_generic_plan'), []);
    await tx.query(unnamed(`PREPARE listed AS ${text}`), []);
    const execute = `EXECUTE listed (${values.map((value) => `'${value}'`).join(', ')})`;
    await tx.query(unnamed(execute), []);
    const explained = await tx.query<Explained>(unnamed(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${execute}`), []);
    await tx.query(unnamed('DEALLOCATE listed'), []);
    return planIn(explained);
  });
}

const at = (n: number) => [new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(), oldest[1] ?? ''];

describe('A page of the list', () => {
  it.each([
    ['newest', '{f}', [at(length - 100), oldest], [at(200), oldest]],
    ['oldest', '{f}', [newest, at(100)], [newest, at(length - 200)]],
    ['newest', '{f,t}', [at(length - 100), oldest], [at(200), oldest]],
    ['newest.pinned', '{t}', [at(length - 100), oldest], [at(2000), oldest]],
  ])('costs at its far end what it costs at the near one: %s of %s', async (variant, shelves, near, far) => {
    const first = await buffersOf(`conversations.${variant}`, shelves, near[0] ?? [], near[1] ?? []);
    const last = await buffersOf(`conversations.${variant}`, shelves, far[0] ?? [], far[1] ?? []);
    expect([first.rows, last.rows]).toEqual([21, 21]);
    expect(Math.abs(last.buffers - first.buffers)).toBeLessThanOrEqual(8);
    expect(last.buffers).toBeLessThan(150);
  });
});
