import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DemoModel } from '../../../src/answers/model/demo-model.js';
import type { AnswerRequest, ModelEvent, ModelProvider } from '../../../src/answers/model/model.js';
import { OpenAiProvider } from '../../../src/answers/model/openai-provider.js';
import { withTimeouts } from '../../../src/answers/model/with-timeouts.js';
import { type Clock, systemClock } from '../../../src/platform/clock.js';
import { atMost } from '../../support/at-most.js';
import { chunk, done, type ModelReply, ModelServer, usageChunk } from '../../support/model-server.js';

/** The real clock in a hurry: what takes the demonstration 20 s takes it a fifth of a second. */
const hurried: Clock = { ...systemClock, after: (delayMs, action) => systemClock.after(delayMs / 100, action) };
const timeouts = { firstTokenMs: 30_000, betweenTokensMs: 20_000, wholeMs: 600_000 };

/** Thinks, answers in many pieces, and waits a moment in between, so that there is a middle to abort in. */
const realAnswer: ModelReply = async (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ role: 'assistant', content: '' }) + chunk({ reasoning_content: 'Hm. ' }));
  for (let piece = 0; piece < 40 && !response.destroyed; piece++) {
    response.write(chunk({ content: `${piece} é日👩‍🚀 ` }));
    await new Promise((resolve) => systemClock.after(2, () => resolve(undefined)));
  }
  response.end(chunk({}, 'stop') + usageChunk(11, 40) + done);
};

let server: ModelServer;

beforeAll(async () => {
  server = await ModelServer.start();
  server.replyWith(realAnswer);
});

afterAll(() => server.stop());

const implementations: readonly [name: string, make: () => ModelProvider][] = [
  ['OpenAiProvider', () => openAi()],
  ['DemoModel', () => new DemoModel(hurried)],
  ['OpenAiProvider with timeouts', () => withTimeouts(openAi(), timeouts, systemClock)],
  ['DemoModel with timeouts', () => withTimeouts(new DemoModel(hurried), timeouts, systemClock)],
];

const openAi = () => new OpenAiProvider({ baseUrl: server.baseUrl, apiKey: 'key' }, systemClock);

const requestWith = (signal: AbortSignal): AnswerRequest => ({
  model: 'any',
  messages: [{ role: 'USER', content: 'Count.' }],
  maxOutputTokens: null,
  signal,
});

async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe.each(implementations)('%s, as a model provider', (_name, make) => {
  it('streams text in order, in many pieces, none of them empty, and all of it well-formed', async () => {
    const events = await collect(make().answer(requestWith(new AbortController().signal)));
    const pieces = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
    expect(pieces.length).toBeGreaterThan(20);
    expect(pieces).not.toContain('');
    expect(pieces.join('').isWellFormed()).toBe(true);
    expect(pieces.join('')).toContain('👩‍🚀');
    const again = await collect(make().answer(requestWith(new AbortController().signal)));
    expect(again.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('')).toBe(pieces.join(''));
  });

  it('gives what it thinks aloud before the text, apart from it', async () => {
    const events = await collect(make().answer(requestWith(new AbortController().signal)));
    const kinds = events.map(({ type }) => type);
    expect(kinds).toContain('reasoning');
    expect(kinds.lastIndexOf('reasoning')).toBeLessThan(kinds.indexOf('text'));
  });

  it('ends with finish, once, after the usage', async () => {
    const events = await collect(make().answer(requestWith(new AbortController().signal)));
    expect(events.at(-2)).toMatchObject({ type: 'usage' });
    expect(events.at(-1)).toEqual({ type: 'finish', reason: 'stop' });
    expect(events.filter(({ type }) => type === 'finish')).toHaveLength(1);
  });

  it('ends at once and quietly when it is aborted in the middle, without finish', async () => {
    const abort = new AbortController();
    const events: ModelEvent[] = [];
    let abortedAtMs = 0;
    for await (const event of make().answer(requestWith(abort.signal))) {
      events.push(event);
      if (events.filter(({ type }) => type === 'text').length === 5 && !abort.signal.aborted) {
        abortedAtMs = performance.now();
        abort.abort();
      }
    }
    expect(performance.now() - abortedAtMs).toBeLessThan(atMost(500));
    expect(events.filter(({ type }) => type === 'text')).toHaveLength(5);
    expect(events.map(({ type }) => type)).not.toContain('finish');
  });

  it('gives nothing where the request is aborted before it begins', async () => {
    expect(await collect(make().answer(requestWith(AbortSignal.abort())))).toEqual([]);
  });

  it('can be left in the middle', async () => {
    for await (const event of make().answer(requestWith(new AbortController().signal))) {
      if (event.type === 'text') break;
    }
  });

  it('answers several requests at once, each on its own', async () => {
    const provider = make();
    const [first, second] = await Promise.all(
      [1, 2].map(() => collect(provider.answer(requestWith(new AbortController().signal)))),
    );
    const text = (events: ModelEvent[] = []) => events.map((event) => ('text' in event ? event.text : '')).join('');
    expect(text(first)).toBe(text(second));
    expect(text(first)).not.toBe('');
  });
});
