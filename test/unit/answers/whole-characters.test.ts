import { describe, expect, it } from '@jest/globals';
import { WholeCharacters } from '../../../src/answers/whole-characters.js';
import { fc } from '../../support/fast-check.js';

/** Any code units, halves of pairs more often than chance has them. */
const anyText = fc
  .array(
    fc.oneof(fc.constantFrom(0x61, 0xe9, 0x65e5, 0xd83e, 0xdd9c, 0xdbff, 0xdc00), fc.integer({ max: 0xffff, min: 0 })),
    {
      maxLength: 40,
    },
  )
  .map((units) => String.fromCharCode(...units));

/** The same text, cut at random places; some pieces are empty. */
const cutText = fc.tuple(anyText, fc.array(fc.nat(40), { maxLength: 12 })).map(([text, cuts]) => {
  const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((one, other) => one - other), text.length];
  return places.slice(1).map((place, index) => text.slice(places[index], place));
});

describe('Whole characters', () => {
  it('let the same text through wherever it was cut: half a pair becomes U+FFFD, and nothing else changes', () => {
    fc.assert(
      fc.property(cutText, (pieces) => {
        const whole = new WholeCharacters();
        const passed = pieces.map((piece) => whole.push(piece));
        const rest = whole.end();
        expect([...passed, rest].join('')).toBe(pieces.join('').toWellFormed());
        for (const part of [...passed, rest]) expect(part.isWellFormed()).toBe(true);
      }),
    );
  });

  it('hold back one code unit at most, and only the first half of a pair', () => {
    fc.assert(
      fc.property(cutText, (pieces) => {
        const whole = new WholeCharacters();
        let given = '';
        let passed = '';
        for (const piece of pieces) {
          given += piece;
          passed += whole.push(piece);
          const endsInFirstHalf = /[\ud800-\udbff]$/.test(given);
          expect(passed).toHaveLength(given.length - (endsInFirstHalf ? 1 : 0));
        }
      }),
    );
  });

  it('hold the first half back until the second comes', () => {
    const whole = new WholeCharacters();
    expect(whole.push('a\ud83e')).toBe('a');
    expect(whole.push('')).toBe('');
    expect(whole.push('\udd9cb')).toBe('\u{1f99c}b');
    expect(whole.end()).toBe('');
  });

  it('make the first half U+FFFD if its other half never comes, and half a pair that nothing precedes at once', () => {
    const whole = new WholeCharacters();
    expect(whole.push('\udd9c')).toBe('\ufffd');
    expect(whole.push('\ud83e')).toBe('');
    expect(whole.push('x')).toBe('\ufffdx');
    expect(whole.push('\ud83e')).toBe('');
    expect(whole.end()).toBe('\ufffd');
    expect(whole.end()).toBe('');
  });
});
