import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { toPublicId } from '../../../src/platform/ids.js';
import { unnamed } from '../../support/unnamed.js';
import { type Person, TestDomain } from '../conversations/test-domain.js';
import { growAnswer, lineOf, type PlantedMessage, type PlantedTree, plantTree } from './planted-tree.js';

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
});
beforeEach(async () => {
  person = await domain.person();
});
afterAll(() => domain.close());

/** Four messages, then an answer that is being written. */
const withAnswer: PlantedMessage[] = [
  ...lineOf(4),
  { after: 4, text: 'It is so because ', role: 'ASSISTANT', status: 'STREAMING' },
];

const message = 'id content status visible cursor metadata rating error { code } createdAt';
const everything = `query ($first: Int!) {
  viewer { id roles }
  conversations(first: $first) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges {
      cursor
      node {
        id title preview metadata messageCount updatedAt
        lastMessage { ${message} parent { ${message} } conversation { id title } }
        activeAnswer { ${message} parent { ${message} } conversation { id title lastMessage { content } } }
        messages(last: 3) {
          totalCount
          pageInfo { hasPreviousPage startCursor }
          edges { cursor node { ${message} parent { ${message} parent { id } } conversation { id activeAnswer { content } } } }
        }
        oldest: messages(first: 2) { nodes { ${message} conversation { title messages(last: 1) { nodes { content } } } } }
      }
    }
  }
}`;

interface Everything {
  readonly conversations: { readonly edges: readonly { readonly node: { readonly id: string } }[] };
}

async function statementsOf(first: number): Promise<{ sent: string[]; found: Everything }> {
  domain.sent.length = 0;
  const found = await person.get<Everything>(everything, { first });
  return { sent: [...domain.sent].sort(), found };
}

describe('All that nests', () => {
  it('takes the same statements over 2 and over 50 conversations, eight at most', async () => {
    for (let made = 0; made < 50; made += 1) await plantTree(person, withAnswer, { title: `Title ${made}` });
    const two = await statementsOf(2);
    const fifty = await statementsOf(50);
    expect(two.found.conversations.edges).toHaveLength(2);
    expect(fifty.found.conversations.edges).toHaveLength(50);
    expect(fifty.sent).toEqual(two.sent);
    expect(two.sent.length).toBeLessThanOrEqual(8);
  });

  it('counts the list only where totalCount is selected', async () => {
    await plantTree(person, lineOf(1));
    domain.sent.length = 0;
    await person.get('{ conversations { nodes { id } } }');
    expect(domain.sent).toEqual(['conversations.newest']);
  });

  it('opens no text that was not asked for', async () => {
    const { publicId } = await plantTree(person, lineOf(1));
    await damage(publicId, 'messages');
    expect(
      await person.get('query ($id: ID!) { conversation(id: $id) { messages { nodes { status } } } }', {
        id: publicId,
      }),
    ).toEqual({ conversation: { messages: { nodes: [{ status: 'COMPLETE' }] } } });
  });
});

async function damage(publicId: string, table: 'messages' | 'conversations', position = 1): Promise<void> {
  const flipped = (column: string) => `${column} = set_byte(${column}, 20, get_byte(${column}, 20) # 1)`;
  const sql =
    table === 'messages'
      ? `UPDATE messages SET ${flipped('sealed_content')} WHERE conversation_id = $1::uuid AND position = $2`
      : `UPDATE conversations SET ${flipped('sealed_title')} WHERE id = $1::uuid AND $2 > 0`;
  await domain.database.query(unnamed(sql), [publicId.slice(4), position]);
}

