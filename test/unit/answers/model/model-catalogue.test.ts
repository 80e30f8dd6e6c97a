import { describe, expect, it } from '@jest/globals';
import {
  costMicroUsd,
  ModelCatalogue,
  type ModelSettings,
  promptBudgetTokens,
} from '../../../../src/answers/model/model-catalogue.js';

const settings = (over: Partial<ModelSettings> = {}): ModelSettings => ({
  id: 'small',
  name: 'Small',
  provider: 'OpenAI',
  contextTokens: 16_000,
  maxOutputTokens: 4000,
  inputMicroUsdPerMTok: 150_000,
  outputMicroUsdPerMTok: 600_000,
  ...over,
});

describe('The catalogue of models', () => {
  const catalogue = new ModelCatalogue([settings({ id: 'large' }), settings({ id: 'small' })], 'small');

  it('lists the models in the order of the configuration', () => {
    expect(catalogue.all().map(({ id }) => id)).toEqual(['large', 'small']);
  });

  it('knows its default model, which must be one of them', () => {
    expect(catalogue.default.id).toBe('small');
    expect(() => new ModelCatalogue([settings()], 'other')).toThrow('The default model is not among the models.');
  });

  it('finds a model by its id, and nothing by any other', () => {
    expect(catalogue.find('large')?.id).toBe('large');
    expect(catalogue.find('LARGE')).toBeNull();
    expect(catalogue.find('constructor')).toBeNull();
  });
});

describe('The budget of a prompt', () => {
  it('is contextTokens less maxOutputTokens', () => {
    expect(promptBudgetTokens(settings())).toBe(12_000);
  });

  it('keeps room for an answer where its length is left to the provider', () => {
    expect(promptBudgetTokens(settings({ maxOutputTokens: null, contextTokens: 128_000 }))).toBe(123_904);
    expect(promptBudgetTokens(settings({ maxOutputTokens: null, contextTokens: 4000 }))).toBe(3000);
  });
});

describe('The cost of an answer', () => {
  it('is in millionths of a dollar, from prices for a million tokens, rounded', () => {
    expect(costMicroUsd(settings(), 1_000_000, 1_000_000)).toBe(750_000);
    expect(costMicroUsd(settings(), 1000, 200)).toBe(270);
    expect(costMicroUsd(settings(), 3, 0)).toBe(0);
    expect(costMicroUsd(settings(), 4, 0)).toBe(1);
    expect(costMicroUsd(settings({ inputMicroUsdPerMTok: 0, outputMicroUsdPerMTok: 0 }), 10, 10)).toBe(0);
  });

  it('is not known where a price or a count is not: unknown is not zero', () => {
    expect(costMicroUsd(settings({ inputMicroUsdPerMTok: null }), 10, 10)).toBeNull();
    expect(costMicroUsd(settings({ outputMicroUsdPerMTok: null }), 10, 10)).toBeNull();
    expect(costMicroUsd(settings(), null, 10)).toBeNull();
    expect(costMicroUsd(settings(), 10, null)).toBeNull();
  });

  it('is not known where it would exceed what the contract can say', () => {
    expect(costMicroUsd(settings({ inputMicroUsdPerMTok: 1e9 }), 2_147_483, 0)).toBe(2_147_483_000);
    expect(costMicroUsd(settings({ inputMicroUsdPerMTok: 1e9 }), 2_147_484, 0)).toBeNull();
  });
});
