import { describe, expect, it } from '@jest/globals';
import { automaticTitle, titleQuery, titleTerms } from '../../../src/conversations/title.js';
import { newDataKey, OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { findableWords, foldText, wordsOf } from '../../../src/platform/words.js';
import { fc } from '../../support/fast-check.js';

describe('An automatic title', () => {
  it.each([
    ['How do I make cheese?', 'How do I make cheese?'],
    ['How do I\nmake   cheese?', 'How do I make cheese?'],
    ['Please explain to me in simple words how a refrigerator works', 'Please explain to me in simple words how a'],
    ['x'.repeat(60), 'x'.repeat(50)],
    [
      `See ${'https://example.org/a/very/long/path/that/goes/on/and/on'}`,
      'See https://example.org/a/very/long/path/that/goes',
    ],
    [`东京${'的天气怎么样'.repeat(20)}`, `东京${'的天气怎么样'.repeat(8)}`],
    ['🧀'.repeat(30), '🧀'.repeat(25)],
    [' \n ', 'New conversation'],
    ['', 'New conversation'],
  ])('of %j', (text, expected) => {
    expect(automaticTitle(text)).toBe(expected);
  });

  it('is never empty, one line, at most 50 code units, and cut inside no grapheme', () => {
    const unit = fc.constantFrom('a', 'Wort', ' ', '\n', 'e\u0301', '👩‍👩‍👧‍👦', '天気', '.', '-');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 90 }), (parts) => {
        const title = automaticTitle(parts.join(''));
        expect(title).not.toBe('');
        expect(title.length).toBeLessThanOrEqual(50);
        expect(title).not.toMatch(/\n|^ | $/);
        const line = parts.join('').replace(/\s+/g, ' ').trim();
        if (line === '') return;
        expect(line.startsWith(title)).toBe(true);
        const cut = title.length;
        const segments = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(line);
        expect(cut === line.length || segments.containing(cut)?.index === cut).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('What a title is found by', () => {
  const keys = new OwnerKeys(newId(), [newDataKey(1)]);
  const isFound = (title: string, asked: string) => {
    const terms = new Set(titleTerms(keys, title).map((term) => term.toString('hex')));
    return titleQuery(keys, asked).every((term) => terms.has(term.toString('hex')));
  };

  it('is every word of what is asked, the last of which may be unfinished', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é', 'ß', '天'), minLength: 1, maxLength: 4 });
    const text = fc.array(word, { maxLength: 6 }).map((parts) => parts.join(' '));
    fc.assert(
      fc.property(text, text, (title, asked) => {
        const [inTitle, wanted] = [findableWords(title), wordsOf(asked)];
        const last = wanted.at(-1) ?? '';
        const found =
          wanted.slice(0, -1).every((one) => inTitle.includes(one)) &&
          (wanted.length === 0 || inTitle.some((one) => one.startsWith(last)));
        expect(isFound(title, asked)).toBe(found);
      }),
      { numRuns: 1000 },
    );
  });

  it('is every word, however many parts another one has', () => {
    const parts = Array.from({ length: 40 }, (_, n) => `part${n}`).join('_');
    expect(isFound(`${parts} cheese`, 'cheese')).toBe(true);
  });

  it('is another for every owner, and holds no text', () => {
    const others = new OwnerKeys(keys.ownerId, [newDataKey(1)]);
    const [mine, theirs] = [titleTerms(keys, 'cheese'), titleTerms(others, 'cheese')];
    expect(mine).toHaveLength(7);
    expect(mine.some((term) => theirs.some((other) => other.equals(term)))).toBe(false);
    expect(mine.every((term) => term.length === 8)).toBe(true);
  });

  it('is bounded where compatibility forms make a short title long', () => {
    const hostile = Array.from({ length: 255 }, (_, at) =>
      at % 2 ? '\ufdfa' : String.fromCharCode(0x61 + (at % 26)),
    ).join('');
    expect(foldText(hostile).length).toBeGreaterThan(2000);
    expect(titleTerms(keys, hostile).length).toBeLessThanOrEqual(1024);
  });
});
