import { describe, expect, it } from '@jest/globals';
import { beginningOf, checkText } from '../../../src/platform/unicode.js';
import { fc } from '../../support/fast-check.js';

const graphemes = (text: string) =>
  Array.from(new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text), ({ segment }) => segment);

describe('The check of a text', () => {
  it('passes well-formed text up to the limit, counted in UTF-16 code units', () => {
    expect(checkText('input.x', '🧀🧀', 4)).toBe('🧀🧀');
    expect(checkText('input.x', '', 0)).toBe('');
  });

  it.each([
    ['longer than the limit', '🧀🧀'],
    ['with the first half of a surrogate pair', 'a\ud83e'],
    ['with the second half alone', '\uddc0a'],
    ['with NUL', 'a\0'],
  ])('refuses text %s, naming the field', (_what, text) => {
    expect(() => checkText('input.x', text, 3)).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', field: 'input.x' } }),
    );
  });
});

describe('The beginning of a text', () => {
  it.each([
    ['short enough', 10, 'short enough'.slice(0, 10).trimEnd()],
    ['  a \n\t b  ', 10, 'a b'],
    ['a\u00a0b\u2003c', 10, 'a b c'],
    ['one two three', 7, 'one two'],
    ['one two three', 8, 'one two'],
    ['🧀🧀🧀', 3, '🧀'],
    ['ab👩‍👩‍👧‍👦c', 5, 'ab'],
    ['e\u0301e\u0301', 3, 'e\u0301'],
    ['', 5, ''],
    [' \n ', 5, ''],
  ])('%j, within %i', (text, limit, expected) => {
    expect(beginningOf(text, limit)).toBe(expected);
  });

  it('is one line, within the limit, of whole graphemes, and begins as the text does', () => {
    const unit = fc.oneof(
      fc.constantFrom(' ', '\n', 'e\u0301', '👩‍👩‍👧‍👦', '🇩🇪', 'क्षि'),
      fc.string({ unit: 'grapheme', maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 80 }), fc.integer({ min: 1, max: 60 }), (text, limit) => {
        const beginning = beginningOf(text, limit);
        const folded = text.replace(/\s+/g, ' ').trim();
        expect(beginning.length).toBeLessThanOrEqual(limit);
        expect(beginning).toBe(beginning.trim());
        const whole = graphemes(folded);
        let taken = '';
        for (const grapheme of whole) {
          if (taken.length + grapheme.length > limit) break;
          taken += grapheme;
        }
        expect(beginning).toBe(folded.length <= limit ? folded : taken.trimEnd());
      }),
      { numRuns: 2000 },
    );
  });

  it('looks at no more of a long text than it needs', () => {
    const longMs = fastest(() => beginningOf(`${'x'.repeat(5_000_000)} y`, 160));
    expect(beginningOf('x'.repeat(5_000_000), 160)).toBe('x'.repeat(160));
    expect(longMs).toBeLessThan(100);
  });
});

function fastest(work: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
  return Math.min(...times);
}
