import { describe, expect, it } from '@jest/globals';
import type { ModelSettings } from '../../../src/answers/model/model-catalogue.js';
import { reserve } from '../../../src/answers/reserve.js';

const model = (over: Partial<ModelSettings> = {}): ModelSettings => ({
  ...{ id: 'm', name: 'M', provider: 'test', contextTokens: 1000, maxOutputTokens: 200 },
  ...{ inputMicroUsdPerMTok: 1_500_000, outputMicroUsdPerMTok: 4_000_000 },
  ...over,
});

const said = (tokens: number) => ({ token_estimate: tokens, system_prompt: null });
const question = (bytes: number) => [{ content: 'x'.repeat(bytes) }];

describe('A reservation', () => {
  it('is for all that was said, the question, and the longest answer, at their prices', () => {
    expect(reserve(model(), said(100), question(30))).toEqual({
      ...{ promptTokens: 110, completionTokens: 200 },
      ...{ promptMicroUsd: 165, completionMicroUsd: 800 },
    });
  });

  it('is for no more than the model is shown, but for a question that alone is more', () => {
    expect(reserve(model(), said(5000), question(30)).promptTokens).toBe(800);
    expect(reserve(model(), said(5000), question(3000)).promptTokens).toBe(1000);
  });

  it('counts the system prompt, and room for an answer whose length is the provider’s to limit', () => {
    const sealed = Buffer.alloc(300).toString('base64');
    const { promptTokens, completionTokens } = reserve(
      model({ maxOutputTokens: null }),
      { token_estimate: 0, system_prompt: sealed },
      question(3),
    );
    expect([promptTokens, completionTokens]).toEqual([101, 250]);
  });

  it('costs nothing without prices, and no more than an answer can be said to cost', () => {
    const unknown = model({ inputMicroUsdPerMTok: null, outputMicroUsdPerMTok: null });
    expect(reserve(unknown, said(100), [])).toMatchObject({ promptMicroUsd: 0, completionMicroUsd: 0 });
    const dear = model({ inputMicroUsdPerMTok: Number.MAX_SAFE_INTEGER, outputMicroUsdPerMTok: 1 });
    expect(reserve(dear, said(100), [])).toMatchObject({ promptMicroUsd: 2 ** 31 - 1, completionMicroUsd: 1 });
  });
});
