import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { foldText, wordsOf } from '../../../src/platform/words.js';

describe('The words of a text', () => {
  it.each<[string, readonly string[]]>([
    ['Hello, World!', ['hello', 'world']],
    ['ﬁne ２０２６', ['fine', '2026']],
    ['Crème BRÛLÉE', ['creme', 'brulee']],
    ['İstanbul ISPARTA ılık', ['istanbul', 'isparta', 'ilik']],
    ['ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']],
    ['Straße STRASSE', ['strasse', 'strasse']],
    ['Øre, łódź', ['ore', 'lodz']],
    ['don’t stop-gap', ['don’t', 'stop', 'gap']],
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
