import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { findableWords, foldText, wordsOf } from '../../../src/platform/words.js';
import { startApp, type TestApp } from '../../support/app.js';
import { append, attempt, create } from '../../support/conversations.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { type FoundEdge, foundBy, highlighted, search, searchQuery } from '../../support/searching.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';

let app: TestApp;
let person: Person;

beforeAll(async () => {
  app = await startApp({ env: { LIMITS: patience } });
});
beforeEach(() => {
  person = app.person();
});
afterAll(() => app?.close());

const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));

/** A conversation of these messages of the person's. */
async function say(...contents: string[]): Promise<string> {
  const conversationId = await create(person);
  await append(person, { conversationId, messages: said(...contents) });
  return conversationId;
}

describe('What cannot be searched', () => {
  it.each<[string, object, string]>([
    ['an empty query', { query: '' }, 'query'],
    ['blanks', { query: ' \n\t' }, 'query'],
    ['no word', { query: '🧀 … !' }, 'query'],
    ['too long a query', { query: 'x'.repeat(257) }, 'query'],
    ['NUL', { query: 'a\0b' }, 'query'],
    ['half a character', { query: 'a\ud800b' }, 'query'],
    ['no message at all', { query: 'a', first: 0 }, 'first'],
    ['too many', { query: 'a', first: 101 }, 'first'],
    ['after nothing', { query: 'a', after: '' }, 'after'],
  ])('is BAD_USER_INPUT with the field: %s', async (_name, variables, field) => {
    expect(await attempt(person, searchQuery, variables)).toMatchObject({ code: 'BAD_USER_INPUT', field });
  });

  it('is BAD_USER_INPUT after a cursor of another kind, conversation or owner', async () => {
    const conversationId = await create(person);
    const { messages } = await append(person, { conversationId, messages: said('A lantern.') });
    const other = await say('Another lantern.');
    const everywhere = (await search(person, { query: 'lantern' }))?.edges[0]?.cursor;
    const inside = (await search(person, { query: 'lantern', conversationId }))?.edges[0]?.cursor;
    const list = await person.data<{ conversations: { edges: { cursor: string }[] } }>(
      '{ conversations { edges { cursor } } }',
    );
    const stranger = app.person();
    for (const [asker, variables] of [
      [person, { after: messages[0]?.cursor }],
      [person, { after: list.conversations.edges[0]?.cursor }],
      [person, { after: inside }],
      [person, { after: everywhere, conversationId }],
      [person, { after: inside, conversationId: other }],
      [person, { after: messages[0]?.cursor, conversationId }],
      [stranger, { after: everywhere }],
    ] as const) {
      const refused = await attempt(asker, searchQuery, { query: 'lantern', ...variables });
      expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' });
    }
    expect(await foundBy(person, 'another lantern', { after: everywhere })).toEqual([]);
  });
});

describe('The words of a search', () => {
  it.each<[string, string, readonly string[]]>([
    ['CRÈME brulee ', 'Une crème brûlée, svp', ['crème', 'brûlée']],
    ['strasse ', 'Die lange Straße', ['Straße']],
    ['straße ', 'DIE LANGE STRAẞE', ['STRAẞE']],
    ["don't ", 'Please don’t', ['don’t']],
    ['eau ', 'Le prix de l’eau', ['eau']],
    ['l’ea', "Le prix de l'eau", ["l'eau"]],
    ['coeur ', 'Au cœur du sujet', ['cœur']],
    ['log ', 'console.log(foo_bar)', ['log']],
    ['bar ', 'console.log(foo_bar)', ['bar']],
    ['example.com ', 'See https://www.example.com/path', ['example.com']],
    ['example.co', 'See https://www.example.com/path', ['example.com']],
    ['silbentrennung ', 'Die Sil\u00adben\u00adtren\u00adnung', ['Sil\u00adben\u00adtren\u00adnung']],
    ['שלום ', 'אמרתי שָׁלוֹם לכולם', ['שָׁלוֹם']],
    ['محمد ', 'قال مُحَمَّد', ['مُحَمَّد']],
    ['example.com com ', 'At example.com', ['example.com']],
    ['２０２６ ', 'In 2026.', ['2026']],
    ['fine ', 'A ﬁne day', ['ﬁne']],
    ['cafe ', 'Cafe\u0301 Central', ['Cafe\u0301']],
    ['ПРИВЕТ ', 'Скажи привет миру', ['привет']],
    ['οδος ', 'Η ΟΔΟΣ', ['ΟΔΟΣ']],
    ['大学 ', '我在北京大学学习', ['大学']],
    ['日本 ', '私は日本に住んでいます。', ['日本']],
    ['ภาษา ', 'ฉันเรียนภาษาไทย', ['ภาษา']],
    ['שלום ', 'אמרתי שלום לכולם', ['שלום']],
    ['مرحبا ', 'قلت مرحبا للجميع', ['مرحبا']],
    ['हिन्दी ', 'मैं हिन्दी बोलता हूँ', ['हिन्दी']],
    ['서울 ', '저는 서울 에 살아요', ['서울']],
    ['cheese ', '👩‍👩‍👧🧀 cheese 🧀🇫🇷', ['cheese']],
    ['lant', 'LANTERNS, a lantern', ['LANTERNS', 'lantern']],
    ['lan', 'LANTERNS, a lantern', ['LANTERNS', 'lantern']],
    ['大', '我在北京大学学习', ['大学']],
    ['two lan', 'Lanterns: two', ['Lanterns', 'two']],
  ])('are found in any script, case and accents, and shown in the snippet: %j in %j', async (query, text, shown) => {
    await say('Something else, und noch etwas: 其他', text);
    const found = await search(person, { query });
    expect(found?.edges.map(({ node }) => node?.content)).toEqual([text]);
    expect(found?.edges.map(({ snippet }) => snippet)).toEqual([text]);
    expect(found?.edges.flatMap(highlighted)).toEqual(shown);
  });

  it.each<[string, string]>([
    ['lantern ', 'Lanterns'],
    ['lantern.', 'Lanterns'],
    ['ant', 'Lantern'],
    ['ant ', 'Lantern'],
    ['lanterna', 'Lantern'],
    ['re', 'Nature'],
  ])('are whole words, the last one perhaps a beginning: %j is not in %j', async (query, text) => {
    await say(text);
    expect(await foundBy(person, query)).toEqual([]);
  });
});

