import { describe, expect, it } from '@jest/globals';
import { EventLoopShare } from '../../../src/platform/event-loop-share.js';
import { passageOf } from '../../../src/search/passage.js';
import { fc } from '../../support/fast-check.js';

const passage = (text: string, ...words: string[]) =>
  passageOf(text, { words, unfinished: null }, new EventLoopShare());
const marked = async (text: string, ...words: string[]) => {
  const { snippet, highlights } = await passage(text, ...words);
  return [snippet, highlights.map(({ start, end }) => snippet.slice(start, end))];
};

describe('A passage', () => {
  it('is the whole of a short text', async () => {
    expect(await marked('A  lantern,\na parrot', 'lantern', 'parrot')).toEqual([
      'A  lantern,\na parrot',
      ['lantern', 'parrot'],
    ]);
  });

  it('of a long one begins and ends at blanks, around the first match', async () => {
    const text = `${'one two three '.repeat(50)}LANTERN ${'four five six '.repeat(50)}lantern`;
    const [snippet, shown] = await marked(text, 'lantern');
    expect(snippet).toMatch(/^(one|two|three) .* (four|five|six)$/);
    expect(snippet?.length).toBeLessThanOrEqual(200);
    expect(snippet?.indexOf('LANTERN')).toBeLessThanOrEqual(60);
    expect(shown).toEqual(['LANTERN']);
  });

  it('reaches from one block into the next', async () => {
    for (let before = 900; before < 1100; before++) {
      const text = `${'a '.repeat(before / 2)}x lantern y lantern${' z'.repeat(500)}`;
      const [snippet, shown] = await marked(text, 'lantern');
      expect(snippet).toContain('x lantern y lantern z');
      expect(shown).toEqual(['lantern', 'lantern']);
    }
  });

  it('shows a word that is longer than itself as far as it goes', async () => {
    const [snippet, shown] = await marked(`before ${'x'.repeat(400)} after`, 'x'.repeat(400));
    expect(snippet).toBe(`before ${'x'.repeat(193)}`);
    expect(shown).toEqual(['x'.repeat(193)]);
  });

  it('is cut between graphemes where there are no blanks', async () => {
    for (const unit of ['👩‍👩‍👧', '🇫🇷', 'e\u0301', '語', '\u{1d167}']) {
      const [snippet, shown] = await marked(`${unit.repeat(300)} lantern${unit.repeat(300)}`, 'lantern');
      expect(shown).toHaveLength(snippet?.includes('lantern') ? 1 : 0);
      expect(snippet).toMatch(new RegExp(`^(${unit})* ?lantern(${unit})*$|^(${unit})*$`, 'u'));
    }
  });

  it('is empty where there is nothing that fits', async () => {
    expect(await passage(`a${'\u0301'.repeat(500)}`, 'b')).toEqual({ snippet: '', highlights: [] });
    expect(await passage('', 'b')).toEqual({ snippet: '', highlights: [] });
  });

  it('is a part of any text, of 200 code units at most, well formed, its marks in order', async () => {
    const parts = fc.oneof(
      fc.constantFrom('lantern', ' ', '\n', 'Ländern'),
      fc.string({ unit: 'binary', maxLength: 90 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { maxLength: 60 }), async (texts) => {
        const text = texts.join('').toWellFormed();
        const { snippet, highlights } = await passage(text, 'lantern', 'landern');
        expect(text).toContain(snippet);
        expect(snippet.length).toBeLessThanOrEqual(200);
        expect(snippet.isWellFormed()).toBe(true);
        for (const [index, { start, end }] of highlights.entries()) {
          expect(start).toBeGreaterThanOrEqual(highlights[index - 1]?.end ?? 0);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(snippet.length);
        }
      }),
    );
  });
});
