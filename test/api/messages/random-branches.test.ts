import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import { tryEdit, tryErase, tryRegenerate, trySelect } from '../../support/branches.js';
import {
  type Appended,
  appendMutation,
  attempt,
  create,
  type Outcome,
  readBranch,
} from '../../support/conversations.js';
import { answered, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';
import { ConversationDevice } from '../live/conversation-device.js';
import { MessageTree, type TreeNode } from './message-tree.js';
import { expectSound, readStoredTree } from './stored-tree.js';

let both: TwoInstances;
let model: ModelServer;
let instances: readonly [TestApp, TestApp];
let sql: SqlClient;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model);
  ({ instances, sql } = both);
  model.replyWith(answered('Well, ', 'well.'));
});

afterAll(() => both?.close());

/** One person at both instances, with a conversation. */
let people: readonly [Person, Person];
let conversationId: string;
let testNumber = 0;

beforeEach(async () => {
  testNumber += 1;
  people = [instances[0].person(`person ${testNumber}`), instances[1].person(`person ${testNumber}`)];
  conversationId = await create(people[0]);
});

const somebody = (random: SeededRandom) => random.of(...people);
const publicId = (id: string) => `msg_${id.replaceAll('-', '')}`;
const whenBusy = 'CANCEL';

/** Some messages, after any that is there or at the end. */
const someMessages = (random: SeededRandom) =>
  Array.from({ length: random.between(1, 3) }, (_, index) => ({
    role: random.of('USER', 'USER', 'ASSISTANT', 'SYSTEM'),
    content: `said ${index}`,
  }));

const appendTo = (person: Person, input: object) =>
  attempt<Appended>(person, appendMutation, { input: { conversationId, whenBusy, ...input } });

function dataOf<Data>(outcome: Outcome<Data>): Data {
  if (outcome.data === undefined) throw new Error(`Refused: ${JSON.stringify(outcome)}`);
  return outcome.data;
}

/** One change, done to the conversation and to the tree that it must be. */
async function change(tree: MessageTree, random: SeededRandom): Promise<void> {
  const person = somebody(random);
  const node = tree.nodes.length === 0 ? null : tree.nodes[random.between(0, tree.nodes.length - 1)];
  const what = random.of('append', 'append after', 'edit', 'regenerate', 'select', 'select', 'erase');
  if (!node || what === 'append' || what === 'append after') {
    const parent = what === 'append after' ? (node ?? null) : null;
    const messages = someMessages(random);
    const made = dataOf(await appendTo(person, { messages, ...(parent && { parentId: parent.id }) })).appendMessages;
    return tree.add(parent ?? tree.end, ...made.messages);
  }
  const { id, role } = node;
  if (what === 'select') {
    await trySelect(person, id).then(dataOf);
    return tree.select(node);
  }
  if (what === 'erase') {
    await tryErase(person, id).then(dataOf);
    node.erased = true;
    return;
  }
  await begin(tree, person, what, node, role);
}

/** An edit or a regeneration; of a message that takes none, that it is refused. */
async function begin(tree: MessageTree, person: Person, what: string, node: TreeNode, role: string): Promise<void> {
  const refused = { code: 'BAD_USER_INPUT', field: 'input.messageId' };
  if (what === 'edit') {
    const outcome = await tryEdit(person, { messageId: node.id, content: 'edited', whenBusy });
    if (role !== 'USER') return expect(outcome).toMatchObject(refused);
    const { message, answer } = dataOf(outcome).editMessage;
    return tree.add(node.parent, message, answer);
  }
  const outcome = await tryRegenerate(person, { messageId: node.id, whenBusy });
  if (role === 'SYSTEM') return expect(outcome).toMatchObject(refused);
  const { message, answer } = dataOf(outcome).regenerateAnswer;
  const parent = role === 'USER' ? node : node.parent;
  expect(message?.id).toBe(parent?.id);
  tree.add(parent, answer);
}

