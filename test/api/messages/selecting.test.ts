import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { isOver } from '../../support/ask.js';
import { edit, select, trySelect } from '../../support/branches.js';
import { append, attempt, create, readBranch, readMessage, send } from '../../support/conversations.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';

let model: ModelServer;
let app: TestApp;
let sql: SqlClient;
let person: Person;

beforeAll(async () => {
  model = await ModelServer.start();
  app = await startApp({ env: { LIMITS: patience, ...model.env } });
  sql = await SqlClient.connect(app.database.url);
});
beforeEach(() => {
  person = app.person();
});
afterAll(async () => {
  await sql?.close();
  await app?.close();
  await model?.stop();
});

const texts = async (id: string) => (await readBranch(person, id)).map(({ content }) => content);

/** Appends these texts after one another; gives their ids. */
async function say(conversationId: string, parentId: string | undefined, ...contents: string[]): Promise<string[]> {
  const messages = contents.map((content) => ({ role: 'USER', content }));
  const appended = await append(person, { conversationId, ...(parentId && { parentId }), messages });
  return appended.messages.map(({ id }) => id);
}

/** 1 2 3 4, of which 2 has a second branch 5 6, and that a third, 7, after 5; at last 8 after 4. */
async function tree() {
  const conversationId = await create(person);
  const [one, two, three, four] = await say(conversationId, undefined, '1', '2', '3', '4');
  const [five, six] = await say(conversationId, two, '5', '6');
  const [seven] = await say(conversationId, five, '7');
  const [eight] = await say(conversationId, four, '8');
  const ids = [one, two, three, four, five, six, seven, eight].map((id) => id ?? '');
  return { conversationId, id: (position: number) => ids[position - 1] ?? '' };
}

const segmentsOf = (conversationId: string) =>
  sql.rows<{ first_position: number; visible_to: number | null; written_by: string }>(
    `SELECT first_position, visible_to, xmin::text AS written_by FROM segments
     WHERE conversation_id = $1 ORDER BY first_position`,
    [uuidOf(conversationId)],
  );

const headerOf = (conversationId: string) =>
  sql.row('SELECT * FROM conversations WHERE id = $1', [uuidOf(conversationId)]);

const messagesOf = (conversationId: string) =>
  sql.rows('SELECT xmin::text, * FROM messages WHERE conversation_id = $1 ORDER BY position', [uuidOf(conversationId)]);

