import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OpenAiProvider } from '../../../src/answers/model/openai-provider.js';
import { ManualClock } from '../../support/manual-clock.js';
import { answered, ModelServer, withStatus } from '../../support/model-server.js';
import { ask, collect, failed, providerFor, secretKey, textOf } from './ask.js';

let server: ModelServer;

beforeAll(async () => {
  server = await ModelServer.start();
});

afterAll(() => server.stop());

describe('A request to an OpenAI-compatible server', () => {
  it('asks for a stream with its usage, in the roles of the protocol, with the key', async () => {
    server.replyWith(answered('Hi'));
    const messages = [
      { role: 'SYSTEM', content: 'Be brief.' },
      { role: 'USER', content: 'Hello' },
      { role: 'ASSISTANT', content: 'Hi' },
    ] as const;
    await collect(ask(server, { messages }));
    expect(server.calls).toHaveLength(1);
    expect(server.calls[0]).toMatchObject({ path: '/v1/chat/completions', authorization: `Bearer ${secretKey}` });
    expect(server.calls[0]?.body).toEqual({
      model: 'gpt-test',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hi' },
      ],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('sends no key where there is none', async () => {
    server.replyWith(answered('Hi'));
    const provider = new OpenAiProvider({ baseUrl: server.baseUrl, apiKey: null }, new ManualClock());
    await collect(ask(server, { provider }));
    expect(server.calls[0]?.authorization).toBeNull();
  });

  it('goes to no other address than the configured one', async () => {
    server.replyWith(withStatus(307, {}, { location: `${server.baseUrl}/elsewhere` }), answered('Hi'));
    expect((await failed(ask(server))).error).toMatchObject({
      code: 'PROVIDER_REFUSED',
      retryable: false,
      status: 307,
    });
    expect(server.calls).toHaveLength(1);
  });
});

describe('What servers differ in', () => {
  it('limits the answer by max_tokens, which compatible servers know', async () => {
    server.replyWith(answered('Hi'));
    await collect(ask(server, { maxOutputTokens: 100 }));
    expect(server.calls[0]?.body).toMatchObject({ max_tokens: 100 });
    expect(server.calls[0]?.body).not.toHaveProperty('max_completion_tokens');
  });

  it.each([
    [
      'max_tokens',
      { error: { code: 'unsupported_parameter', param: 'max_tokens', message: "'max_tokens' is not supported" } },
    ],
    [
      'stream_options',
      { detail: [{ type: 'extra_forbidden', loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }] },
    ],
  ])('does without %s where the server refuses it by name, and remembers that', async (parameter, refusal) => {
    server.replyWith(withStatus(parameter === 'max_tokens' ? 400 : 422, refusal), answered('Hi'));
    const provider = providerFor(server);
    expect(textOf(await collect(ask(server, { provider, maxOutputTokens: 100 })))).toBe('Hi');
    await collect(ask(server, { provider, maxOutputTokens: 100 }));
    expect(server.calls.map(({ body }) => parameter in body)).toEqual([true, false, false]);
    expect(server.calls.map(({ body }) => 'max_completion_tokens' in body)).toEqual(
      parameter === 'max_tokens' ? [false, true, true] : [false, false, false],
    );
  });

  it('is not asked otherwise for good by a refusal that only quotes a prompt', async () => {
    const quoting = withStatus(400, { error: { message: 'Refused: "an unknown parameter: stream_options"' } });
    server.replyWith(quoting, quoting, answered('Hi'));
    const provider = providerFor(server);
    expect((await failed(ask(server, { provider }))).error.code).toBe('PROVIDER_REFUSED');
    await collect(ask(server, { provider }));
    expect(server.calls.at(-1)?.body).toHaveProperty('stream_options');
  });
});
