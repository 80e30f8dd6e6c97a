import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fc } from '../../support/fast-check.js';
import { unnamed } from '../../support/unnamed.js';
import { type Person, TestDomain } from '../conversations/test-domain.js';
import { lineOf, type PlantedMessage, type PlantedTree, plantTree } from './planted-tree.js';

interface Page {
  readonly nodes: readonly { readonly content: string }[];
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

const pageQuery = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  conversation(id: $id) {
    messages(first: $first, after: $after, last: $last, before: $before) {
      nodes { content }
      edges { cursor node { id } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
    }
  }
}`;

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
});
afterAll(() => domain.close());

async function page(tree: PlantedTree, wanted: Record<string, unknown> = {}): Promise<Page> {
  const variables = { id: tree.publicId, ...wanted };
  const data = await person.get<{ conversation: { messages: Page } }>(pageQuery, variables);
  return data.conversation.messages;
}

const texts = ({ nodes }: Page) => nodes.map(({ content }) => Number(content));

async function cursorOf(tree: PlantedTree, position: number): Promise<string> {
  const id = `msg_${tree.ids[position - 1]?.replaceAll('-', '')}`;
  return (await person.get<{ message: { cursor: string } }>('query ($id: ID!) { message(id: $id) { cursor } }', { id }))
    .message.cursor;
}

/** Mostly on from the message before, now and then from any earlier one, or a new beginning. */
const trees = fc.array(fc.nat(), { minLength: 1, maxLength: 40 }).map((choices) =>
  choices.map(
    (choice, index): PlantedMessage => ({
      after: index === 0 || choice % 11 === 10 ? null : choice % 3 === 0 ? (choice % index) + 1 : index,
      text: String(index + 1),
    }),
  ),
);

/** A visible branch ends at a message that nothing follows. */
const leafOf = (messages: readonly PlantedMessage[], chosen: number) => {
  const leaves = messages.map((_, index) => index + 1).filter((at) => !messages.some(({ after }) => after === at));
  return leaves[chosen % leaves.length];
};

/** Walks all pages, checking the flags of each against what stands before and after it. */
async function walk(tree: PlantedTree, size: number, direction: 'forward' | 'backward'): Promise<number[]> {
  const seen: number[] = [];
  let cursor: string | null = null;
  for (;;) {
    const wanted: Record<string, unknown> =
      direction === 'forward' ? { first: size, after: cursor } : { last: size, before: cursor };
    const found = await page(tree, wanted);
    const positions = texts(found);
    if (direction === 'forward') seen.push(...positions);
    else seen.unshift(...positions);
    const [first, last] = [positions[0], positions.at(-1)];
    expect(found.pageInfo.hasPreviousPage).toBe(first !== tree.visible[0]);
    expect(found.pageInfo.hasNextPage).toBe(last !== tree.visible.at(-1));
    expect(found.totalCount).toBe(tree.visible.length);
    const { hasNextPage, hasPreviousPage, endCursor, startCursor } = found.pageInfo;
    if (!(direction === 'forward' ? hasNextPage : hasPreviousPage)) return seen;
    cursor = direction === 'forward' ? endCursor : startCursor;
  }
}

describe('Conversation.messages', () => {
  it('gives the newest 50 of the visible branch, oldest first, with none of first and last', async () => {
    const tree = await plantTree(person, lineOf(60));
    const found = await page(tree);
    expect(texts(found)).toEqual(Array.from({ length: 50 }, (_, index) => index + 11));
    expect(found.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
    expect(found.totalCount).toBe(60);
  });

  it('keeps ascending order with last', async () => {
    const tree = await plantTree(person, lineOf(5));
    expect(texts(await page(tree, { last: 3 }))).toEqual([3, 4, 5]);
    expect(texts(await page(tree, { first: 3 }))).toEqual([1, 2, 3]);
  });

  it('is empty, with exact flags, where there is no message', async () => {
    const tree = await plantTree(person, []);
    expect(await page(tree)).toEqual({
      nodes: [],
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      totalCount: 0,
    });
  });

  it('says exactly what stands around an empty page', async () => {
    const tree = await plantTree(person, lineOf(4));
    const [second, third] = [await cursorOf(tree, 2), await cursorOf(tree, 3)];
    const between = await page(tree, { after: second, before: third });
    expect(between.nodes).toEqual([]);
    expect(between.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: true });
    const beyond = await page(tree, { first: 2, after: await cursorOf(tree, 4) });
    expect(beyond.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
  });
});

describe('A cursor of Conversation.messages', () => {
  it('takes the cursor of a message that is not visible, by its position', async () => {
    // 1 2 3, then 4 after 1: the visible branch is 1 4 5, and 2 and 3 are hidden.
    const tree = await plantTree(person, [...lineOf(3), { after: 1, text: '4' }, { after: 4, text: '5' }]);
    const hidden = await cursorOf(tree, 3);
    expect(texts(await page(tree))).toEqual([1, 4, 5]);
    expect(texts(await page(tree, { first: 5, after: hidden }))).toEqual([4, 5]);
    expect(texts(await page(tree, { last: 5, before: hidden }))).toEqual([1]);
  });

  it('is stable while messages are added: the pages before stay as they were', async () => {
    const tree = await plantTree(person, lineOf(6));
    const newest = await page(tree, { last: 2 });
    await person.domain.database.query(
      unnamed(`WITH grown AS (
           INSERT INTO messages (owner_id, conversation_id, id, segment, position, depth, revision, role, status, token_estimate, created_at)
           VALUES ($1, $2, gen_random_uuid(), 1, 7, 7, 7, 'USER', 'COMPLETE', 1, now()) RETURNING id
         )
         UPDATE conversations SET leaf_position = 7, message_count = 7, leaf_id = (SELECT id FROM grown) WHERE id = $2`),
      [person.id, tree.conversationId],
    );
    const earlier = await page(tree, { last: 2, before: newest.pageInfo.startCursor });
    expect(texts(earlier)).toEqual([3, 4]);
    const later = await page(tree, { first: 5, after: newest.pageInfo.endCursor });
    expect(later.nodes).toHaveLength(1);
  });
});

describe('Pages over forks', () => {
  it('gives any part between any two cursors, hidden ones too, with exact flags, whatever the forks', async () => {
    const parts = fc.record({
      after: fc.option(fc.nat()),
      before: fc.option(fc.nat()),
      size: fc.integer({ min: 1, max: 7 }),
      end: fc.constantFrom('first', 'last'),
    });
    await fc.assert(
      fc.asyncProperty(
        trees,
        fc.nat(),
        fc.array(parts, { minLength: 5, maxLength: 5 }),
        async (messages, leaf, asked) => {
          const tree = await plantTree(person, messages, { leaf: leafOf(messages, leaf) });
          for (const { size, end, ...cursors } of asked) {
            const after = cursors.after === null ? null : (cursors.after % messages.length) + 1;
            const before = cursors.before === null ? null : (cursors.before % messages.length) + 1;
            const found = await page(tree, {
              [end]: size,
              after: after && (await cursorOf(tree, after)),
              before: before && (await cursorOf(tree, before)),
            });
            const between = tree.visible.filter((at) => at > (after ?? 0) && at < (before ?? Number.POSITIVE_INFINITY));
            const wanted = end === 'first' ? between.slice(0, size) : between.slice(-size);
            expect(texts(found)).toEqual(wanted);
            const [from, to] = [
              wanted[0] ?? (after ?? 0) + 1,
              wanted.at(-1) ?? (before ?? Number.POSITIVE_INFINITY) - 1,
            ];
            expect(found.pageInfo.hasPreviousPage).toBe(tree.visible.some((at) => at < from));
            expect(found.pageInfo.hasNextPage).toBe(tree.visible.some((at) => at > to));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('gives, page by page in both directions, exactly the branch that the parents spell, whatever the forks', async () => {
    await fc.assert(
      fc.asyncProperty(trees, fc.integer({ min: 1, max: 7 }), fc.nat(), async (messages, size, leaf) => {
        const tree = await plantTree(person, messages, { leaf: leafOf(messages, leaf) });
        const forward = await walk(tree, size, 'forward');
        const backward = await walk(tree, size, 'backward');
        expect(forward).toEqual(tree.visible);
        expect(backward).toEqual(tree.visible);
      }),
      { numRuns: 40 },
    );
  });
});

describe('Arguments of Conversation.messages', () => {
  it.each([
    ['first and last together', { first: 1, last: 1 }, 'last'],
    ['first outside 1 to 100', { first: 0 }, 'first'],
    ['first outside 1 to 100', { first: 101 }, 'first'],
    ['last outside 1 to 100', { last: -1 }, 'last'],
    ['a cursor that was tampered with', { first: 1, after: 'AAAA' }, 'after'],
  ])('refuses %s: BAD_USER_INPUT', async (_what, wanted, field) => {
    const tree = await plantTree(person, lineOf(2));
    const refusal = await person.refusal(pageQuery, { id: tree.publicId, ...wanted });
    expect(refusal).toMatchObject({ code: 'BAD_USER_INPUT', field });
  });

  it('refuses a cursor of another kind, object or owner: BAD_USER_INPUT', async () => {
    const [tree, otherTree] = [await plantTree(person, lineOf(2)), await plantTree(person, lineOf(2))];
    const cursor = await cursorOf(otherTree, 1);
    const refused = { code: 'BAD_USER_INPUT', field: 'before' };
    expect(await person.refusal(pageQuery, { id: tree.publicId, last: 1, before: cursor })).toMatchObject(refused);
    const listed = await person.get<{ conversations: { edges: { cursor: string }[] } }>(
      '{ conversations(first: 1) { edges { cursor } } }',
    );
    const ofList = listed.conversations.edges[0]?.cursor;
    expect(await person.refusal(pageQuery, { id: tree.publicId, last: 1, before: ofList })).toMatchObject(refused);
    const stranger = await domain.person();
    const theirs = await plantTree(stranger, lineOf(2));
    const ours = await cursorOf(tree, 1);
    expect(await stranger.refusal(pageQuery, { id: theirs.publicId, last: 1, before: ours })).toMatchObject(refused);
  });
});
