import type { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiProvider } from '../../../src/answers/model/openai-provider.js';
import { ManualClock } from '../../support/manual-clock.js';
import { startAimock } from '../../support/model-server.js';
import { collect, failed, letPass, textOf } from './ask.js';

let mock: LLMock;
let baseUrl: string;

beforeAll(async () => {
  ({ mock, baseUrl } = await startAimock());
});

beforeEach(() => void mock.reset());

afterAll(() => mock.stop());

const text = 'Paris, 日本語 and 👩‍🚀: '.repeat(12);
const clock = new ManualClock();

const answer = (signal = new AbortController().signal) =>
  new OpenAiProvider({ baseUrl, apiKey: 'key' }, clock).answer({
    model: 'gpt-4o',
    messages: [{ role: 'USER', content: 'The capital of France?' }],
    maxOutputTokens: 500,
    signal,
  });

describe('A model that answers at the pace of a model', () => {
  it('is passed on token by token, as it writes, and charged once', async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 60 };
    const pace = { chunkSize: 4, streamingProfile: { ttft: 60, tps: 250 } };
    mock.onMessage('capital of France', { content: text, reasoning: 'Easy.', usage }, pace);
    const times: number[] = [];
    const events = [];
    for await (const event of answer()) {
      events.push(event);
      times.push(performance.now());
    }
    expect(textOf(events)).toBe(text);
    expect(events[0]).toMatchObject({ type: 'reasoning' });
    expect(events.at(-2)).toEqual({ type: 'usage', promptTokens: 9, completionTokens: 60 });
    expect(events.at(-1)).toEqual({ type: 'finish', reason: 'stop' });
    // 4 ms a piece: had it gathered the pieces, all of them would have come at once.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(200);
    expect(mock.getRequests()).toHaveLength(1);
  });

  it('that is cut off after a few tokens gives these, and no finish', async () => {
    mock.onMessage('capital of France', { content: text }, { chunkSize: 4, latency: 2, truncateAfterChunks: 6 });
    const events = await collect(answer());
    expect(textOf(events)).not.toBe('');
    expect(text.startsWith(textOf(events))).toBe(true);
    expect(events.map(({ type }) => type)).not.toContain('finish');
    expect(mock.getRequests()).toHaveLength(1);
  });

  it('whose stream is malformed gives nothing, and no finish', async () => {
    mock.onMessage('capital of France', { content: text }, { chaos: { malformedRate: 1 } });
    expect(await collect(answer())).toEqual([]);
    expect(mock.getRequests()).toHaveLength(1);
  });

  it('that has too much to do once is asked again, when it says', async () => {
    mock.onMessage('capital of France', { content: text });
    mock.nextRequestError(429, { message: 'Slow down', type: 'rate_limit_error' });
    expect(textOf(await letPass(clock, collect(answer())))).toBe(text);
    expect(mock.getRequests().map(({ response }) => response.status)).toEqual([429, 200]);
  });

  it('that fails is not asked again', async () => {
    mock.onMessage('capital of France', { content: text });
    mock.nextRequestError(500, { message: 'Oops' });
    expect((await failed(answer())).error).toMatchObject({ code: 'PROVIDER_ERROR', retryable: true });
    expect(mock.getRequests()).toHaveLength(1);
  });
});