describe('A damaged row', () => {
  const readMessages = `query ($id: ID!) {
    conversation(id: $id) { messages { nodes { content } edges { cursor node { content } } totalCount } }
  }`;

  it('is null with DATA_INTEGRITY in errors; the page around it stands', async () => {
    const { publicId } = await plantTree(person, lineOf(3));
    await damage(publicId, 'messages', 2);
    const { data, errors } = await person.ask<{ conversation: { messages: object } }>(readMessages, { id: publicId });
    expect(data.conversation.messages).toMatchObject({
      nodes: [{ content: '1' }, null, { content: '3' }],
      edges: [{ node: { content: '1' } }, { node: null }, { node: { content: '3' } }],
      totalCount: 3,
    });
    expect(errors.map(({ code, path }) => ({ code, path }))).toEqual([
      { code: 'DATA_INTEGRITY', path: 'conversation.messages.nodes.1.content' },
      { code: 'DATA_INTEGRITY', path: 'conversation.messages.edges.1.node.content' },
    ]);
  });

  it('of the list is null too, and its neighbours stand', async () => {
    const trees = [];
    for (const title of ['One', 'Two', 'Three']) trees.push(await plantTree(person, lineOf(1), { title }));
    await damage(trees[1]?.publicId ?? '', 'conversations');
    const { data, errors } = await person.ask('{ conversations { nodes { title } pageInfo { hasNextPage } } }');
    expect(data).toMatchObject({ conversations: { nodes: [{ title: 'Three' }, null, { title: 'One' }] } });
    expect(errors).toMatchObject([{ code: 'DATA_INTEGRITY', path: 'conversations.nodes.1.title' }]);
  });

  it('takes only the preview of its conversation', async () => {
    const { publicId } = await plantTree(person, lineOf(1));
    await damage(publicId, 'messages');
    const asked = 'query ($id: ID!) { conversation(id: $id) { title preview } }';
    const { data, errors } = await person.ask(asked, { id: publicId });
    expect(data).toEqual({ conversation: { title: 'New conversation', preview: null } });
    expect(errors).toMatchObject([{ code: 'DATA_INTEGRITY', path: 'conversation.preview' }]);
  });

  it('is one whose text was moved from another message', async () => {
    const { publicId } = await plantTree(person, lineOf(2));
    await domain.database.query(
      unnamed(`UPDATE messages SET sealed_content = (SELECT sealed_content FROM messages WHERE conversation_id = $1::uuid AND position = 2)
         WHERE conversation_id = $1::uuid AND position = 1`),
      [publicId.slice(4)],
    );
    const { data } = await person.ask<{ conversation: { messages: object } }>(readMessages, { id: publicId });
    expect(data.conversation.messages).toMatchObject({ nodes: [null, { content: '2' }] });
  });
});

describe('A running answer', () => {
  const texts = `query ($id: ID!, $answer: ID!) {
    first: message(id: $answer) { content status }
    conversation(id: $id) {
      activeAnswer { content }
      lastMessage { content }
      preview
      messages(last: 1) { nodes { content conversation { activeAnswer { content } } } }
    }
    again: message(id: $answer) { content }
  }`;

  it('shows what has been written so far', async () => {
    const { publicId, ids } = await plantTree(person, withAnswer);
    const found = await person.get(texts, { id: publicId, answer: toPublicId('msg', ids[4] ?? '') });
    expect(found).toMatchObject({ first: { content: 'It is so because ', status: 'STREAMING' } });
  });

  it('has one length throughout an operation, while it grows', async () => {
    const tree = await plantTree(person, withAnswer);
    const answer = tree.ids[4] ?? '';
    let [length, checkpoints, stop] = [17, 5, false];
    const grow = (async () => {
      while (!stop) {
        await growAnswer(person, answer, { from: length, number: checkpoints, text: 'more ' });
        length += 5;
        checkpoints += 1;
      }
    })();
    const lengths = new Set<string>();
    for (let read = 0; read < 40; read += 1) {
      const found = await person.get<object>(texts, { id: tree.publicId, answer: toPublicId('msg', answer) });
      const contents = new Set(JSON.stringify(found).match(/(?<="content":)"[^"]*"/g));
      expect(contents.size).toBe(1);
      for (const content of contents) lengths.add(content);
    }
    stop = true;
    await grow;
    expect(lengths.size).toBeGreaterThan(1);
  });

  it('is no longer the active answer once it has ended since the conversation was read', async () => {
    const { publicId, ids } = await plantTree(person, withAnswer);
    await domain.database.query(
      unnamed(`UPDATE messages SET status = 'CANCELLED', completed_at = now() WHERE id = $1`),
      [ids[4]],
    );
    const asked = 'query ($id: ID!) { conversation(id: $id) { activeAnswer { id } lastMessage { status } } }';
    expect(await person.get(asked, { id: publicId })).toEqual({
      conversation: { activeAnswer: null, lastMessage: { status: 'CANCELLED' } },
    });
  });
});

describe('What a conversation shows of its messages', () => {
  const shown = async ({ publicId }: PlantedTree) =>
    (
      await person.get<{ conversation: object }>(
        'query ($id: ID!) { conversation(id: $id) { preview lastMessage { content } activeAnswer { id } messageCount } }',
        { id: publicId },
      )
    ).conversation;

  it('is nothing while there are none', async () => {
    const empty = await plantTree(person, []);
    expect(await shown(empty)).toEqual({ preview: null, lastMessage: null, activeAnswer: null, messageCount: 0 });
  });

  it('is the newest of the visible branch, not of all', async () => {
    const tree = await plantTree(person, [...lineOf(3), { after: 1, text: 'elsewhere' }], { leaf: 3 });
    expect(await shown(tree)).toMatchObject({ preview: '3', lastMessage: { content: '3' }, messageCount: 3 });
  });

  it('is at most 160 characters of it, whitespace folded, cut inside no grapheme', async () => {
    const tree = await plantTree(person, [{ after: null, text: `  a\n\n\tb ${'🧀'.repeat(100)}` }]);
    expect(await shown(tree)).toMatchObject({ preview: `a b ${'🧀'.repeat(78)}` });
  });
});
