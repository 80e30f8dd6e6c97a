/** What went wrong on the way, as an event: an iterator that throws would close the whole socket of a client. */
export class SourceFailure {
  constructor(readonly error: unknown) {}
}

/**
 * A source for a subscription, pulled: nothing is opened, read or kept until an event is asked for, so that one who leaves
 * before that leaves nothing behind. `make` is called then; it must end every wait of its generator when the signal is
 * aborted: a generator that waits cannot be closed from outside.
 */
export function pullFrom<T>(make: (signal: AbortSignal) => AsyncIterable<T>): AsyncIterableIterator<T | SourceFailure> {
  const abort = new AbortController();
  const events = guarded(() => make(abort.signal));
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

async function* guarded<T>(make: () => AsyncIterable<T>): AsyncGenerator<T | SourceFailure, undefined, undefined> {
  try {
    yield* make();
  } catch (error) {
    yield new SourceFailure(error);
  }
}