const ids = (nodes: readonly { readonly id: string }[]) => nodes.map(({ id }) => id);

async function expectStored(tree: MessageTree): Promise<void> {
  const stored = expectSound(await readStoredTree(sql, conversationId));
  expect(stored.map(publicId)).toEqual(ids(tree.branch));
}

/** All of it, as the API gives it at both instances. */
async function expectRead(tree: MessageTree): Promise<void> {
  const query = `query ($ids: [ID!]!, $id: ID!) {
    conversation(id: $id) { messageCount lastMessage { id } }
    nodes(ids: $ids) { ... on Message { id visible erasedAt parent { id } siblings { id } } }
  }`;
  for (const person of people) {
    expect(ids(await readBranch(person, conversationId, 'end', () => 7))).toEqual(ids(tree.branch));
    expect(ids(await readBranch(person, conversationId, 'start', () => 3))).toEqual(ids(tree.branch));
  }
  const some = tree.nodes.slice(-40);
  const { conversation, nodes } = await people[1].data<{ conversation: unknown; nodes: ReadNode[] }>(query, {
    id: conversationId,
    ids: ids(some),
  });
  expect(conversation).toEqual({ messageCount: tree.branch.length, lastMessage: { id: tree.end?.id } });
  const branch = new Set(tree.branch);
  expect(nodes.map((node) => ({ ...node, erasedAt: node.erasedAt !== null }))).toEqual(
    some.map((node) => ({
      ...{ id: node.id, visible: branch.has(node), erasedAt: node.erased },
      ...{ parent: node.parent && { id: node.parent.id } },
      siblings: tree.siblingsOf(node).map(({ id }) => ({ id })),
    })),
  );
}

interface ReadNode {
  readonly id: string;
  readonly erasedAt: string | null;
}

const runsOf = () => sql.rows('SELECT FROM answer_runs WHERE conversation_id = $1', [uuidOf(conversationId)]);

describe('Appends, edits, regenerations, selections and erasures by chance, one after the other at two instances', () => {
  it('leave the tree and the visible branch that they say, in pages, siblings and parents', async () => {
    await seeded(async (random) => {
      const tree = new MessageTree();
      for (let number = 1; number <= 120; number += 1) {
        await change(tree, random);
        await expectStored(tree);
        if (number % 15 === 0) await expectRead(tree);
      }
    });
  });
});

/** What was acknowledged of changes that were under way at the same time: nothing says which was first. */
interface Acknowledged {
  /** The parent of each message that was made where that is certain: null begins the conversation. */
  readonly parents: Map<string, string | null>;
  readonly erased: Set<string>;
}

interface KnownMessage {
  readonly id: string;
  readonly role: string;
  readonly parentId: string | null;
}

/** One change among others; whatever it is refused for must be what a change may be refused for. */
async function changeAmongOthers(
  known: readonly KnownMessage[],
  random: SeededRandom,
  acknowledged: Acknowledged,
): Promise<void> {
  const person = somebody(random);
  const { id: messageId, role, parentId } = random.of(...nonEmpty(known));
  const busy = random.of('CANCEL', 'REJECT');
  const note = (id: string | undefined, parent: string | null): void => {
    if (id !== undefined) acknowledged.parents.set(id, parent);
  };
  switch (random.of('append', 'edit', 'edit', 'regenerate', 'regenerate', 'select', 'select', 'select', 'erase')) {
    case 'append': {
      const made = await appendTo(person, { messages: someMessages(random), parentId: messageId, whenBusy: busy });
      return note(accepted(made)?.appendMessages.messages[0]?.id, messageId);
    }
    case 'edit': {
      if (role !== 'USER') return;
      const made = accepted(await tryEdit(person, { messageId, content: 'edited', whenBusy: busy }))?.editMessage;
      note(made?.message.id, parentId);
      return note(made?.answer.id, made?.message.id ?? null);
    }
    case 'regenerate': {
      if (role === 'SYSTEM') return;
      const made = accepted(await tryRegenerate(person, { messageId, whenBusy: busy }))?.regenerateAnswer;
      return note(made?.answer.id, role === 'USER' ? messageId : parentId);
    }
    case 'select':
      accepted(await trySelect(person, messageId));
      return;
    default:
      if (accepted(await tryErase(person, messageId))) acknowledged.erased.add(messageId);
  }
}

