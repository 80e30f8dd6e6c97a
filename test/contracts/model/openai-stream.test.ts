import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../support/manual-clock.js';
import {
  byteByByte,
  bytes,
  chunk,
  cut,
  done,
  event,
  ModelServer,
  stalled,
  usageChunk,
  withStatus,
} from '../../support/model-server.js';
import { until } from '../../support/until.js';
import { ask, collect, failed, secretKey, secretPrompt, textOf } from './ask.js';

let server: ModelServer;

beforeAll(async () => {
  server = await ModelServer.start();
});

afterAll(() => server.stop());

describe('The stream of an OpenAI-compatible server', () => {
  it('keeps characters whole whose bytes are split across chunks', async () => {
    const text = 'é 日本語 👩‍🚀 Ω \u{1F468}\u200D\u{1F469}';
    server.replyWith(byteByByte(chunk({ content: text }), chunk({ content: 'ß' }), chunk({}, 'stop'), done));
    expect(textOf(await collect(ask(server)))).toBe(`${text}ß`);
  });

  it('passes on half a surrogate pair as it came, so that the two halves make one character again', async () => {
    server.replyWith(bytes(chunk({ content: 'a\ud83d' }), chunk({ content: '\ude80b' }), chunk({}, 'stop'), done));
    expect(textOf(await collect(ask(server)))).toBe('a🚀b');
  });

  it.each([
    ['reasoning_content', { reasoning_content: 'Hm.' }],
    ['reasoning', { reasoning: 'Hm.' }],
    ['both, which is the same said twice', { reasoning_content: 'Hm.', reasoning: 'Hm.' }],
  ])('takes reasoning from %s', async (_where, delta) => {
    server.replyWith(bytes(chunk({ ...delta, content: null }), chunk({ content: 'Yes' }), chunk({}, 'stop'), done));
    expect(await collect(ask(server))).toEqual([
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Yes' },
      { type: 'finish', reason: 'stop' },
    ]);
  });

  it('gives the usage and the reason as the provider says them', async () => {
    server.replyWith(bytes(chunk({ content: 'Y' }), chunk({}, 'content_filter'), usageChunk(12, 34), done));
    expect(await collect(ask(server))).toEqual([
      { type: 'text', text: 'Y' },
      { type: 'usage', promptTokens: 12, completionTokens: 34 },
      { type: 'finish', reason: 'content_filter' },
    ]);
  });

  it('is complete without [DONE], without a last line feed, and with carriage returns', async () => {
    server.replyWith(bytes(chunk({ content: 'Y' }).replaceAll('\n', '\r\n'), chunk({}, 'stop').trimEnd()));
    expect(await collect(ask(server))).toEqual([
      { type: 'text', text: 'Y' },
      { type: 'finish', reason: 'stop' },
    ]);
  });

  it('passes over comments, chunks without choices and fields of a wrong type', async () => {
    const odd = [': PROCESSING\n\n', event({}), event({ choices: [{ delta: { content: 7, reasoning: {} } }] })];
    server.replyWith(bytes(...odd, event({ choices: [] }), chunk({ content: 'Y' }), chunk({}, 'stop'), done));
    expect(await collect(ask(server))).toEqual([
      { type: 'text', text: 'Y' },
      { type: 'finish', reason: 'stop' },
    ]);
  });
});

describe('A stream of an OpenAI-compatible server', () => {
  it.each([
    ['that just ends', bytes(chunk({ content: 'Half' }))],
    ['that says [DONE] without a reason', bytes(chunk({ content: 'Half' }), done)],
    ['that is cut off', cut(chunk({ content: 'Half' }))],
    ['that breaks off inside a chunk', bytes(chunk({ content: 'Half' }), 'data: {"choices":[{"delta":{"cont')],
    ['with garbage in it', bytes(chunk({ content: 'Half' }), `data: <<${secretPrompt}>>\n\n`, chunk({}, 'stop'), done)],
  ])('%s is not complete: it ends without finish', async (_how, reply) => {
    server.replyWith(reply);
    expect(await collect(ask(server))).toEqual([{ type: 'text', text: 'Half' }]);
    expect(server.calls).toHaveLength(1);
  });

  it('that is malformed from the beginning is not complete either', async () => {
    server.replyWith(withStatus(200, '{malformed json: <<<'));
    expect(await collect(ask(server))).toEqual([]);
    expect(server.calls).toHaveLength(1);
  });

  it('is called a wrong address where it is a web page', async () => {
    server.replyWith(withStatus(200, '<html>', { 'content-type': 'text/html; charset=utf-8' }));
    expect((await failed(ask(server))).error).toMatchObject({ code: 'PROVIDER_REFUSED', retryable: false });
  });

  it.each([
    ['an error', event({ error: { message: `${secretPrompt} ${secretKey}`, code: 'server_error' } })],
    ['an error as a text', event({ error: secretPrompt })],
    ['an event named error', `event: error\n${event({ message: secretPrompt })}`],
    ['an object named error', event({ object: 'error', message: secretPrompt, code: 400 })],
  ])('fails where the provider says so with %s; what came before is kept', async (_how, said) => {
    server.replyWith(bytes(chunk({ content: 'Half' }), usageChunk(5, 1), said, chunk({}, 'stop'), done));
    const { error, before } = await failed(ask(server));
    expect(textOf(before)).toBe('Half');
    expect(before).toContainEqual({ type: 'usage', promptTokens: 5, completionTokens: 1 });
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', retryable: true });
    expect(server.calls).toHaveLength(1);
  });

  it.each([
    ['is cut off', cut(chunk({ content: 'All' }), chunk({}, 'stop'))],
    ['fails', bytes(chunk({ content: 'All' }), chunk({}, 'stop'), event({ error: { message: 'x' } }))],
  ])('is complete once the provider has said why it finished, even if it %s then', async (_how, reply) => {
    server.replyWith(reply);
    expect((await collect(ask(server))).at(-1)).toEqual({ type: 'finish', reason: 'stop' });
  });

  it('waits only shortly for the usage of an answer that has finished, and then closes the connection', async () => {
    server.replyWith(stalled(chunk({ content: 'All' }), chunk({}, 'stop')));
    const clock = new ManualClock();
    const events = collect(ask(server, { clock }));
    await until('a timer', () => clock.timers > 0);
    await clock.advance(1999);
    expect(clock.timers).toBe(1);
    await clock.advance(1);
    expect((await events).at(-1)).toEqual({ type: 'finish', reason: 'stop' });
    expect(await (await server.call(1)).closed).toBe(false);
  });
});
