import type { Clock } from '../../platform/clock.js';
import { type AnswerRequest, ModelError, type ModelEvent, type ModelProvider } from './model.js';

/** How long a model may take, in milliseconds. */
export interface ModelTimeouts {
  /** From the request to the first piece of text or reasoning, retries included. */
  readonly firstTokenMs: number;
  /** From one piece to the next; time in which nobody asks for the next does not count. */
  readonly betweenTokensMs: number;
  /** From the request to the end of the answer. */
  readonly wholeMs: number;
}

type Outcome = IteratorResult<ModelEvent> | 'silent' | 'endless' | 'aborted';

/**
 * The same provider with an end to every wait: past a limit its request is aborted and PROVIDER_TIMEOUT is thrown,
 * whether or not the provider heeds the abort.
 */
export function withTimeouts(provider: ModelProvider, timeouts: ModelTimeouts, clock: Clock): ModelProvider {
  return { answer: (request) => watch(provider, timeouts, clock, request) };
}

async function* watch(
  provider: ModelProvider,
  timeouts: ModelTimeouts,
  clock: Clock,
  request: AnswerRequest,
): AsyncGenerator<ModelEvent, void, void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const events = provider.answer({ ...request, signal })[Symbol.asyncIterator]();
  const startedMs = clock.monotonic();
  let begun = false;
  let silentMs = 0;
  try {
    for (;;) {
      const askedMs = clock.monotonic();
      const outcome = await within(events, clock, request.signal, {
        silentMs: (begun ? timeouts.betweenTokensMs : timeouts.firstTokenMs) - silentMs,
        endlessMs: timeouts.wholeMs - (askedMs - startedMs),
      });
      if (outcome === 'aborted') return;
      if (outcome === 'silent' || outcome === 'endless') throw timedOut(outcome, begun, timeouts);
      if (outcome.done) return;
      silentMs += clock.monotonic() - askedMs;
      if (outcome.value.type === 'text' || outcome.value.type === 'reasoning') {
        begun = true;
        silentMs = 0;
      }
      yield outcome.value;
    }
  } finally {
    stop.abort();
    // Not waited for: a provider that does not heed the abort must not hold up who asked.
    events.return?.().catch(() => {});
  }
}

/** The next event, or what came before it. */
function within(
  events: AsyncIterator<ModelEvent>,
  clock: Clock,
  signal: AbortSignal,
  left: { readonly silentMs: number; readonly endlessMs: number },
): Promise<Outcome> {
  return new Promise<Outcome>((resolve, reject) => {
    const aborted = () => settle(() => resolve('aborted'));
    const limit = left.endlessMs < left.silentMs ? 'endless' : 'silent';
    const cancel = clock.after(Math.max(0, Math.min(left.silentMs, left.endlessMs)), () =>
      settle(() => resolve(limit)),
    );
    const settle = (how: () => void) => {
      cancel();
      signal.removeEventListener('abort', aborted);
      how();
    };
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) return aborted();
    events.next().then(
      (result) => settle(() => resolve(result)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function timedOut(outcome: 'silent' | 'endless', begun: boolean, timeouts: ModelTimeouts): ModelError {
  return new ModelError('PROVIDER_TIMEOUT', sentence(), { retryable: true });

  function sentence(): string {
    if (outcome === 'endless') return `The model had not finished its answer after ${seconds(timeouts.wholeMs)}.`;
    return begun
      ? `The model stopped in the middle of its answer: nothing more came for ${seconds(timeouts.betweenTokensMs)}.`
      : `The model did not begin to answer within ${seconds(timeouts.firstTokenMs)}.`;
  }
}

const seconds = (ms: number) => `${Math.round(ms / 100) / 10} s`;