describe('selectBranch', () => {
  it('makes the branch through a message, down to its newest leaf, the visible one', async () => {
    const { conversationId, id } = await tree();
    expect(await texts(conversationId)).toEqual(['1', '2', '3', '4', '8']);
    const shown: Record<number, string[]> = {
      5: ['1', '2', '5', '7'],
      6: ['1', '2', '5', '6'],
      7: ['1', '2', '5', '7'],
      3: ['1', '2', '3', '4', '8'],
      2: ['1', '2', '3', '4', '8'],
    };
    for (const [position, branch] of Object.entries(shown)) {
      const { messageCount } = await select(person, id(Number(position)));
      expect([messageCount, await texts(conversationId)]).toEqual([branch.length, branch]);
    }
  });

  it('goes from one beginning to another, and back', async () => {
    const conversationId = await create(person);
    const [first = '', second = ''] = await say(conversationId, undefined, 'A', 'B');
    const edited = await edit(person, { messageId: first, content: 'Z' });
    await isOver(person, edited.answer.id);
    expect(await texts(conversationId)).toEqual(['Z', '']);
    expect((await select(person, first)).messageCount).toBe(2);
    expect(await texts(conversationId)).toEqual(['A', 'B']);
    await select(person, edited.message.id);
    expect(await texts(conversationId)).toEqual(['Z', '']);
    await select(person, second);
    expect(await texts(conversationId)).toEqual(['A', 'B']);
  });

  it('is where what is sent next goes on', async () => {
    const { conversationId, id } = await tree();
    await select(person, id(6));
    await say(conversationId, undefined, '9');
    expect(await texts(conversationId)).toEqual(['1', '2', '5', '6', '9']);
  });

  it('touches the segments between the two branches and the header, no message, and leaves updatedAt', async () => {
    const { conversationId, id } = await tree();
    const [before, messages] = [await segmentsOf(conversationId), await messagesOf(conversationId)];
    const { revision, updated_at: updatedAt } = (await headerOf(conversationId)) as {
      revision: number;
      updated_at: Date;
    };
    await select(person, id(6));
    const after = await segmentsOf(conversationId);
    const touched = after.filter((segment, index) => segment.written_by !== before[index]?.written_by);
    // The segment of 1 to 4 and 8, which is visible up to the fork now, and that of 5 and 6; not that of 7.
    expect(touched.map((segment) => [segment.first_position, segment.visible_to])).toEqual([
      [1, 2],
      [5, 2_147_483_647],
    ]);
    expect(await messagesOf(conversationId)).toEqual(messages);
    expect(await headerOf(conversationId)).toMatchObject({
      ...{ revision: revision + 1, branch_revision: revision + 1, updated_at: updatedAt },
      ...{ leaf_id: uuidOf(id(6)), leaf_position: 6, leaf_segment: 5, message_count: 4 },
    });
  });

  it('changes nothing where that branch is visible already', async () => {
    const { conversationId, id } = await tree();
    const before = [await segmentsOf(conversationId), await headerOf(conversationId)];
    for (const position of [8, 4, 3]) await select(person, id(position));
    expect([await segmentsOf(conversationId), await headerOf(conversationId)]).toEqual(before);
  });

  it('while an answer is written is allowed, and the answer goes on', async () => {
    const { conversationId, id } = await tree();
    const hand = new ModelByHand();
    model.replyWith(hand.reply);
    const { answer } = await send(person, { conversationId, content: 'Well?' });
    await hand.text('So ');
    await select(person, id(6));
    expect(await texts(conversationId)).toEqual(['1', '2', '5', '6']);
    await hand.text('far.');
    await hand.finish();
    await isOver(person, answer.id);
    expect(await readMessage(person, answer.id)).toMatchObject({ status: 'COMPLETE', content: 'So far.' });
    expect(await texts(conversationId)).toEqual(['1', '2', '5', '6']);
    await select(person, answer.id);
    expect(await texts(conversationId)).toEqual(['1', '2', '3', '4', '8', 'Well?', 'So far.']);
  });

  it('of what is not there is NOT_FOUND', async () => {
    for (const id of ['', 'x', `msg_${'0'.repeat(32)}`, await create(person)]) {
      expect(await trySelect(person, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});

describe('Message.siblings', () => {
  it('can be asked for of a whole page; siblings of siblings only of one message', async () => {
    const conversationId = await create(person);
    await append(person, { conversationId, messages: [{ role: 'USER', content: 'A' }] });
    const page = 'query ($id: ID!) { conversation(id: $id) { messages { nodes { id siblings { id } } } } }';
    await person.data(page, { id: conversationId });
    const deep = (size: number) => `query ($id: ID!) {
      conversation(id: $id) { messages(last: ${size}) { nodes { siblings { siblings { id } } } } }
    }`;
    await person.data(deep(1), { id: conversationId });
    expect(await attempt(person, deep(2), { id: conversationId })).toMatchObject({ code: 'TOO_COMPLEX' });
  });

  it('are a message and its alternatives under the same parent, oldest first, in one statement for any number', async () => {
    const conversationId = await create(person);
    const ids = await say(conversationId, undefined, ...Array.from({ length: 12 }, (_, index) => `${index}`));
    const beside = await Promise.all(
      ids.slice(0, 11).map(async (parentId, index) => [ids[index + 1], ...(await say(conversationId, parentId, 'x'))]),
    );
    await select(person, ids[11] ?? '');
    const reads = () => app.statements.filter((name) => /^(messages|conversations)\./.test(name)).toSorted();
    const read = async (last: number) => {
      app.statements.length = 0;
      const query = `query ($id: ID!, $last: Int) { conversation(id: $id) { messages(last: $last) { nodes {
        id siblings { id visible }
      } } } }`;
      type Sibling = { id: string; visible: boolean };
      type Node = { id: string; siblings: Sibling[] };
      const { conversation } = await person.data<{ conversation: { messages: { nodes: Node[] } } }>(query, {
        id: conversationId,
        last,
      });
      return { nodes: conversation.messages.nodes, statements: reads() };
    };
    const all = await read(12);
    for (const { statements } of [all, await read(2)]) {
      expect(statements.filter((name) => name === 'messages.siblings')).toHaveLength(1);
      expect(statements.length).toBeLessThanOrEqual(3);
    }
    for (const node of all.nodes) {
      const expected = beside.find((siblings) => siblings.includes(node.id)) ?? [ids[0]];
      expect(node.siblings.map(({ id }) => id)).toEqual(expected);
      expect(node.siblings.map(({ visible }) => visible)).toEqual(expected.map((id) => ids.includes(id ?? '')));
    }
  });
});

describe('The parent of a message', () => {
  it('costs no statement where nothing but its id is asked for, and is the same where more is', async () => {
    const conversationId = await create(person);
    const ids = await say(conversationId, undefined, 'one', 'two', 'three');
    type Page = { conversation: { messages: { nodes: { parent: { id: string; content?: string } | null }[] } } };
    const read = async (fields: string) => {
      app.statements.length = 0;
      const query = `query ($id: ID!) { conversation(id: $id) { messages(last: 1) { nodes { parent { ${fields} } } } } }`;
      const { conversation } = await person.data<Page>(query, { id: conversationId });
      const statements = app.statements.filter((name) => name === 'messages.byIds').length;
      return { parents: conversation.messages.nodes.map(({ parent }) => parent), statements };
    };
    expect(await read('__typename id')).toEqual({ parents: [{ __typename: 'Message', id: ids[1] }], statements: 0 });
    const told = [{ id: ids[1], content: 'two' }];
    expect(await read('id content')).toEqual({ parents: told, statements: 1 });
    expect(await read('id ... on Message { content }')).toEqual({ parents: told, statements: 1 });
  });
});
