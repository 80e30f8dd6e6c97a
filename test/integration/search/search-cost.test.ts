import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import '../../../src/search/search.repository.js';
import { newId } from '../../../src/platform/ids.js';
import { measuredPlan, type Plan } from '../../support/plans.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

const perConversation = 100;
/** Terms of words: one in five messages says the first, one in a thousand the second, the oldest of each owner the third. */
const terms = { frequent: 1, seldom: 2, oldest: 3, unsaid: 4 } as const;

/** 100,000 messages of 50 owners: one has half of them, one a tenth of that. */
const large = { id: newId(), length: 50_000 };
const small = { id: newId(), length: 5000 };
const owners = [large, small, ...Array.from({ length: 48 }, () => ({ id: newId(), length: 900 }))];
type Owner = typeof large;

const plantConversations = `
  INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
    leaf_position, leaf_segment, message_count, created_at, updated_at)
  SELECT $1::uuid, md5($1::text || c)::uuid, false, false, 1, 0, ${perConversation}, 1, 1, ${perConversation}, now(), now()
  FROM generate_series(0, ($2::integer - 1) / ${perConversation}) AS c`;

const plantMessages = `
  INSERT INTO messages (owner_id, id, conversation_id, segment, position, depth, revision, role, status,
    sealed_content, token_estimate, terms, created_at)
  SELECT $1::uuid, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    md5($1::text || (n - 1) / ${perConversation})::uuid, 1, (n - 1) % ${perConversation} + 1, 1, 1, 'USER', 'COMPLETE',
    decode(repeat('00', 200), 'hex'), 10,
    CASE WHEN n % 5 = 0 THEN ARRAY[${terms.frequent}::bigint] ELSE '{}' END
      || CASE WHEN n % 1000 = 0 THEN ARRAY[${terms.seldom}::bigint] ELSE '{}' END
      || CASE WHEN n <= 3 THEN ARRAY[${terms.oldest}::bigint] ELSE '{}' END
      || (SELECT array_agg(hashtextextended($1::text || (n * 7 + w) % 500, 0)) FROM generate_series(1, 10) AS w),
    now()
  FROM generate_series(1, $2::integer) AS n`;

let database: TestDatabase;
let sql: SqlClient;

beforeAll(async () => {
  database = await createDatabase();
  sql = await SqlClient.connect(database.url);
  // Row by row the references would be checked a hundred thousand times, and the index be written.
  await sql.rows('SET session_replication_role = replica');
  await sql.rows('DROP INDEX messages_terms');
  for (const { id, length } of owners) {
    await sql.rows(plantConversations, [id, length]);
    await sql.rows(plantMessages, [id, length]);
  }
  await sql.rows('CREATE INDEX messages_terms ON messages USING gin (terms) WITH (fastupdate = off)');
  await sql.rows('VACUUM (ANALYZE) messages, conversations');
});

afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const newest = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const modes = ['auto', 'force_generic_plan'] as const;
const page = 21;

const cost = (mode: string, { id }: Owner, term: keyof typeof terms, from = newest): Promise<Plan> =>
  measuredPlan(sql, 'search.older', [id, from, `{${terms[term]}}`, page], mode);

/** The id of an owner's nth message. */
const idOf = (n: number) => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

const near = (one: Plan, other: Plan) => Math.abs(one.buffers - other.buffers) / other.buffers;

describe.each(modes)('On 100,000 messages of 50 owners, with %s,', (mode) => {
  it('the first page of a frequent word costs the same in any history, and at any depth', async () => {
    const [inLarge, inSmall] = [await cost(mode, large, 'frequent'), await cost(mode, small, 'frequent')];
    const deep = await cost(mode, large, 'frequent', idOf(1000));
    expect([inLarge.rows, inSmall.rows, deep.rows]).toEqual([page, page, page]);
    expect(near(inLarge, inSmall)).toBeLessThan(0.1);
    expect(near(deep, inLarge)).toBeLessThan(0.1);
    expect(inLarge.buffers).toBeLessThan(200);
  });

  it('a rare word costs its matches, not the history', async () => {
    const nothing = await cost(mode, large, 'unsaid');
    expect(nothing.rows).toBe(0);
    const [inLarge, inSmall] = [await cost(mode, large, 'oldest'), await cost(mode, small, 'oldest')];
    expect([inLarge.rows, inSmall.rows]).toEqual([3, 3]);
    // Others say it too, by terms that are theirs alone; here all owners have the same, which is 150 matches.
    expect(inLarge.buffers - nothing.buffers).toBeLessThan(200);
    expect(near(inLarge, inSmall)).toBeLessThan(0.25);
    const seldom = await cost(mode, large, 'seldom');
    expect(seldom.rows).toBe(page);
    expect(seldom.buffers - nothing.buffers).toBeLessThan(500);
  });

  it('no search reads a table from end to end', async () => {
    const conversation = await sql.row<{ id: string }>('SELECT md5($1::text || 7)::uuid AS id', [large.id]);
    const more = [page, `{${terms.seldom}}`, 4_000_000];
    for (const said of [terms.frequent, terms.oldest]) {
      for (const towards of ['older', 'newer'] as const) {
        const from = towards === 'older' ? newest : idOf(1);
        const position = towards === 'older' ? 2_147_483_647 : 1;
        const plans = [
          await measuredPlan(sql, `search.${towards}`, [large.id, from, `{${said}}`, page], mode),
          await measuredPlan(sql, `search.candidates.${towards}`, [large.id, from, `{${said}}`, ...more], mode),
          await measuredPlan(sql, `search.candidates.${towards}.anyWords`, [large.id, from, '{}', ...more], mode),
          await measuredPlan(
            sql,
            `search.${towards}.inConversation`,
            [large.id, position, `{${said}}`, page, conversation.id],
            mode,
          ),
          await measuredPlan(
            sql,
            `search.candidates.${towards}.inConversation`,
            [large.id, position, `{${said}}`, ...more, conversation.id],
            mode,
          ),
          await measuredPlan(
            sql,
            `search.candidates.${towards}.inConversation.anyWords`,
            [large.id, position, '{}', ...more, conversation.id],
            mode,
          ),
        ];
        for (const plan of plans) {
          expect(plan.scanned).toEqual([]);
          expect(plan.buffers).toBeLessThan(1000);
        }
      }
    }
  });
});