const vocabulary = [
  ...[
    'Lantern',
    'lanterns',
    'LAN',
    'länge',
    'Straße',
    'ﬁne',
    'don’t',
    '1,000',
    'foo_bar',
    'l’eau',
    'www.example.com',
    'a',
    'ÅNGSTRÖM',
    'Cafe\u0301',
  ],
  ...['привет', 'ПРИМЕР', 'ΟΔΟΣ', 'οδύσσεια', 'שלום', 'שָׁלוֹם', 'مرحبا', 'مَرْحَبًا', 'हिन्दी', 'हिन्दुस्तान', '서울', '서울역'],
  ...[
    '北京',
    '北京大学',
    '学习',
    '日本語',
    'カタカナ',
    'ｶﾀｶﾅ',
    'ภาษาไทย',
    'ภาษา',
    '🦜',
    '👩‍👩‍👧',
    '🇫🇷',
    '½',
    '㎏',
    'İstanbul',
  ],
] as const;
const gaps = [' ', ' ', ' ', '\n', ', ', '. ', ' — ', '', '🧀', '-', '\u0301 ', '，', '。'] as const;

function randomText(random: SeededRandom, words: number): string {
  let text = '';
  for (let count = random.between(1, words); count > 0; count--) text += random.of(...vocabulary) + random.of(...gaps);
  return text;
}

/** Some words, the last one perhaps unfinished. */
function randomQuery(random: SeededRandom): string {
  const words = Array.from({ length: random.between(1, 3) }, () => random.of(...vocabulary));
  const last = Array.from(words.pop() ?? '');
  const beginning = last.slice(0, random.between(1, last.length)).join('');
  return [...words, random.of('', ' ', '.') === '' ? beginning : `${last.join('')} `].join(' ');
}

/** What a search must find, by its words alone; null where there is none to look for. */
function says(text: string, query: string): boolean | null {
  const wanted = wordsOf(query);
  const last = wanted.at(-1);
  if (last === undefined) return null;
  const isUnfinished = /[\p{L}\p{N}\p{M}_]$/u.test(foldText(query));
  const words = findableWords(text);
  const whole = isUnfinished ? wanted.slice(0, -1) : wanted;
  return whole.every((word) => words.includes(word)) && (!isUnfinished || words.some((word) => word.startsWith(last)));
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** A snippet is cut from its message, and shows nothing but words that were looked for, each of them whole. */
function checkPassage(edge: FoundEdge, query: string): void {
  const { snippet, highlights, node } = edge;
  expect(node?.content).toContain(snippet);
  expect(snippet.length).toBeLessThanOrEqual(200);
  expect(snippet.isWellFormed()).toBe(true);
  expect(highlights.length).toBeGreaterThan(0);
  const at = node?.content.indexOf(snippet) ?? 0;
  const boundaries = new Set(Array.from(graphemes.segment(node?.content ?? ''), ({ index }) => index));
  boundaries.add(node?.content.length ?? 0);
  expect([boundaries.has(at), boundaries.has(at + snippet.length)]).toEqual([true, true]);
  const wanted = wordsOf(query);
  for (const [index, { start, end }] of highlights.entries()) {
    expect(start).toBeGreaterThanOrEqual(highlights[index - 1]?.end ?? 0);
    const shown = findableWords(snippet.slice(start, end));
    expect({ shown, isWanted: shown.some((word) => wanted.some((one) => word.startsWith(one))) }).toMatchObject({
      isWanted: true,
    });
    expect([start, end].filter((place) => !boundaries.has(at + place))).toEqual([]);
  }
}

describe('Any search of any texts', () => {
  it('finds exactly the messages whose words say it, and shows where', async () => {
    await seeded(async (random) => {
      const texts = Array.from({ length: 100 }, (_, n) => randomText(random, n % 10 === 0 ? 600 : 12));
      const conversationId = await say(...texts.slice(0, 50));
      await append(person, { conversationId, messages: said(...texts.slice(50)) });
      for (let count = 0; count < 60; count++) {
        const query = randomQuery(random);
        const wanted = texts.filter((text) => says(text, query)).reverse();
        if (says('', query) === null) continue;
        const found = await search(person, { query, first: 100, conversationId: random.of(null, conversationId) });
        const contents = found?.edges.map(({ node }) => node?.content);
        expect({ query, contents }).toEqual({ query, contents: wanted.slice(0, 100) });
        expect(found?.complete).toBe(true);
        for (const edge of found?.edges ?? []) checkPassage(edge, query);
      }
    });
  });
});
