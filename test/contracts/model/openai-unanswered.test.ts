import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OpenAiProvider } from '../../../src/answers/model/openai-provider.js';
import { ManualClock } from '../../support/manual-clock.js';
import { answered, ModelServer, withStatus } from '../../support/model-server.js';
import { until } from '../../support/until.js';
import { ask, collect, failed, letPass, textOf } from './ask.js';

let server: ModelServer;

beforeAll(async () => {
  server = await ModelServer.start();
});

afterAll(() => server.stop());

describe('A call that is not answered', () => {
  const again = [
    ['429', withStatus(429)],
    ['503', withStatus(503)],
  ] as const;

  it.each(again)('is repeated after %s, twice at most', async (_status, reply) => {
    server.replyWith(reply, reply, answered('Hi'));
    let clock = new ManualClock();
    expect(textOf(await letPass(clock, collect(ask(server, { clock }))))).toBe('Hi');
    expect(clock.passedMs).toBe(500 * 1.125 + 1000 * 1.125);
    expect(server.calls).toHaveLength(3);

    server.replyWith(reply);
    clock = new ManualClock();
    const { error } = await letPass(clock, failed(ask(server, { clock })));
    expect(error).toMatchObject({ code: 'PROVIDER_BUSY', retryable: true });
    expect(server.calls).toHaveLength(3);
  });

  it.each([
    ['seconds', { 'retry-after': '3' }, 3000],
    ['a date', { 'retry-after': 'Fri, 20 Nov 2026 12:00:07 GMT' }, 7000],
    ['milliseconds', { 'retry-after-ms': '250', 'retry-after': '3' }, 250],
  ])('is repeated when Retry-After says, in %s', async (_unit, headers, pauseMs) => {
    server.replyWith(withStatus(429, {}, headers), answered('Hi'));
    const clock = new ManualClock();
    await letPass(clock, collect(ask(server, { clock })));
    expect(clock.passedMs).toBe(pauseMs * 1.125);
    expect(server.calls).toHaveLength(2);
  });

  it('is not repeated where Retry-After asks for more than ten seconds', async () => {
    server.replyWith(withStatus(429, {}, { 'retry-after': '11' }));
    expect((await failed(ask(server))).error).toMatchObject({ code: 'PROVIDER_BUSY', retryable: true });
    expect(server.calls).toHaveLength(1);
  });

  it('is repeated where the connection was refused', async () => {
    const gone = await ModelServer.start();
    const { baseUrl } = gone;
    await gone.stop();
    const clock = new ManualClock();
    const provider = new OpenAiProvider({ baseUrl, apiKey: null }, clock, () => 0);
    const { error } = await letPass(clock, failed(ask(server, { provider })));
    expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', retryable: true, status: null });
    expect(clock.passedMs).toBe(1500);
  });
});

describe('A call that may have been answered, or that nobody waits for', () => {
  it('is not repeated where the connection broke after the request: the model may have begun', async () => {
    server.replyWith((response) => void response.socket?.destroy(), answered('Hi'));
    expect((await failed(ask(server))).error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', retryable: true });
    expect(server.calls).toHaveLength(1);
  });

  it('is given up at once when it is aborted in the pause before the next try', async () => {
    server.replyWith(withStatus(429));
    const clock = new ManualClock();
    const abort = new AbortController();
    const events = collect(ask(server, { clock, signal: abort.signal }));
    await until('a timer', () => clock.timers > 0);
    abort.abort();
    expect(await events).toEqual([]);
    expect(server.calls).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });
});
