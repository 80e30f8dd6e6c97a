import { describe, expect, it } from '@jest/globals';
import { findableWords, foldText, foldWithPlaces, wordsBeginningWith, wordsOf } from '../../../src/platform/words.js';
import { fc } from '../../support/fast-check.js';

describe('The words of a text', () => {
  it.each<[string, readonly string[]]>([
    ['Hello, World!', ['hello', 'world']],
    ['ﬁne ２０２６', ['fine', '2026']],
    ['Crème BRÛLÉE', ['creme', 'brulee']],
    ['İstanbul ISPARTA ılık', ['istanbul', 'isparta', 'ilik']],
    ['ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']],
    ['Straße STRASSE STRAẞE', ['strasse', 'strasse', 'strasse']],
    ['Øre, łódź, cœur, Ære', ['ore', 'lodz', 'coeur', 'aere']],
    ['don’t stop-gap', ["don't", 'stop', 'gap']],
    ['مُحَمَّد أحمد كتـــاب', ['محمد', 'احمد', 'كتاب']],
    ['שָׁלוֹם', ['שלום']],
    ['Sil\u00adben\u00adtren\u00adnung, می\u200cخواهم', ['silbentrennung', 'میخواهم']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['が か', ['が', 'か']],
    ['🧀 … !', []],
    ['', []],
  ])('of %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  it('are the same in upper and lower case, composed or not', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aéßœŁñüK1 σς') }), (text) => {
        const words = wordsOf(text);
        expect(wordsOf(text.toUpperCase())).toEqual(words);
        expect(wordsOf(text.normalize('NFD'))).toEqual(words);
      }),
    );
  });

  it('are folded once and for all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const folded = foldText(text);
        expect(foldText(folded)).toBe(folded);
      }),
    );
  });
});

describe('What a text is found by', () => {
  it.each<[string, readonly string[]]>([
    ['L’eau coule', ["l'eau", 'l', 'eau', 'coule']],
    ['foo_bar', ['foo_bar', 'foo', 'bar']],
    ['__init__', ['__init__', 'init__', 'init']],
    ['www.example.com', ['www.example.com', 'www', 'example.com', 'example', 'com']],
    ['the end.Next Note:this', ['the', 'end.next', 'end', 'next', 'note:this', 'note', 'this']],
    ["don't, e.g. 3.14 v1.2", ["don't", 'e.g', '3.14', 'v1.2']],
  ])('is its words, and the parts that people know them by: %j', (text, words) => {
    expect(findableWords(text)).toEqual(words);
  });

  it('is bounded for a word of very many parts', () => {
    expect(findableWords('a_'.repeat(512)).length).toBeLessThan(40);
  });
});

describe('A text folded with its places', () => {
  const hard = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({
      unit: fc.constantFrom(
        'e',
        '\u0301',
        'ß',
        'ﬁ',
        '½',
        'Σ',
        'İ',
        'ᄀ',
        'ᅡ',
        'ｶ',
        'ﾞ',
        'か',
        '\u3099',
        'ا',
        '\u0654',
        'ـ',
        '\u200d',
        '\u00ad',
        '🧀',
        ' ',
      ),
    }),
  );

  it('is the folded text', () => {
    fc.assert(fc.property(hard, (text) => expect(foldWithPlaces(text).text).toBe(foldText(text))));
  });

  it('knows of each part what became it', () => {
    fc.assert(
      fc.property(hard, fc.nat(), fc.nat(), (text, one, other) => {
        const folded = foldWithPlaces(text);
        const [from, to] = [one % (folded.text.length + 1), other % (folded.text.length + 1)].sort((a, b) => a - b);
        if (from === undefined || to === undefined || from === to) return;
        const { start, end } = folded.placeOf(from, to);
        expect(foldText(text.slice(start, end))).toContain(folded.text.slice(from, to));
      }),
    );
  });

  it('says where the words stand', () => {
    const text = 'Das ﬁne Stück: STRASSE';
    const { text: folded, placeOf } = foldWithPlaces(text);
    const found = [...wordsBeginningWith(folded, 'st')].map(({ word, index }) => {
      const { start, end } = placeOf(index, index + word.length);
      return [word, text.slice(start, end)];
    });
    expect(found).toEqual([
      ['stuck', 'Stück'],
      ['strasse', 'STRASSE'],
    ]);
  });
});

describe('Words that begin with something', () => {
  it('are those among all words, wherever they stand', () => {
    const texts = fc.string({
      unit: fc.constantFrom('a', 'b', 'bcd', "'", '.', '_', '1', ' ', '北', '京', '学', 'é', '語'),
    });
    fc.assert(
      fc.property(texts, fc.constantFrom('a', 'ab', 'b', '1', '北', 'e'), (text, beginning) => {
        const found = [...wordsBeginningWith(foldText(text), beginning)].map(({ word }) => word);
        expect(found).toEqual(findableWords(text).filter((word) => word.startsWith(beginning)));
      }),
    );
  });

  it('are looked for once in each word, however often the beginning stands within it', () => {
    const word = `x${'a'.repeat(1_000_000)}`;
    const startedMs = performance.now();
    expect([...wordsBeginningWith(`${word} aaab`, 'aaa')]).toEqual([{ word: 'aaab', index: word.length + 1 }]);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});
