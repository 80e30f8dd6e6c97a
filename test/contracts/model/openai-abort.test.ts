import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withTimeouts } from '../../../src/answers/model/with-timeouts.js';
import { ManualClock } from '../../support/manual-clock.js';
import { chunk, ModelByHand, ModelServer, silent, stalled } from '../../support/model-server.js';
import { until } from '../../support/until.js';
import { ask, collect, providerFor } from './ask.js';

let server: ModelServer;

beforeAll(async () => {
  server = await ModelServer.start();
});

afterAll(() => server.stop());

describe('An answer that is aborted', () => {
  it.each([
    ['before the status', silent],
    ['before the first token', stalled()],
  ])('%s closes the connection and gives nothing', async (_when, reply) => {
    server.replyWith(reply);
    const abort = new AbortController();
    const events = collect(ask(server, { signal: abort.signal }));
    const call = await server.call(1);
    abort.abort();
    expect(await call.closed).toBe(false);
    expect(await events).toEqual([]);
  });

  it('in the middle closes the connection, while it waits for the next token', async () => {
    server.replyWith(stalled(chunk({ content: 'Half' })));
    const abort = new AbortController();
    const events = ask(server, { signal: abort.signal });
    expect((await events.next()).value).toEqual({ type: 'text', text: 'Half' });
    const next = events.next();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await (await server.call(1)).closed).toBe(false);
  });

  it('after the provider has finished, before the usage, gives no finish', async () => {
    server.replyWith(stalled(chunk({ content: 'All' }), chunk({}, 'stop')));
    const clock = new ManualClock();
    const abort = new AbortController();
    const events = collect(ask(server, { clock, signal: abort.signal }));
    await until('a timer', () => clock.timers > 0);
    abort.abort();
    expect(await events).toEqual([{ type: 'text', text: 'All' }]);
  });
});

describe('An answer that is left, or takes too long,', () => {
  it('closes the connection when it is left', async () => {
    const byHand = new ModelByHand();
    server.replyWith(byHand.reply);
    const events = ask(server);
    const first = events.next();
    await byHand.text('Half');
    expect((await first).value).toEqual({ type: 'text', text: 'Half' });
    await events.return(undefined);
    expect(await (await server.call(1)).closed).toBe(false);
  });

  it.each([
    ['before the first token', stalled(chunk({ role: 'assistant', content: '' })), 30_000, 'within 30 s'],
    ['between two tokens', stalled(chunk({ content: 'Half' })), 20_000, 'for 20 s'],
  ])('closes the connection when nothing comes %s', async (_when, reply, limitMs, words) => {
    server.replyWith(reply);
    const clock = new ManualClock();
    const timeouts = { firstTokenMs: 30_000, betweenTokensMs: 20_000, wholeMs: 600_000 };
    const events = withTimeouts(providerFor(server), timeouts, clock).answer({
      model: 'm',
      messages: [],
      maxOutputTokens: null,
      signal: new AbortController().signal,
    });
    const iterator = events[Symbol.asyncIterator]();
    if (limitMs === 20_000) expect((await iterator.next()).value).toEqual({ type: 'text', text: 'Half' });
    const late = expect(iterator.next()).rejects.toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      retryable: true,
      message: expect.stringContaining(words),
    });
    const call = await server.call(1);
    await clock.advance(limitMs - 1);
    expect(clock.timers).toBe(1);
    await clock.advance(1);
    await late;
    expect(await call.closed).toBe(false);
  });
});
