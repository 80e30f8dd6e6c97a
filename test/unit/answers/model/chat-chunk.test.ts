import { describe, expect, it } from '@jest/globals';
import { readChatChunk } from '../../../../src/answers/model/chat-chunk.js';
import { fc } from '../../../support/fast-check.js';

const nothing = { text: '', reasoning: '', finishReason: null, usage: null, failed: false };

describe('A chunk of a chat completion', () => {
  it('says text, reasoning, why it finished and what was used', () => {
    const chunk = {
      choices: [{ delta: { content: 'a', reasoning_content: 'b' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 0 },
    };
    const usage = { promptTokens: 1, completionTokens: 0 };
    expect(readChatChunk(chunk)).toEqual({ text: 'a', reasoning: 'b', finishReason: 'stop', usage, failed: false });
  });

  it('says a refusal as text', () => {
    expect(readChatChunk({ choices: [{ delta: { content: null, refusal: 'No.' } }] }).text).toBe('No.');
  });

  it.each([
    ['negative', -1],
    ['broken', 1.5],
    ['not a number', '7'],
    ['beyond what the contract can say', 2 ** 31],
    ['null', null],
  ])('has no count that is %s', (_how, count) => {
    expect(readChatChunk({ usage: { prompt_tokens: count, completion_tokens: 3 } }).usage).toEqual({
      promptTokens: null,
      completionTokens: 3,
    });
    expect(readChatChunk({ usage: { prompt_tokens: count, completion_tokens: count } }).usage).toBeNull();
  });

  it('gives the reason as it was said where it is a plain word, else as unknown', () => {
    const reasonOf = (finish_reason: unknown) => readChatChunk({ choices: [{ finish_reason }] }).finishReason;
    expect(['length', 'tool_calls', 'end-of-turn', 'a\0b', 'x'.repeat(65), '', null, 7].map(reasonOf)).toEqual([
      'length',
      'tool_calls',
      'end-of-turn',
      'unknown',
      'unknown',
      null,
      null,
      null,
    ]);
  });

  it('that is anything else says nothing, and never throws', () => {
    expect(readChatChunk({ choices: [{ delta: { content: ['a'], reasoning: 7 } }] })).toEqual(nothing);
    fc.assert(fc.property(fc.jsonValue(), (value) => void readChatChunk(value)));
    const odd = fc.record({ choices: fc.array(fc.record({ delta: fc.jsonValue(), finish_reason: fc.jsonValue() })) });
    fc.assert(fc.property(odd, (value) => typeof readChatChunk(value).text === 'string'));
  });
});
