import { describe, expect, it } from '@jest/globals';
import { blocksOf } from '../../../src/platform/text-blocks.js';
import { foldText, wordsOf } from '../../../src/platform/words.js';
import { fc } from '../../support/fast-check.js';

const words = ['Crème', 'brûlée', 'don’t', '1,000', 'ΟΔΟΣ', 'हिन्दी', 'ภาษาไทย', 'שלום', 'مرحبا', '🧀', '👩‍👩‍👧', '…'];
const texts = fc
  .array(fc.tuple(fc.constantFrom(...words), fc.constantFrom(' ', '\n', '. ', ' \u0301')), { minLength: 100 })
  .map((pairs) => pairs.flat().join(''));

describe('The blocks of a text', () => {
  it('are all of it, none long, and their words are those of the whole', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const blocks = [...blocksOf(text)];
        expect(blocks.map((block) => block.text).join('')).toBe(text);
        for (const { start, text: part } of blocks) expect(text.slice(start, start + part.length)).toBe(part);
        expect(Math.max(...blocks.map((block) => block.text.length))).toBeLessThanOrEqual(1024 + 64);
        expect(blocks.flatMap((block) => wordsOf(block.text))).toEqual(wordsOf(text));
      }),
    );
  });

  it('are cut after the marks of scripts that write without blanks, but not in a number', () => {
    const sentence = '北京大学的学生们在图书馆里学习，一共１，０００个人。';
    const text = sentence.repeat(200);
    const blocks = [...blocksOf(text)].map((block) => block.text);
    for (const block of blocks.slice(0, -1)) expect(block).toMatch(/[，。]$/);
    expect(blocks.flatMap(wordsOf)).toEqual(wordsOf(sentence.repeat(200)));
  });

  it('are cut between graphemes where there is nothing else, and through none that fits', () => {
    for (const unit of ['a', '語', '👩‍👩‍👧', 'e\u0301', '🇫🇷']) {
      const text = unit.repeat(3000);
      const blocks = [...blocksOf(text)].map((block) => block.text);
      for (const block of blocks) expect(block).toBe(unit.repeat(block.length / unit.length));
      expect(blocks.map(foldText).join('')).toBe(foldText(text));
    }
  });

  it('end, and are well formed, also where one grapheme is longer than a block', () => {
    const endless = `a${'\u{1d167}'.repeat(5000)}`;
    const blocks = [...blocksOf(endless)].map((block) => block.text);
    expect(blocks.join('')).toBe(endless);
    expect(blocks.every((block) => block.isWellFormed() && block.length <= 1024)).toBe(true);
  });

  it('of nothing are none', () => {
    expect([...blocksOf('')]).toEqual([]);
  });
});
