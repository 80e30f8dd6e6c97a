import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { statement } from '../../../src/platform/database.js';
import { type Person, TestDomain } from './test-domain.js';

const createMutation =
  'mutation ($title: String) { createConversation(input: { title: $title }) { conversation { id } } }';
const filterQuery = `query ($title: String) {
  conversations(filter: { title: $title }) { nodes { title } totalCount }
}`;

/** The transaction that wrote last what the one title of an owner is found by. */
const writtenStatement = statement(
  'test.titles.written',
  'SELECT xmin::text AS xmin FROM conversation_titles WHERE owner_id = $1',
);

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
  for (const title of [
    'Grüße aus Łódź',
    'How to make cheese at home',
    'Cheese: homemade or bought?',
    'Weiße Straße',
    '東京の天気',
    'Donaudampfschifffahrtsgesellschaftskapitänsmütze',
    null,
  ]) {
    await person.get(createMutation, { title });
  }
});
afterAll(() => domain.close());

async function titled(title: string | null): Promise<readonly string[]> {
  const data = await person.get<{ conversations: { nodes: { title: string }[]; totalCount: number } }>(filterQuery, {
    title,
  });
  const { nodes, totalCount } = data.conversations;
  expect(totalCount).toBe(nodes.length);
  return nodes.map((node) => node.title).reverse();
}

describe('The title filter', () => {
  it.each<[string, string, readonly string[]]>([
    ['every word stands in the title', 'cheese home', ['How to make cheese at home', 'Cheese: homemade or bought?']],
    ['the last may be unfinished', 'ma', ['How to make cheese at home']],
    ['the others may not', 'chee home', []],
    ['words in any order', 'home cheese make', ['How to make cheese at home']],
    ['without case', 'CHEESE BOUGHT', ['Cheese: homemade or bought?']],
    ['without accents', 'grusse', ['Grüße aus Łódź']],
    ['without the stroke of a letter', 'lodz', ['Grüße aus Łódź']],
    ['ß as ss', 'strasse', ['Weiße Straße']],
    ['a beginning that ends between s and s', 'stras', ['Weiße Straße']],
    ['scripts without spaces', '天気', ['東京の天気']],
    [
      'a long word, whole',
      'Donaudampfschifffahrtsgesellschaftskapitansmutze',
      ['Donaudampfschifffahrtsgesellschaftskapitänsmütze'],
    ],
    [
      'a long word, unfinished',
      'donaudampfschifffahrtsgesellschaftskapi',
      ['Donaudampfschifffahrtsgesellschaftskapitänsmütze'],
    ],
    ['a word is not found in the middle of another', 'made', []],
    ['the title that is shown where there is no other', 'new conv', ['New conversation']],
    ['no more than stands there', 'cheese cake', []],
  ])('%s', async (_what, asked, expected) => {
    expect(await titled(asked)).toEqual(expected);
  });

  it.each([null, '', ' ?! '])('%j names no word, so it leaves none out', async (asked) => {
    expect(await titled(asked)).toHaveLength(7);
  });

  it('follows a change of the title', async () => {
    const own = await domain.person();
    const created = await own.get<{ createConversation: { conversation: { id: string } } }>(createMutation, {
      title: 'Old',
    });
    const { id } = created.createConversation.conversation;
    const change =
      'mutation ($id: ID!, $title: String) { updateConversation(input: { id: $id, title: $title }) { conversation { id } } }';
    const found = async (title: string) =>
      (await own.get<{ conversations: { totalCount: number } }>(filterQuery, { title })).conversations.totalCount;
    await own.get(change, { id, title: 'Young' });
    expect([await found('old'), await found('young')]).toEqual([0, 1]);
    await own.get(change, { id, title: null });
    expect([await found('young'), await found('new')]).toEqual([0, 1]);
  });

  it('leaves what a title is found by alone where something else is changed', async () => {
    const own = await domain.person();
    const { createConversation } = await own.get<{ createConversation: { conversation: { id: string } } }>(
      createMutation,
      { title: 'Cheese' },
    );
    const { id } = createConversation.conversation;
    const change = (more: string) =>
      own.get(`mutation ($id: ID!) { updateConversation(input: { id: $id, ${more} }) { conversation { id } } }`, {
        id,
      });
    const written = async () => (await domain.database.query<{ xmin: string }>(writtenStatement, [own.id]))[0]?.xmin;
    const first = await written();
    await change('pinned: true');
    expect(await written()).toBe(first);
    await change('title: "Butter"');
    expect(await written()).not.toBe(first);
  });

  it('finds nothing of somebody else’s', async () => {
    const stranger = await domain.person();
    expect(await stranger.get(filterQuery, { title: 'cheese' })).toEqual({
      conversations: { nodes: [], totalCount: 0 },
    });
  });

  it('refuses what no title can be: BAD_USER_INPUT', async () => {
    const refused = { code: 'BAD_USER_INPUT', field: 'filter.title' };
    for (const title of ['x'.repeat(256), 'a\0'])
      expect(await person.refusal(filterQuery, { title })).toMatchObject(refused);
  });
});
