import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { titleTerms } from '../../../src/conversations/title.js';
import { declaredStatements, statement } from '../../../src/platform/database.js';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import { type Explained, planIn } from '../../support/plans.js';
import { unnamed } from '../../support/unnamed.js';
import { type Person, TestDomain } from './test-domain.js';

const length = 5000;
/** Words, and the titles by number that say them. */
const words = {
  every: () => true,
  thousandth: (n: number) => n % 1000 === 0,
  // One more of these, and they are many.
  few: (n: number) => n <= 1000,
  many: (n: number) => n <= 1001,
};
type Word = keyof typeof words;

const plantStatement = statement(
  'test.conversations.titled',
  `WITH planted AS (
     SELECT * FROM unnest($2::uuid[]) WITH ORDINALITY AS planted (id, n)
   ), titled AS (
     INSERT INTO conversation_titles (owner_id, conversation_id, terms)
     SELECT $1, id, $3::bytea[]
       || CASE WHEN n % 1000 = 0 THEN $4::bytea[] ELSE '{}' END
       || CASE WHEN n <= 1000 THEN $5::bytea[] ELSE '{}' END
       || CASE WHEN n <= 1001 THEN $6::bytea[] ELSE '{}' END
     FROM planted
   )
   INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position, leaf_position,
     leaf_segment, message_count, created_at, updated_at)
   SELECT $1, id, n % 10 = 0, n % 2 = 0, 1, 0, 0, 0, 0, 0, now(), '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 s'
   FROM planted`,
);

interface List {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean };
  readonly totalCount: number;
}

const listQuery = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: ConversationFilter) {
  conversations(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage }
    totalCount
  }
}`;

let domain: TestDomain;
let person: Person;
const ids = Array.from({ length }, () => newId());
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
  const terms = Object.keys(words).map((word) => titleTerms(person.keys, word));
  await domain.database.query(plantStatement, [person.id, ids, ...terms]);
  await domain.database.query(unnamed('VACUUM (ANALYZE) conversations, conversation_titles'), []);
});
afterAll(() => domain.close());

const list = async (variables: Record<string, unknown>) =>
  (await person.get<{ conversations: List }>(listQuery, variables)).conversations;

/** The numbers of those whose title says the word, newest first, reckoned without the database. */
const saying = (word: Word, { archived, pinned }: { archived: boolean | null; pinned: boolean | null }) =>
  ids
    .map((_, index) => index + 1)
    .filter((n) => words[word](n))
    .filter((n) => (archived ?? n % 2 === 0) === (n % 2 === 0) && (pinned ?? n % 10 === 0) === (n % 10 === 0))
    .reverse();

const numbersOf = ({ edges }: List) => edges.map(({ node }) => numbers.get(node.id));
const numbers = new Map(ids.map((id, index) => [toPublicId('cnv', id), index + 1]));

describe('What many titles say, and what few do', () => {
  it.each<[Word, boolean | null, boolean | null]>([
    ['every', null, null],
    ['every', false, true],
    ['thousandth', null, null],
    ['thousandth', true, true],
    ['thousandth', false, null],
    ['few', false, false],
    ['few', null, null],
    ['many', false, false],
    ['many', null, null],
  ])('is found and counted exactly, from both ends: %s, archived %s, pinned %s', async (word, archived, pinned) => {
    const filter = { title: word, archived, pinned };
    const wanted = saying(word, filter);
    const newest = await list({ first: 7, filter });
    expect([numbersOf(newest), newest.totalCount]).toEqual([wanted.slice(0, 7), wanted.length]);
    expect(newest.pageInfo).toEqual({ hasPreviousPage: false, hasNextPage: wanted.length > 7 });
    const second = await list({ first: 7, after: newest.edges.at(-1)?.cursor, filter });
    expect(numbersOf(second)).toEqual(wanted.slice(7, 14));
    expect(second.pageInfo).toEqual({ hasPreviousPage: wanted.length > 0, hasNextPage: wanted.length > 14 });
    const oldest = await list({ last: 7, filter });
    expect(numbersOf(oldest)).toEqual(wanted.slice(-7));
    expect(oldest.pageInfo).toEqual({ hasPreviousPage: wanted.length > 7, hasNextPage: false });
    const before = await list({ last: 7, before: oldest.edges[0]?.cursor, filter });
    expect(numbersOf(before)).toEqual(wanted.slice(0, -7).slice(-7));
    expect(before.pageInfo).toEqual({ hasPreviousPage: wanted.length > 14, hasNextPage: wanted.length > 0 });
  });

  it('needs both words where both are asked for, however many say one of them', async () => {
    const found = await list({ first: 100, filter: { title: 'every thousandth', archived: null } });
    expect(numbersOf(found)).toEqual([5000, 4000, 3000, 2000, 1000]);
  });

  it.each<[Word, number]>([
    ['every', 400],
    ['thousandth', 100],
  ])('costs no more than it must: a page of %s reads less than %i pages of the database', async (word, most) => {
    expect(await buffersOf(word)).toBeLessThan(most);
  });
});

/** How many pages of the database a page of the list touches, with the plan that any values get. */
async function buffersOf(word: Word): Promise<number> {
  const [highest, lowest] = ['ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000000'];
  const terms = titleTerms(person.keys, word).map((term) => `"\\\\x${term.toString('hex')}"`);
  const places = ['infinity', highest, '-infinity', lowest, 'infinity', highest, '-infinity', lowest];
  const values = [person.id, '{f,t}', ...places, '21', `{${terms.join(',')}}`].map((value) => `'${value}'`).join(', ');
  return domain.database.transaction(async (tx) => {
    await tx.query(unnamed(`PREPARE listed AS ${declaredStatements().get('conversations.newest.byTitle')}`), []);
    await tx.query(unnamed(`EXECUTE listed (${values})`), []);
    const explained = await tx.query<Explained>(
      unnamed(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE listed (${values})`),
      [],
    );
    await tx.query(unnamed('DEALLOCATE listed'), []);
    return planIn(explained).buffers;
  });
}
