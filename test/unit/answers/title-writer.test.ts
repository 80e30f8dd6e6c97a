import { describe, expect, it } from '@jest/globals';
import { readTitle } from '../../../src/answers/title-writer.js';

describe('A title that a model says', () => {
  it.each([
    ['Cheese at home', 'Cheese at home'],
    ['"Cheese at home."', 'Cheese at home'],
    ['**Title:** Cheese at home', 'Cheese at home'],
    ['# „Käse zu Hause“', 'Käse zu Hause'],
    ['Titre : Fromage à la maison', 'Fromage à la maison'],
    ['「家庭奶酪」。', '家庭奶酪'],
    ['\n\n  - Cheese\tat  home\nand more of it', '- Cheese at home'],
    ['C\0heese \ud800at home', 'Cheese \ufffdat home'],
    ['What is it?', 'What is it?'],
    ['**Cheese** at home', 'Cheese at home'],
    ['<think>\nThey ask about cheese.\n</think>\n\nCheese at home', 'Cheese at home'],
  ])('is taken out of %j', (said, title) => {
    expect(readTitle(said)).toBe(title);
  });

  it.each(['', ' \n ', '""', '***', '<think>They ask about'])('is none in %j', (said) => {
    expect(readTitle(said)).toBeNull();
  });

  it('has 50 code units at most, cut between words', () => {
    expect(readTitle('How to make cheese at home without any of the tools that cheese makers have')).toBe(
      'How to make cheese at home without any of the',
    );
  });

  it('is looked for in the beginning alone of what a model that does not end says', () => {
    const startedMs = performance.now();
    expect(readTitle(`Cheese at home${' '.repeat(300_000)}and more`)).toBe('Cheese at home');
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});
