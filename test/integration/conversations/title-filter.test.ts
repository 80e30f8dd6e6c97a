import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Person, TestDomain } from './test-domain.js';

const createMutation =
  'mutation ($title: String) { createConversation(input: { title: $title }) { conversation { id } } }';
const filterQuery = `query ($title: String) {
  conversations(filter: { title: $title }) { nodes { title } totalCount }
}`;

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
