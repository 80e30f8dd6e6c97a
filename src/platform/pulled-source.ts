/** What went wrong on the way, as an event: an iterator that throws would close the whole socket of a client. */
export class SourceFailure {
  constructor(readonly error: unknown) {}
}

/**
 * A source for a subscription, pulled: nothing is read, and nothing kept, until the next event is asked for. `make` must
 * end every wait of its generator when the signal is aborted: a generator that waits cannot be closed from outside.
 */
export function pullFrom<T>(make: (signal: AbortSignal) => AsyncIterable<T>): AsyncIterableIterator<T | SourceFailure> {
  const abort = new AbortController();
  const events = guarded(make(abort.signal));
  return {
    next: () => events.next(),
    return: () => {
      abort.abort();
      return events.return(undefined);
    },
    throw: (error) => {
      abort.abort();
      return events.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* guarded<T>(events: AsyncIterable<T>): AsyncGenerator<T | SourceFailure, undefined, undefined> {
  try {
    yield* events;
  } catch (error) {
    yield new SourceFailure(error);
  }
}
