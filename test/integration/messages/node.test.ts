import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import { type Person, TestDomain } from '../conversations/test-domain.js';
import { lineOf, type PlantedTree, plantTree } from './planted-tree.js';

const nodeQuery = `query ($id: ID!) {
  node(id: $id) { __typename id ... on Message { content } ... on Conversation { title } ... on Viewer { roles } }
}`;
const nodesQuery = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';

let domain: TestDomain;
let person: Person;
let tree: PlantedTree;
let theirs: PlantedTree;
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
  tree = await plantTree(person, lineOf(2), { title: 'Mine' });
  theirs = await plantTree(await domain.person(), lineOf(1));
});
afterAll(() => domain.close());

const messageId = (of: PlantedTree, position: number) => toPublicId('msg', of.ids[position - 1] ?? '');

describe('Query.node', () => {
  it('finds any of the viewer’s objects of the Node types', async () => {
    const viewerId = toPublicId('usr', person.id);
    expect(await person.get('{ viewer { id } }')).toEqual({ viewer: { id: viewerId } });
    const found = [];
    for (const id of [viewerId, tree.publicId, messageId(tree, 2)]) {
      found.push((await person.get<{ node: object }>(nodeQuery, { id })).node);
    }
    expect(found).toEqual([
      { __typename: 'Viewer', id: viewerId, roles: [] },
      { __typename: 'Conversation', id: tree.publicId, title: 'Mine' },
      { __typename: 'Message', id: messageId(tree, 2), content: '2' },
    ]);
  });

  it('is null for what is not there and for what is somebody else’s, after the same statements', async () => {
    const sent: string[] = [];
    for (const id of [messageId(theirs, 1), toPublicId('msg', newId())]) {
      domain.sent.length = 0;
      expect(await person.get(nodeQuery, { id })).toEqual({ node: null });
      sent.push(domain.sent.join());
    }
    expect(sent[0]).toBe(sent[1]);
    for (const id of [theirs.publicId, toPublicId('usr', newId()), toPublicId('cnv', tree.ids[0] ?? ''), 'x', '']) {
      expect(await person.get(nodeQuery, { id })).toEqual({ node: null });
    }
  });
});

describe('Query.nodes', () => {
  it('gives them in order, null for what is not there, in one statement a type', async () => {
    const ids = [messageId(tree, 2), theirs.publicId, tree.publicId, 'x', messageId(tree, 1), messageId(tree, 2)];
    domain.sent.length = 0;
    const { nodes } = await person.get<{ nodes: ({ id: string } | null)[] }>(nodesQuery, { ids });
    expect(nodes.map((node) => node?.id ?? null)).toEqual([ids[0], null, ids[2], null, ids[4], ids[0]]);
    expect([...domain.sent].sort()).toEqual(['conversations.byIds', 'messages.byIds']);
  });

  it('takes 100 ids at most: BAD_USER_INPUT', async () => {
    const ids = Array.from({ length: 101 }, () => tree.publicId);
    expect(await person.refusal(nodesQuery, { ids })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'ids' });
    const { nodes } = await person.get<{ nodes: object[] }>(nodesQuery, { ids: ids.slice(1) });
    expect(nodes).toHaveLength(100);
  });
});
