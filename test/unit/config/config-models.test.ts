import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config.js';
import { blamed } from './environments.js';

describe('MODELS', () => {
  const server = { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' };

  it('fills in what an entry leaves out; a price that nobody said is null', () => {
    const config = loadConfig({
      ...server,
      DEFAULT_MODEL: 'a',
      MODELS: '[{"id": "a"}, {"id": "b", "name": "B", "inputMicroUsdPerMTok": 0}]',
    });
    expect(config.models).toEqual([
      {
        id: 'a',
        name: 'a',
        provider: 'OpenAI-compatible',
        contextTokens: 16_384,
        maxOutputTokens: null,
        inputMicroUsdPerMTok: null,
        outputMicroUsdPerMTok: null,
      },
      expect.objectContaining({ id: 'b', name: 'B', inputMicroUsdPerMTok: 0, outputMicroUsdPerMTok: null }),
    ]);
    expect(config.openai).toEqual({ baseUrl: server.OPENAI_BASE_URL, apiKey: null });
  });

  it('is just DEFAULT_MODEL where it is not set', () => {
    expect(loadConfig({ ...server, DEFAULT_MODEL: 'llama3.2' }).models.map((model) => model.id)).toEqual(['llama3.2']);
    expect(loadConfig({ ...server, DEFAULT_MODEL: 'demo' }).models).toEqual([]);
  });

  it.each([
    ['no array', '{"id": "a"}'],
    ['nothing', '[]'],
    ['an unknown key', '[{"id": "a", "contextToken": 1}]'],
    ['a negative price', '[{"id": "a", "inputMicroUsdPerMTok": -1}]'],
    ['half a token', '[{"id": "a", "contextTokens": 1.5}]'],
    ['one id twice', '[{"id": "a"}, {"id": "a"}]'],
    ['the id of the demo model', '[{"id": "a"}, {"id": "demo"}]'],
    ['no room for a question', '[{"id": "a", "contextTokens": 100, "maxOutputTokens": 100}]'],
    ['no JSON', '[{id: a}]'],
  ])('is refused with %s', (_, value) => {
    expect(blamed({ ...server, DEFAULT_MODEL: 'a', MODELS: value })).toEqual(['MODELS']);
  });

  it('holds the default model', () => {
    expect(blamed({ ...server, DEFAULT_MODEL: 'b', MODELS: '[{"id": "a"}]' })).toEqual(['DEFAULT_MODEL']);
  });
});

describe('TITLE_MODEL', () => {
  const server = { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', DEFAULT_MODEL: 'a' };

  it('is off where it is not set, and need not be among MODELS, whose limits hold for it otherwise', () => {
    const models = '[{"id": "a"}, {"id": "b", "maxOutputTokens": 100}]';
    expect(loadConfig(server).titleModel).toBeNull();
    expect(loadConfig({ ...server, MODELS: models, TITLE_MODEL: 'b' }).titleModel).toMatchObject({
      maxOutputTokens: 100,
    });
    expect(loadConfig({ ...server, MODELS: models, TITLE_MODEL: 'c' }).titleModel).toMatchObject({ id: 'c' });
    expect(loadConfig({ ...server, MODELS: models, TITLE_MODEL: 'c' }).models.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('is refused without a server that has it', () => {
    expect(blamed({ TITLE_MODEL: 'a' })).toEqual(['TITLE_MODEL']);
  });
});
