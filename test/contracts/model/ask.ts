import { setImmediate } from 'node:timers/promises';
import { ModelError, type ModelEvent, type PromptMessage } from '../../../src/answers/model/model.js';
import { OpenAiProvider } from '../../../src/answers/model/openai-provider.js';
import type { Clock } from '../../../src/platform/clock.js';
import { ManualClock } from '../../support/manual-clock.js';
import type { ModelServer } from '../../support/model-server.js';

/** What no log line and no error may ever hold. */
export const secretKey = 'sk-canary-key';
export const secretPrompt = 'canary prompt';

interface Asked {
  readonly provider?: OpenAiProvider;
  readonly clock?: Clock;
  readonly maxOutputTokens?: number | null;
  readonly messages?: readonly PromptMessage[];
  readonly signal?: AbortSignal;
}

/** A provider whose clock stands still, and whose jitter is always an eighth. */
export const providerFor = (server: ModelServer, clock: Clock = new ManualClock()): OpenAiProvider =>
  new OpenAiProvider({ baseUrl: server.baseUrl, apiKey: secretKey }, clock, () => 0.5);

export function ask(server: ModelServer, asked: Asked = {}): AsyncGenerator<ModelEvent> {
  return (asked.provider ?? providerFor(server, asked.clock)).answer({
    model: 'gpt-test',
    messages: asked.messages ?? [{ role: 'USER', content: secretPrompt }],
    maxOutputTokens: asked.maxOutputTokens ?? null,
    signal: asked.signal ?? new AbortController().signal,
  });
}

export async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = [];
  for await (const each of events) all.push(each);
  return all;
}

export const textOf = (events: readonly ModelEvent[]): string =>
  events.map((each) => (each.type === 'text' ? each.text : '')).join('');

/** What it gave before it threw, and what it threw. */
export async function failed(events: AsyncIterable<ModelEvent>): Promise<{ error: ModelError; before: ModelEvent[] }> {
  const before: ModelEvent[] = [];
  try {
    for await (const each of events) before.push(each);
  } catch (error) {
    if (error instanceof ModelError) return { error, before };
    throw error;
  }
  throw new Error(`It did not fail but gave ${JSON.stringify(before)}.`);
}

/** A thirty-second of a second: what the pauses of these tests are multiples of. */
const stepMs = 31.25;

/** Lets time pass, only while something waits for it, until the promise is settled. */
export async function letPass<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  while (!settled) {
    await (clock.timers > 0 ? clock.advance(stepMs) : setImmediate());
  }
  return promise;
}
