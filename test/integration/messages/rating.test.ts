import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { statement } from '../../../src/platform/database.js';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import { type Person, TestDomain } from '../conversations/test-domain.js';
import { lineOf, type PlantedTree, plantTree } from './planted-tree.js';

interface Rated {
  readonly id: string;
  readonly rating: string | null;
  readonly ratingComment: string | null;
}

const rateMutation = `mutation ($input: RateMessageInput!) {
  rateMessage(input: $input) { message { id rating ratingComment content conversation { updatedAt } } }
}`;

const revisionsStatement = statement(
  'test.revisions',
  `SELECT conversation.revision AS conversation, message.revision AS message, conversation.updated_at
   FROM messages AS message
   JOIN conversations AS conversation ON conversation.owner_id = message.owner_id AND conversation.id = message.conversation_id
   WHERE message.owner_id = $1 AND message.id = $2`,
);

let domain: TestDomain;
let person: Person;
let tree: PlantedTree;
beforeAll(async () => {
  domain = await TestDomain.start();
});
beforeEach(async () => {
  person = await domain.person();
  tree = await plantTree(person, [...lineOf(2), { after: 2, text: 'It is ', role: 'ASSISTANT', status: 'STREAMING' }]);
});
afterAll(() => domain.close());

const idOf = (position: number) => toPublicId('msg', tree.ids[position - 1] ?? '');

async function rate(position: number, input: Record<string, unknown>): Promise<Rated> {
  const data = await person.get<{ rateMessage: { message: Rated } }>(rateMutation, {
    input: { messageId: idOf(position), ...input },
  });
  return data.rateMessage.message;
}

async function revisions(position: number) {
  const rows = await domain.database.query<{ conversation: number; message: number; updated_at: string }>(
    revisionsStatement,
    [person.id, tree.ids[position - 1]],
  );
  return rows[0];
}

describe('rateMessage', () => {
  it('keeps the rating and its comment', async () => {
    const rated = { rating: 'UP', ratingComment: 'Well said 🧀' };
    expect(await rate(1, { rating: 'UP', comment: 'Well said 🧀' })).toMatchObject(rated);
    const asked = 'query ($id: ID!) { message(id: $id) { rating ratingComment } }';
    expect(await person.get(asked, { id: idOf(1) })).toEqual({ message: rated });
  });

  it('leaves the comment where it is absent, and takes it away where it is null or empty', async () => {
    await rate(1, { rating: 'UP', comment: 'Well said' });
    expect(await rate(1, { rating: 'DOWN' })).toMatchObject({ rating: 'DOWN', ratingComment: 'Well said' });
    expect(await rate(1, { rating: 'DOWN', comment: '' })).toMatchObject({ ratingComment: null });
    await rate(1, { rating: 'UP', comment: 'Well said' });
    expect(await rate(1, { rating: 'UP', comment: null })).toMatchObject({ rating: 'UP', ratingComment: null });
  });

  it.each([{}, { rating: null }, { rating: null, comment: 'But' }])(
    'takes the rating back, with its comment, for %j',
    async (input) => {
      await rate(1, { rating: 'UP', comment: 'Well said' });
      expect(await rate(1, input)).toMatchObject({ rating: null, ratingComment: null });
    },
  );

  it('rates a running answer, and leaves its text alone', async () => {
    expect(await rate(3, { rating: 'DOWN' })).toMatchObject({ rating: 'DOWN', content: 'It is ' });
  });

  it('takes the next revision of the conversation for the message, and leaves updatedAt', async () => {
    const before = await revisions(1);
    await rate(1, { rating: 'UP' });
    expect(await revisions(1)).toEqual({ ...before, conversation: 4, message: 4 });
    expect(await revisions(2)).toMatchObject({ message: 2 });
  });

  it('refuses a comment of more than 4,096 code units, and half a surrogate pair: BAD_USER_INPUT', async () => {
    const refused = { code: 'BAD_USER_INPUT', field: 'input.comment' };
    for (const comment of ['x'.repeat(4097), '\udc00']) {
      const input = { messageId: idOf(1), rating: 'UP', comment };
      expect(await person.refusal(rateMutation, { input })).toMatchObject(refused);
    }
  });
});

describe('rateMessage of what is not there', () => {
  it.each([
    [
      'somebody else’s',
      async () => toPublicId('msg', (await plantTree(await domain.person(), lineOf(1))).ids[0] ?? ''),
    ],
    ['one that never was', async () => toPublicId('msg', newId())],
    ['an id of another type', async () => tree.publicId],
    ['one of a deleted conversation', deletedMessage],
  ])('is NOT_FOUND: %s', async (_what, wanted) => {
    const messageId = await wanted();
    const refusal = await person.refusal(rateMutation, { input: { messageId, rating: 'UP' } });
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', message: 'There is no such message.' });
  });

  async function deletedMessage(): Promise<string> {
    const deletion = 'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }';
    await person.get(deletion, { ids: [tree.publicId] });
    return idOf(1);
  }
});
