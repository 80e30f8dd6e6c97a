import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { statement } from '../../../src/platform/database.js';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import { fc } from '../../support/fast-check.js';
import { type Person, TestDomain } from './test-domain.js';

interface List {
  readonly nodes: readonly { readonly id: string }[];
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

const selection = `{
  nodes { id }
  edges { cursor node { id } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  totalCount
}`;
const listQuery = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: ConversationFilter) {
  conversations(first: $first, after: $after, last: $last, before: $before, filter: $filter) ${selection}
}`;

interface Planted {
  readonly id: string;
  readonly updatedAt: string;
  readonly archived: boolean;
  readonly pinned: boolean;
}

const plantStatement = statement(
  'test.conversations.list',
  `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
     leaf_position, leaf_segment, message_count, created_at, updated_at)
   SELECT $1, id, pinned, archived, 1, 0, 0, 0, 0, 0, updated_at, updated_at
   FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[], $5::boolean[]) AS one (id, updated_at, archived, pinned)`,
);

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
});
beforeEach(async () => {
  person = await domain.person();
});
afterAll(() => domain.close());

async function plant(of: Person, planted: readonly Planted[]): Promise<void> {
  await domain.database.query(plantStatement, [
    of.id,
    planted.map(({ id }) => id),
    planted.map(({ updatedAt }) => updatedAt),
    planted.map(({ archived }) => archived),
    planted.map(({ pinned }) => pinned),
  ]);
}

async function list(variables: Record<string, unknown> = {}, of = person): Promise<List> {
  return (await of.get<{ conversations: List }>(listQuery, variables)).conversations;
}

const idsOf = (found: List) => found.nodes.map(({ id }) => id);
const publicIds = (planted: readonly Planted[]) => planted.map(({ id }) => toPublicId('cnv', id));

/** Newest activity first, then by id: reckoned without the database. */
const inOrder = (planted: readonly Planted[]) =>
  [...planted].sort((one, other) => (`${one.updatedAt} ${one.id}` < `${other.updatedAt} ${other.id}` ? 1 : -1));

const atSecond = (second: number) => new Date(Date.UTC(2026, 10, 20, 12, 0, second)).toISOString();

const conversation = (overrides: Partial<Planted> = {}): Planted => ({
  id: newId(),
  updatedAt: atSecond(0),
  archived: false,
  pinned: false,
  ...overrides,
});

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => conversation({ updatedAt: atSecond(index) }));

describe('Query.conversations', () => {
  it('goes by newest activity, then id; first defaults to 20', async () => {
    const planted = many(25);
    await plant(person, planted);
    const found = await list();
    expect(idsOf(found)).toEqual(publicIds(inOrder(planted)).slice(0, 20));
    expect(found.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true });
    expect(found.totalCount).toBe(25);
  });

  it('keeps its order with last', async () => {
    const planted = many(5);
    await plant(person, planted);
    expect(idsOf(await list({ last: 2 }))).toEqual(publicIds(inOrder(planted)).slice(3));
  });

  it('orders what was active in the same millisecond by id', async () => {
    const planted = Array.from({ length: 7 }, () => conversation());
    await plant(person, planted);
    const first = await list({ first: 3 });
    const rest = await list({ first: 100, after: first.pageInfo.endCursor });
    expect([...idsOf(first), ...idsOf(rest)]).toEqual(publicIds(inOrder(planted)));
  });

  it('is stable while rows are added: the next page goes on where the last one ended', async () => {
    const planted = many(6);
    await plant(person, planted);
    const first = await list({ first: 3 });
    await plant(person, [conversation({ updatedAt: atSecond(50) })]);
    const second = await list({ first: 3, after: first.pageInfo.endCursor });
    expect([...idsOf(first), ...idsOf(second)]).toEqual(publicIds(inOrder(planted)));
    expect(second.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
  });

  it("holds nothing of somebody else's, and no count of it", async () => {
    await plant(person, many(3));
    const stranger = await domain.person();
    expect(await list({}, stranger)).toMatchObject({ nodes: [], totalCount: 0 });
  });

  it('refuses a cursor of somebody else: BAD_USER_INPUT', async () => {
    await plant(person, many(2));
    const { endCursor } = (await list()).pageInfo;
    const stranger = await domain.person();
    expect(await stranger.refusal(listQuery, { after: endCursor })).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'after',
    });
  });
});

describe('Filters of Query.conversations', () => {
  const shelf = [
    conversation({ updatedAt: atSecond(1) }),
    conversation({ updatedAt: atSecond(2), archived: true }),
    conversation({ updatedAt: atSecond(3), pinned: true }),
    conversation({ updatedAt: atSecond(4), archived: true, pinned: true }),
  ];
  const seconds = async (filter: object | null) => {
    const own = await domain.person();
    const planted = shelf.map((one) => ({ ...one, id: newId() }));
    await plant(own, planted);
    const found = await list({ filter }, own);
    expect(found.totalCount).toBe(found.nodes.length);
    return idsOf(found).map((id) => publicIds(planted).indexOf(id) + 1);
  };

  it.each([
    ['archived is false where the filter does not say', {}, [3, 1]],
    ['archived: true holds those alone', { archived: true }, [4, 2]],
    ['archived: null means both', { archived: null }, [4, 3, 2, 1]],
    ['pinned: true holds those alone', { pinned: true }, [3]],
    ['pinned: false holds the others', { pinned: false }, [1]],
    ['pinned: null means both', { pinned: null }, [3, 1]],
    ['all together', { pinned: true, archived: null }, [4, 3]],
    ['updatedAfter is strict', { archived: null, updatedAfter: atSecond(2) }, [4, 3]],
    ['updatedBefore is strict', { archived: null, updatedBefore: atSecond(3) }, [2, 1]],
    ['a span that holds nothing', { archived: null, updatedAfter: atSecond(3), updatedBefore: atSecond(2) }, []],
    ['a filter that is null lets all through', null, [4, 3, 2, 1]],
  ])('%s', async (_title, filter, expected) => {
    expect(await seconds(filter)).toEqual(expected);
  });

  it('is {archived: false} where it is left out', async () => {
    await plant(person, shelf);
    const found = await person.get<{ conversations: List }>(`{ conversations ${selection} }`);
    expect(idsOf(found.conversations)).toEqual(publicIds(inOrder(shelf).filter(({ archived }) => !archived)));
  });
});

describe('Pages of Query.conversations', () => {
  const flags = fc.record({ archived: fc.boolean(), pinned: fc.boolean(), second: fc.nat(9) });
  const filters = fc.record({
    archived: fc.option(fc.boolean()),
    pinned: fc.option(fc.boolean()),
    updatedAfter: fc.option(fc.nat(9).map(atSecond)),
    updatedBefore: fc.option(fc.nat(9).map(atSecond)),
  });
  const parts = fc.record({
    after: fc.option(fc.nat()),
    before: fc.option(fc.nat()),
    size: fc.integer({ min: 1, max: 5 }),
    end: fc.constantFrom('first', 'last'),
  });
  const lets = (filter: { archived: boolean | null; pinned: boolean | null; [bound: string]: unknown }, one: Planted) =>
    (filter.archived ?? one.archived) === one.archived &&
    (filter.pinned ?? one.pinned) === one.pinned &&
    one.updatedAt > String(filter.updatedAfter ?? '') &&
    one.updatedAt < String(filter.updatedBefore ?? '9');

  it('hold any part between any two cursors, of what any filter lets through, with exact flags', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(flags, { minLength: 1, maxLength: 30 }), filters, parts, async (rows, filter, part) => {
        const own = await domain.person();
        const planted = rows.map(({ second, ...rest }) => conversation({ ...rest, updatedAt: atSecond(second) }));
        await plant(own, planted);
        const all = inOrder(planted);
        const cursors = (await list({ first: 100, filter: { archived: null } }, own)).edges.map(({ cursor }) => cursor);
        // Cursors come from the whole list: they may stand on what the filter does not let through.
        const after = part.after === null ? null : part.after % all.length;
        const before = part.before === null ? null : part.before % all.length;
        const found = await list(
          {
            [part.end]: part.size,
            after: after === null ? null : cursors[after],
            before: before === null ? null : cursors[before],
            filter,
          },
          own,
        );
        const between = all.filter((one, at) => lets(filter, one) && at > (after ?? -1) && at < (before ?? all.length));
        const wanted = part.end === 'first' ? between.slice(0, part.size) : between.slice(-part.size);
        expect(idsOf(found)).toEqual(publicIds(wanted));
        const [first, last] = [wanted[0], wanted.at(-1)];
        const [from, to] = [
          first ? all.indexOf(first) : (after ?? -1) + 1,
          last ? all.indexOf(last) : (before ?? all.length) - 1,
        ];
        expect(found.pageInfo.hasPreviousPage).toBe(all.some((one, at) => lets(filter, one) && at < from));
        expect(found.pageInfo.hasNextPage).toBe(all.some((one, at) => lets(filter, one) && at > to));
        expect(found.totalCount).toBe(all.filter((one) => lets(filter, one)).length);
      }),
      { numRuns: 150 },
    );
  });
});
