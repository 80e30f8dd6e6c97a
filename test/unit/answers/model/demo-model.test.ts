import { describe, expect, it } from '@jest/globals';
import { DemoModel, demoModelSettings } from '../../../../src/answers/model/demo-model.js';
import type { AnswerRequest, ModelEvent } from '../../../../src/answers/model/model.js';
import { ManualClock } from '../../../support/manual-clock.js';

interface Timed {
  readonly event: ModelEvent;
  readonly atMs: number;
}

async function demonstrate(question: string, over: Partial<AnswerRequest> = {}): Promise<Timed[]> {
  const clock = new ManualClock();
  const model = new DemoModel(clock);
  const events: Timed[] = [];
  const request: AnswerRequest = {
    model: demoModelSettings.id,
    messages: [{ role: 'USER', content: question }],
    maxOutputTokens: null,
    signal: new AbortController().signal,
    ...over,
  };
  const all = async () => {
    for await (const event of model.answer(request)) events.push({ event, atMs: clock.monotonic() });
  };
  await Promise.all([all(), clock.advance(60_000)]);
  return events;
}

const textOf = (events: readonly Timed[], type: 'text' | 'reasoning' = 'text') =>
  events.map(({ event }) => (event.type === type ? event.text : '')).join('');

describe('The demo model', () => {
  it('says that it is a demonstration that understands nothing, and how to set a real model', async () => {
    const text = textOf(await demonstrate('What is the capital of France?'));
    expect(text).toContain('not a language model');
    expect(text).toContain('It understands nothing');
    expect(text).toContain('OPENAI_BASE_URL');
    expect(text).toContain('DEFAULT_MODEL');
  });

  it('quotes the beginning of the newest question on one line, cut between characters as people see them', async () => {
    const messages = [
      { role: 'USER', content: 'An older question' },
      { role: 'ASSISTANT', content: 'An answer' },
      { role: 'USER', content: `a\n\n# b ${'👩‍🚀'.repeat(100)}` },
    ] as const;
    const text = textOf(await demonstrate('', { messages }));
    expect(text).toContain(`\n> a # b ${'👩‍🚀'.repeat(54)}…\n`);
    expect(text).not.toContain('older question');
    expect(textOf(await demonstrate('Short?'))).toContain('\n> Short?\n');
  });

  it('quotes nothing where nothing was asked', async () => {
    const text = textOf(await demonstrate('', { messages: [{ role: 'ASSISTANT', content: 'Hello' }] }));
    expect(text).not.toContain('You wrote');
  });

  it('streams for some twenty seconds, 15 to 25 pieces a second, the first within 200 ms', async () => {
    const events = await demonstrate('What is the capital of France?');
    const pieces = events.filter(({ event }) => event.type === 'text');
    const first = pieces[0]?.atMs ?? 0;
    const last = pieces.at(-1)?.atMs ?? 0;
    expect(events[0]?.atMs).toBeLessThanOrEqual(200);
    expect(first).toBeLessThan(700);
    expect(last).toBeGreaterThan(17_000);
    expect(last).toBeLessThan(23_000);
    const rate = pieces.length / ((last - first) / 1000);
    expect(rate).toBeGreaterThan(15);
    expect(rate).toBeLessThan(25);
  });

  it('writes the same text at the same pace each time', async () => {
    expect(await demonstrate('Again?')).toEqual(await demonstrate('Again?'));
  });

  it('writes characters of several bytes and several code points', async () => {
    const text = textOf(await demonstrate('Hi'));
    for (const piece of ['é', '日本語', '👩‍🚀', '👨‍👩‍👧']) expect(text).toContain(piece);
    expect(text.isWellFormed()).toBe(true);
  });

  it('thinks a sentence aloud first', async () => {
    const events = await demonstrate('Hi');
    expect(textOf(events, 'reasoning')).toMatch(/^There is nothing to think about.*\.$/);
    const lastThought = events.findLastIndex(({ event }) => event.type === 'reasoning');
    expect(lastThought).toBeLessThan(events.findIndex(({ event }) => event.type === 'text'));
  });
});

describe('The end of a demonstration', () => {
  it('reports the one count that is known: the pieces that were written', async () => {
    const events = await demonstrate('Hi');
    const pieces = events.filter(({ event }) => event.type === 'text' || event.type === 'reasoning').length;
    expect(events.at(-2)?.event).toEqual({ type: 'usage', promptTokens: null, completionTokens: pieces });
  });

  it('is finish "stop", or "length" where the answer may have no more tokens', async () => {
    expect((await demonstrate('Hi')).at(-1)?.event).toEqual({ type: 'finish', reason: 'stop' });
    const short = await demonstrate('Hi', { maxOutputTokens: 5 });
    expect(short.filter(({ event }) => event.type === 'text')).toHaveLength(5);
    expect(short.at(-1)?.event).toEqual({ type: 'finish', reason: 'length' });
  });

  it('has neither usage nor finish where it is aborted after the last piece', async () => {
    const pieces = (await demonstrate('Hi')).filter(({ event }) => event.type === 'text').length;
    const clock = new ManualClock();
    const abort = new AbortController();
    const messages = [{ role: 'USER', content: 'Hi' }] as const;
    const request = { model: 'demo', messages, maxOutputTokens: null, signal: abort.signal };
    const types: string[] = [];
    const all = async () => {
      for await (const { type } of new DemoModel(clock).answer(request)) {
        types.push(type);
        if (types.filter((each) => each === 'text').length === pieces) abort.abort();
      }
    };
    await Promise.all([all(), clock.advance(60_000)]);
    expect(types.at(-1)).toBe('text');
    expect(clock.timers).toBe(0);
  });
});
