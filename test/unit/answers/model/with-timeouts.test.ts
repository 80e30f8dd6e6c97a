import { describe, expect, it } from '@jest/globals';
import type { ModelEvent, ModelProvider } from '../../../../src/answers/model/model.js';
import { ModelError } from '../../../../src/answers/model/model.js';
import { withTimeouts } from '../../../../src/answers/model/with-timeouts.js';
import { ManualClock } from '../../../support/manual-clock.js';

const timeouts = { firstTokenMs: 30_000, betweenTokensMs: 20_000, wholeMs: 600_000 };
const text: ModelEvent = { type: 'text', text: 'a' };
const usage: ModelEvent = { type: 'usage', promptTokens: 1, completionTokens: 1 };

/** A provider that says what it is given, when it is given, and heeds no abort. */
class DeafProvider implements ModelProvider {
  private readonly asked: ((result: IteratorResult<ModelEvent>) => void)[] = [];
  signal: AbortSignal = new AbortController().signal;
  returned = false;
  asks = 0;

  answer({ signal }: { signal: AbortSignal }): AsyncIterable<ModelEvent> {
    this.signal = signal;
    const iterator: AsyncIterator<ModelEvent> = {
      next: () => {
        this.asks += 1;
        return new Promise((resolve) => this.asked.push(resolve));
      },
      return: async () => {
        this.returned = true;
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  say(event: ModelEvent): void {
    this.asked.shift()?.({ done: false, value: event });
  }

  end(): void {
    this.asked.shift()?.({ done: true, value: undefined });
  }
}

function begin(over: Partial<typeof timeouts> = {}) {
  const clock = new ManualClock();
  const provider = new DeafProvider();
  const abort = new AbortController();
  const request = { model: 'm', messages: [], maxOutputTokens: null, signal: abort.signal };
  const events = withTimeouts(provider, { ...timeouts, ...over }, clock)
    .answer(request)
    [Symbol.asyncIterator]();
  return { clock, provider, abort, events };
}

/** What a promise has come to so far. */
class Outcome {
  state: unknown = 'pending';

  constructor(promise: Promise<unknown>) {
    const become = (state: unknown) => {
      this.state = state;
    };
    promise.then(become, become);
  }
}

describe('The time for the first token', () => {
  it('is the time within which a model must begin', async () => {
    const { clock, provider, events } = begin();
    const first = new Outcome(events.next());
    await clock.advance(29_999);
    expect(first.state).toBe('pending');
    await clock.advance(1);
    expect(first.state).toBeInstanceOf(ModelError);
    expect(first.state).toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      retryable: true,
      message: 'The model did not begin to answer within 30 s.',
    });
    expect(provider.signal.aborted).toBe(true);
    expect(provider.returned).toBe(true);
  });

  it('goes on as long as the model has said neither text nor reasoning', async () => {
    const { clock, provider, events } = begin();
    const first = events.next();
    await clock.advance(29_000);
    provider.say(usage);
    expect(await first).toEqual({ done: false, value: usage });
    const second = new Outcome(events.next());
    await clock.advance(1000);
    expect(second.state).toMatchObject({ code: 'PROVIDER_TIMEOUT' });
  });
});

describe('The time between tokens', () => {
  it.each(['text', 'reasoning'] as const)(
    'is the time within which a model must go on, counted from %s',
    async (type) => {
      const { clock, provider, events } = begin();
      const first = events.next();
      await clock.advance(29_999);
      provider.say({ type, text: 'a' });
      expect(await first).toMatchObject({ done: false });
      const second = new Outcome(events.next());
      await clock.advance(19_999);
      expect(second.state).toBe('pending');
      await clock.advance(1);
      expect(second.state).toMatchObject({
        code: 'PROVIDER_TIMEOUT',
        message: 'The model stopped in the middle of its answer: nothing more came for 20 s.',
      });
      expect(provider.signal.aborted).toBe(true);
    },
  );

  it('does not count while nobody asks for more', async () => {
    const { clock, provider, events } = begin();
    const first = events.next();
    provider.say(text);
    await first;
    await clock.advance(100_000);
    const second = events.next();
    await clock.advance(19_999);
    provider.say(text);
    expect(await second).toEqual({ done: false, value: text });
  });
});

describe('A model with timeouts', () => {
  it('must be done within the time for the whole answer, however steadily it writes', async () => {
    const { clock, provider, events } = begin();
    for (let second = 0; second < 600; second += 10) {
      const next = events.next();
      await clock.advance(second === 0 ? 0 : 10_000);
      provider.say(text);
      expect(await next).toEqual({ done: false, value: text });
    }
    const next = new Outcome(events.next());
    await clock.advance(10_000);
    expect(next.state).toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      message: 'The model had not finished its answer after 600 s.',
    });
    expect(provider.signal.aborted).toBe(true);
  });

  it('ends at once when it is aborted, even where the provider does not heed it', async () => {
    const { clock, provider, abort, events } = begin();
    const next = events.next();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(provider.signal.aborted).toBe(true);
    expect(provider.returned).toBe(true);
    expect(clock.timers).toBe(0);
  });

  it('asks nothing where it is aborted before it begins', async () => {
    const { clock, provider, abort, events } = begin();
    abort.abort();
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(provider.asks).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('passes on what the provider says and throws, and leaves no timer behind', async () => {
    const { clock, provider, events } = begin();
    const first = events.next();
    provider.say(text);
    expect(await first).toEqual({ done: false, value: text });
    const end = events.next();
    provider.end();
    expect(await end).toEqual({ done: true, value: undefined });
    expect(clock.timers).toBe(0);

    const failing: ModelProvider = {
      // biome-ignore lint/correctness/useYield: it fails before it says anything.
      async *answer() {
        throw new ModelError('PROVIDER_BUSY', 'Busy.', { retryable: true });
      },
    };
    const request = { model: 'm', messages: [], maxOutputTokens: null, signal: new AbortController().signal };
    const failure = withTimeouts(failing, timeouts, clock).answer(request)[Symbol.asyncIterator]().next();
    await expect(failure).rejects.toMatchObject({ code: 'PROVIDER_BUSY' });
    expect(clock.timers).toBe(0);
  });
});
