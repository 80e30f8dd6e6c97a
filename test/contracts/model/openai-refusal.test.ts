import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { answered, bytes, ModelServer, withStatus } from '../../support/model-server.js';
import { ask, collect, failed, providerFor, secretKey, secretPrompt } from './ask.js';

let server: ModelServer;

beforeAll(async () => {
  server = await ModelServer.start();
});

afterAll(() => server.stop());

describe('A refusal', () => {
  const quoting = { error: { message: `You said ${secretPrompt} with ${secretKey}`, type: 'invalid_request_error' } };
  const withCode = (code: string) => ({ error: { ...quoting.error, code } });

  it.each([
    [400, quoting, 'PROVIDER_REFUSED', false, 'refused this request'],
    [400, withCode('context_length_exceeded'), 'PROVIDER_REFUSED', false, 'too long'],
    [400, { message: "This model's maximum context length is 4096 tokens" }, 'PROVIDER_REFUSED', false, 'too long'],
    [400, withCode('content_filter'), 'PROVIDER_REFUSED', false, 'content filter'],
    [401, quoting, 'PROVIDER_REFUSED', false, "this server's key"],
    [402, quoting, 'PROVIDER_REFUSED', false, 'no credit left'],
    [403, quoting, 'PROVIDER_REFUSED', false, "this server's key"],
    [404, quoting, 'PROVIDER_REFUSED', false, 'no such model'],
    [413, quoting, 'PROVIDER_REFUSED', false, 'too long'],
    [422, quoting, 'PROVIDER_REFUSED', false, 'refused this request'],
    [429, withCode('insufficient_quota'), 'PROVIDER_REFUSED', false, 'no credit left'],
    [500, quoting, 'PROVIDER_ERROR', true, 'The model failed'],
    [502, 'Bad gateway', 'PROVIDER_ERROR', true, 'The model failed'],
    [504, quoting, 'PROVIDER_TIMEOUT', true, 'gave up waiting'],
  ])(
    'with %i %j is %s, is not repeated, and says so in a sentence of ours',
    async (status, body, code, retryable, words) => {
      server.replyWith(withStatus(status, body), answered('Hi'));
      const { error } = await failed(ask(server));
      expect(error).toMatchObject({ code, retryable, status });
      expect(error.message).toContain(words);
      expect(server.calls).toHaveLength(1);
      expect(JSON.stringify({ ...error, message: error.message, stack: error.stack, cause: error.cause })).not.toMatch(
        /canary|You said/,
      );
    },
  );
});

describe('What the provider says', () => {
  it('is written to no log, whatever goes wrong', async () => {
    const written: unknown[] = [];
    const consoles = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      jest.spyOn(console, name).mockImplementation((...parts) => void written.push(parts)),
    );
    server.replyWith(bytes(`data: <<${secretPrompt}>>\n\n`), withStatus(500, secretPrompt), withStatus(401, secretKey));
    const provider = providerFor(server);
    await collect(ask(server, { provider }));
    await failed(ask(server, { provider }));
    await failed(ask(server, { provider }));
    for (const each of consoles) each.mockRestore();
    expect(written).toEqual([]);
  });
});
