import { type ExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Client, SubscribePayload } from 'graphql-ws';

/** One frame of a screen. */
const frameMs = 16;

/**
 * Follows a subscription for a view that shows its newest event only: of the events that come within one frame the
 * last is given, so that a fast answer never piles up behind the drawing of it. The last event of all is always given;
 * an end before the end is one more event, with `errors`.
 *
 * Written by hand because `return()` must end it at once, also while it waits: an async generator would first wait
 * for the next event.
 */
export function followNewest(client: Client, request: SubscribePayload): AsyncIterableIterator<ExecutionResult> {
  let newest: ExecutionResult | null = null;
  let ended = false;
  let stopped = false;
  let wake = () => {};

  const changed = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const arrive = (event: ExecutionResult) => {
    newest = event;
    wake();
  };
  const end = () => {
    ended = true;
    wake();
  };
  const unsubscribe = client.subscribe(request, {
    next: arrive,
    complete: end,
    error(reason) {
      end();
      arrive({ errors: asErrors(reason) });
    },
  });

  return {
    async next() {
      if (!newest && !ended && !stopped) await changed();
      if (newest) await pauseForFrame();
      const event = newest;
      newest = null;
      return event && !stopped ? { done: false, value: event } : { done: true, value: undefined };
    },
    async return() {
      stopped = true;
      unsubscribe();
      wake();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const pauseForFrame = () => new Promise<void>((resolve) => setTimeout(resolve, frameMs));

/** graphql-ws ends with the server's errors, with the socket's close event, or with the event of a failed connection. */
function asErrors(reason: unknown): GraphQLError[] {
  if (Array.isArray(reason)) {
    return reason.map(
      (error: GraphQLFormattedError) => new GraphQLError(error.message, { extensions: error.extensions }),
    );
  }
  if (reason instanceof CloseEvent) {
    return [new GraphQLError(`The socket was closed: ${reason.code} ${reason.reason || 'connection lost'}.`)];
  }
  return [new GraphQLError('The server cannot be reached over a WebSocket.')];
}
