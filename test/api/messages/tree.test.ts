import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { append, create, readPage } from '../../support/conversations.js';
import { fc } from '../../support/fast-check.js';
import type { Person } from '../../support/person.js';

let app: TestApp;
let person: Person;

beforeAll(async () => {
  app = await startApp();
  person = app.person();
});
afterAll(() => app?.close());

/** Messages that are appended together, after any that is there, or at the end of the visible branch. */
const batches = fc.array(
  fc.record({ after: fc.option(fc.nat(), { freq: 3 }), count: fc.integer({ min: 1, max: 4 }) }),
  { minLength: 1, maxLength: 14 },
);

interface Node {
  readonly id: string;
  readonly cursor: string;
  readonly text: string;
  readonly parent: Node | null;
}

/** What the tree must be, by parents alone. */
class Tree {
  readonly nodes: Node[] = [];

  get branch(): readonly Node[] {
    const branch: Node[] = [];
    for (let node = this.nodes.at(-1) ?? null; node; node = node.parent) branch.unshift(node);
    return branch;
  }

  at(choice: number | null): Node | null {
    return choice === null ? null : (this.nodes[choice % Math.max(1, this.nodes.length)] ?? null);
  }
}

async function grow(tree: Tree, conversationId: string, after: Node | null, count: number): Promise<void> {
  const texts = Array.from({ length: count }, (_, index) => `${tree.nodes.length + index + 1}`);
  const { conversation, messages } = await append(person, {
    conversationId,
    messages: texts.map((content) => ({ role: 'USER', content })),
    ...(after && { parentId: after.id }),
  });
  let parent = after ?? tree.nodes.at(-1) ?? null;
  for (const { id, cursor, content } of messages) {
    parent = { id, cursor, text: content, parent };
    tree.nodes.push(parent);
  }
  expect(conversation.messageCount).toBe(tree.branch.length);
}

const texts = (nodes: readonly { readonly text: string }[]) => nodes.map(({ text }) => text);

/** Reads the whole branch by pages of the sizes given, in turn, and checks what each page says of its neighbours. */
async function walk(tree: Tree, id: string, from: 'start' | 'end', sizes: readonly number[]): Promise<string[]> {
  const { branch } = tree;
  const found: string[] = [];
  for (let number = 0, cursor: string | null = null; ; number += 1) {
    const size = sizes[number % sizes.length] ?? 1;
    const page = await readPage(
      person,
      id,
      from === 'start' ? { first: size, after: cursor } : { last: size, before: cursor },
    );
    const contents = page.nodes.map(({ content }) => content);
    found.splice(from === 'start' ? found.length : 0, 0, ...contents);
    expect(page.pageInfo.hasPreviousPage).toBe(contents[0] !== branch[0]?.text);
    expect(page.pageInfo.hasNextPage).toBe(contents.at(-1) !== branch.at(-1)?.text);
    expect([page.totalCount, page.messageCount]).toEqual([branch.length, branch.length]);
    if (found.length >= branch.length) return found;
    cursor = from === 'start' ? page.pageInfo.endCursor : page.pageInfo.startCursor;
  }
}

async function checkVisible(tree: Tree, id: string): Promise<void> {
  const query = `query ($id: ID!, $ids: [ID!]!) {
    conversation(id: $id) { lastMessage { id } }
    nodes(ids: $ids) { ... on Message { id visible parent { id } } }
  }`;
  const branch = new Set(tree.branch);
  expect(await person.data(query, { id, ids: tree.nodes.map((node) => node.id) })).toEqual({
    conversation: { lastMessage: { id: tree.nodes.at(-1)?.id } },
    nodes: tree.nodes.map((node) => ({
      id: node.id,
      visible: branch.has(node),
      parent: node.parent && { id: node.parent.id },
    })),
  });
}

describe('Appends after any message of a conversation', () => {
  it('leave the branch visible that ends at the newest, read by pages of any sizes in both directions', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(batches, sizes, fc.nat(), async (added, pageSizes, hidden) => {
        const tree = new Tree();
        const id = await create(person);
        for (const { after, count } of added) await grow(tree, id, tree.at(after), count);
        expect(await walk(tree, id, 'start', pageSizes)).toEqual(texts(tree.branch));
        expect(await walk(tree, id, 'end', pageSizes)).toEqual(texts(tree.branch));
        await checkVisible(tree, id);
        // A cursor goes by position, also one of a message that is not visible.
        const place = tree.at(hidden);
        const position = Number(place?.text);
        const before = await readPage(person, id, { last: 3, before: place?.cursor });
        const after = await readPage(person, id, { first: 3, after: place?.cursor });
        const visible = tree.branch.map(({ text }) => Number(text));
        expect(before.nodes.map(({ content }) => Number(content))).toEqual(
          visible.filter((at) => at < position).slice(-3),
        );
        expect(after.nodes.map(({ content }) => Number(content))).toEqual(
          visible.filter((at) => at > position).slice(0, 3),
        );
      }),
      { numRuns: 40 },
    );
  });
});
