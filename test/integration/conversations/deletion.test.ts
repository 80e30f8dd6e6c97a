import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { statement } from '../../../src/platform/database.js';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import { unnamed } from '../../support/unnamed.js';
import { lineOf, type PlantedTree, plantTree } from '../messages/planted-tree.js';
import { type Person, TestDomain } from './test-domain.js';

const deleteMutation = 'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }';

const countStatement = statement(
  'test.rows',
  `SELECT
     (SELECT count(*)::integer FROM conversations WHERE owner_id = $1) AS conversations,
     (SELECT count(*)::integer FROM conversation_titles WHERE owner_id = $1) AS titles,
     (SELECT count(*)::integer FROM segments WHERE owner_id = $1) AS segments,
     (SELECT count(*)::integer FROM messages WHERE owner_id = $1) AS messages,
     (SELECT count(*)::integer FROM answer_runs WHERE owner_id = $1) AS runs,
     (SELECT count(*)::integer FROM answer_chunks WHERE owner_id = $1) AS chunks`,
);

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
});
beforeEach(async () => {
  person = await domain.person();
  domain.deletions.length = 0;
  await sweep(1000);
});
afterAll(() => domain.close());

async function remove(ids: readonly string[], of = person): Promise<readonly string[]> {
  const data = await of.get<{ deleteConversations: { deletedIds: string[] } }>(deleteMutation, { ids });
  return data.deleteConversations.deletedIds;
}

const rows = async () => (await domain.database.query<Record<string, number>>(countStatement, [person.id]))[0];
const nothing = { conversations: 0, titles: 0, segments: 0, messages: 0, runs: 0, chunks: 0 };
const idsOf = (trees: readonly PlantedTree[]) => trees.map(({ publicId }) => publicId);

async function sweep(batch: number): Promise<number> {
  let steps = 0;
  while (await domain.conversations.removeDeleted(batch)) steps += 1;
  return steps;
}

describe('deleteConversations', () => {
  it('gives the ids that were the viewer’s, each once, in the order given', async () => {
    const stranger = await domain.person();
    const mine = [await plantTree(person, lineOf(1)), await plantTree(person, lineOf(1))];
    const [first, second] = idsOf(mine);
    const theirs = (await plantTree(stranger, lineOf(1))).publicId;
    const asked = [second, theirs, first, second, 'cnv_x', toPublicId('cnv', newId())].map(String);
    expect(await remove(asked)).toEqual([second, first]);
    expect(await remove([theirs], stranger)).toEqual([theirs]);
  });

  it('leaves out what was deleted before', async () => {
    const { publicId } = await plantTree(person, lineOf(1));
    expect(await remove([publicId])).toEqual([publicId]);
    expect(await remove([publicId])).toEqual([]);
  });

  it('takes 100 ids at most: BAD_USER_INPUT', async () => {
    const ids = Array.from({ length: 101 }, () => toPublicId('cnv', newId()));
    expect(await person.refusal(deleteMutation, { ids })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'ids' });
    expect(await remove(ids.slice(1))).toEqual([]);
  });

  it('makes a conversation unreadable at once: itself, its messages, its place in lists', async () => {
    const { publicId, ids } = await plantTree(person, lineOf(2));
    await remove([publicId]);
    expect(
      await person.get(
        `query ($id: ID!, $message: ID!) {
          conversation(id: $id) { id } message(id: $message) { id } node(id: $id) { id } nodes(ids: [$message]) { id }
          conversations { nodes { id } totalCount }
        }`,
        { id: publicId, message: toPublicId('msg', ids[0] ?? '') },
      ),
    ).toEqual({
      conversation: null,
      message: null,
      node: null,
      nodes: [null],
      conversations: { nodes: [], totalCount: 0 },
    });
  });

  it('takes the run and the checkpoints of an answer with it, and says so once it is done', async () => {
    const tree = await plantTree(person, [
      { after: null, text: 'Why?' },
      { after: 1, text: 'Because it', role: 'ASSISTANT', status: 'STREAMING' },
    ]);
    expect(await rows()).toMatchObject({ runs: 1, chunks: 2 });
    await remove([tree.publicId]);
    expect(await rows()).toMatchObject({ runs: 0, chunks: 0 });
    expect(domain.deletions).toEqual([
      {
        ownerId: person.id,
        deleted: { conversationIds: [tree.conversationId], temporaryIds: [], answerIds: [tree.ids[1]] },
      },
    ]);
    await remove([tree.publicId]);
    expect(domain.deletions).toHaveLength(1);
  });

  it('locks several in one order: two that overlap both end', async () => {
    const trees = await Promise.all(Array.from({ length: 20 }, () => plantTree(person, [])));
    const ids = idsOf(trees);
    const gone = (await Promise.all([remove(ids), remove([...ids].reverse())])).flat();
    expect([...gone].sort()).toEqual([...ids].sort());
  });
});

describe('The removal of what was deleted', () => {
  it('takes messages in batches, then segments and the conversation, and nothing else', async () => {
    const deleted = await plantTree(person, [...lineOf(25), { after: 3, text: 'Another branch' }]);
    await plantTree(person, lineOf(2));
    await remove([deleted.publicId]);
    expect(await domain.conversations.removeDeleted(10)).toBe(true);
    expect(await rows()).toMatchObject({ conversations: 2, messages: 18 });
    expect(await sweep(10)).toBe(2);
    expect(await rows()).toMatchObject({ conversations: 1, segments: 1, messages: 2 });
  });

  it('takes a conversation whose messages are just as many as a batch', async () => {
    const { publicId } = await plantTree(person, lineOf(10));
    await remove([publicId]);
    await sweep(10);
    expect(await rows()).toEqual(nothing);
  });

  it('goes on after a crash in the middle of it', async () => {
    const { publicId } = await plantTree(person, lineOf(15));
    await remove([publicId]);
    await domain.conversations.removeDeleted(10);
    const crash = jest.spyOn(domain.database, 'transaction').mockRejectedValueOnce(new Error('The instance is gone.'));
    await expect(domain.conversations.removeDeleted(10)).rejects.toThrow('gone');
    crash.mockRestore();
    await sweep(10);
    expect(await rows()).toEqual(nothing);
  });

  it('is done by several instances at a time, each on conversations of its own', async () => {
    const trees = await Promise.all(Array.from({ length: 8 }, () => plantTree(person, lineOf(30))));
    await remove(idsOf(trees));
    await Promise.all([sweep(7), sweep(7), sweep(7), sweep(7)]);
    await sweep(7);
    expect(await rows()).toEqual(nothing);
  });

  it('does not wait for a conversation that another instance holds', async () => {
    const trees = [await plantTree(person, lineOf(3)), await plantTree(person, lineOf(3))];
    await remove(idsOf(trees));
    await domain.database.transaction(async (tx) => {
      await tx.query(unnamed('SELECT FROM conversations WHERE id = $1 FOR UPDATE'), [trees[0]?.conversationId]);
      await sweep(100);
      expect(await rows()).toMatchObject({ conversations: 1, messages: 3 });
    });
    await sweep(100);
    expect(await rows()).toEqual(nothing);
  });
});
