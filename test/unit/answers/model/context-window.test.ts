import { describe, expect, it } from '@jest/globals';
import { type ContextCandidate, ContextWindow } from '../../../../src/answers/model/context-window.js';
import { estimateTokens } from '../../../../src/platform/estimate-tokens.js';
import { fc } from '../../../support/fast-check.js';

const said = (role: ContextCandidate['role'], content: string): ContextCandidate => ({
  role,
  content,
  tokenEstimate: estimateTokens(content),
});

/** The prompt made of all candidates at once. */
function chooseContext(systemPrompt: string | null, newestFirst: readonly ContextCandidate[], budgetTokens: number) {
  const context = new ContextWindow(systemPrompt, budgetTokens);
  for (const candidate of newestFirst) if (!context.add(candidate)) break;
  return context.messages();
}

const contents = (messages: readonly { content: string }[]) => messages.map(({ content }) => content);

describe('The context of an answer', () => {
  it('is the system prompt, then the newest USER, ASSISTANT and SYSTEM messages, oldest first; TOOL is left out', () => {
    const newestFirst = [
      said('USER', 'And Spain?'),
      said('TOOL', '{"capital": "Paris"}'),
      said('ASSISTANT', 'Paris.'),
      said('SYSTEM', 'Be brief.'),
      said('USER', 'The capital of France?'),
    ];
    expect(chooseContext('You are a teacher.', newestFirst, 1000)).toEqual([
      { role: 'SYSTEM', content: 'You are a teacher.' },
      { role: 'USER', content: 'The capital of France?' },
      { role: 'SYSTEM', content: 'Be brief.' },
      { role: 'ASSISTANT', content: 'Paris.' },
      { role: 'USER', content: 'And Spain?' },
    ]);
  });

  it('has no system prompt where there is none, or an empty one', () => {
    expect(chooseContext(null, [said('USER', 'Hi')], 10)).toEqual([{ role: 'USER', content: 'Hi' }]);
    expect(chooseContext('', [said('USER', 'Hi')], 10)).toEqual([{ role: 'USER', content: 'Hi' }]);
  });

  it('fits the budget to the token, the system prompt counted', () => {
    const newestFirst = [said('USER', 'ccc'), said('ASSISTANT', 'bbb'), said('USER', 'aaa')];
    expect(contents(chooseContext('sss', newestFirst, 4))).toEqual(['sss', 'aaa', 'bbb', 'ccc']);
    expect(contents(chooseContext('sss', newestFirst, 3))).toEqual(['sss', 'bbb', 'ccc']);
  });

  it('has no gaps: behind a message that does not fit, a short older one is left out too', () => {
    const newestFirst = [said('USER', 'ccc'), said('ASSISTANT', 'b'.repeat(300)), said('USER', 'aaa')];
    expect(contents(chooseContext(null, newestFirst, 50))).toEqual(['ccc']);
  });

  it('always holds the question, even alone over the budget', () => {
    const newestFirst = [said('USER', 'q'.repeat(3000)), said('ASSISTANT', 'bbb')];
    expect(contents(chooseContext(null, newestFirst, 100))).toEqual(['q'.repeat(3000)]);
    expect(contents(chooseContext('sss', newestFirst, -5))).toEqual(['sss', 'q'.repeat(3000)]);
  });

  it('leaves out messages without text: an answer that failed at once, one not yet written, an erased question', () => {
    const newestFirst = [said('ASSISTANT', ''), said('USER', 'Now?'), said('ASSISTANT', ''), said('USER', '')];
    expect(chooseContext(null, newestFirst, 100)).toEqual([{ role: 'USER', content: 'Now?' }]);
  });
});

describe('The context of an answer, chosen', () => {
  it('page by page: add says whether there is room for more', () => {
    const context = new ContextWindow(null, 3);
    expect(context.add(said('USER', 'ccc'))).toBe(true);
    expect(context.add(said('TOOL', 't'.repeat(300)))).toBe(true);
    expect(context.add(said('ASSISTANT', 'bbb'))).toBe(true);
    expect(context.add(said('USER', 'aaa'))).toBe(false);
    expect(context.add(said('USER', 'zzz'))).toBe(false);
    expect(context.add(said('TOOL', 't'))).toBe(false);
    expect(contents(context.messages())).toEqual(['aaa', 'bbb', 'ccc']);
  });

  it('from anything, never exceeds the budget but for the question and the system prompt, whatever was said', () => {
    const roles = fc.constantFrom('USER', 'ASSISTANT', 'SYSTEM', 'TOOL') as fc.Arbitrary<ContextCandidate['role']>;
    const candidates = fc.array(fc.tuple(roles, fc.string({ maxLength: 60, unit: 'binary' })), { maxLength: 30 });
    fc.assert(
      fc.property(candidates, fc.integer({ min: 0, max: 200 }), (pairs, budget) => {
        const newestFirst = pairs.map(([role, content]) => said(role, content));
        const chosen = chooseContext(null, newestFirst, budget);
        const visible = newestFirst.filter(({ role, content }) => role !== 'TOOL' && content !== '');
        expect(contents(chosen)).toEqual(contents(visible.slice(0, chosen.length).toReversed()));
        const used = chosen.slice(0, -1).reduce((sum, { content }) => sum + estimateTokens(content), 0);
        if (chosen.length > 1) expect(used + estimateTokens(chosen.at(-1)?.content ?? '')).toBeLessThanOrEqual(budget);
        const next = visible[chosen.length];
        if (chosen.length > 0 && next) {
          expect(used + estimateTokens(chosen.at(-1)?.content ?? '') + next.tokenEstimate).toBeGreaterThan(budget);
        }
      }),
    );
  });
});

describe('estimateTokens', () => {
  it('is the UTF-8 bytes divided by three, rounded up', () => {
    expect(['', 'a', 'abc', 'abcd', 'é', '日本語', '👩‍🚀'].map(estimateTokens)).toEqual([0, 1, 1, 2, 1, 3, 4]);
  });
});