const nonEmpty = <T>(list: readonly T[]): [T, ...T[]] => {
  const [first, ...others] = list;
  if (first === undefined) throw new Error('There is nothing to choose from.');
  return [first, ...others];
};

function accepted<Data>(outcome: Outcome<Data>): Data | null {
  if (outcome.data !== undefined) return outcome.data;
  expect(outcome).toMatchObject({ code: 'CONFLICT', reason: 'ANSWER_IN_PROGRESS' });
  return null;
}

async function known(): Promise<KnownMessage[]> {
  const rows = await sql.rows<{ id: string; role: string; parent_id: string | null }>(
    'SELECT id, role, parent_id FROM messages WHERE conversation_id = $1',
    [uuidOf(conversationId)],
  );
  return rows.map((row) => ({
    id: publicId(row.id),
    role: row.role,
    parentId: row.parent_id && publicId(row.parent_id),
  }));
}

async function expectKept(acknowledged: Acknowledged): Promise<void> {
  const stored = await readStoredTree(sql, conversationId);
  const branch = expectSound(stored).map(publicId);
  const byId = new Map(stored.messages.map((message) => [publicId(message.id), message]));
  for (const [id, parent] of acknowledged.parents) {
    const parentId = byId.get(id)?.parent_id;
    expect({ id, parent: parentId && publicId(parentId) }).toEqual({ id, parent });
  }
  for (const id of acknowledged.erased) expect(byId.get(id)?.erased_at).toBeInstanceOf(Date);
  for (const person of people) expect(ids(await readBranch(person, conversationId, 'end', () => 9))).toEqual(branch);
}

describe('The same from two devices at once, at two instances', () => {
  it('keeps all that was acknowledged, one visible branch and its totals; a third device hears of all of it', async () => {
    await seeded(async (random) => {
      const acknowledged: Acknowledged = { parents: new Map(), erased: new Set() };
      const device = ConversationDevice.follow(people[1], conversationId, await cursorNow());
      await appendTo(people[0], { messages: someMessages(random) });
      for (let round = 0; round < 10; round += 1) {
        const there = await known();
        const changes = Array.from({ length: 8 }, () => changeAmongOthers(there, random.fork(), acknowledged));
        await Promise.all(changes);
        await expectKept(acknowledged);
      }
      await until('no answer runs', async () => (await runsOf()).length === 0);
      await expectKept(acknowledged);
      await expectHeard(device);
      await device.leave();
    });
  });
});

async function cursorNow(): Promise<string> {
  const query = 'query ($id: ID!) { conversation(id: $id) { syncCursor } }';
  const { conversation } = await people[0].data<{ conversation: { syncCursor: string } }>(query, {
    id: conversationId,
  });
  return conversation.syncCursor;
}

/** The device has every message as it is now. */
async function expectHeard(device: ConversationDevice): Promise<void> {
  const pin = 'mutation ($id: ID!) { updateConversation(input: { id: $id, pinned: true }) { conversation { id } } }';
  await people[0].data(pin, { id: conversationId });
  await device.until(() => device.pinned);
  const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { id status content } } }';
  const all = ids(await known());
  for (let from = 0; from < all.length; from += 100) {
    const part = all.slice(from, from + 100);
    const { nodes } = await people[0].data<{ nodes: object[] }>(query, { ids: part });
    expect(part.map((id) => device.messages.get(id))).toEqual(nodes.map((node) => expect.objectContaining(node)));
  }
}
