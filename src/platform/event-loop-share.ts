import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one piece of work may hold everything else up. */
const shareMs = 5;

/**
 * For work that may take long, like looking through a text of a mebibyte: asked now and then, it says when the event loop
 * must go round.
 */
export class EventLoopShare {
  private endsMs = performance.now() + shareMs;

  get isSpent(): boolean {
    return performance.now() >= this.endsMs;
  }

  /** Lets everything else happen first. */
  async renew(): Promise<void> {
    await nextTurn();
    this.endsMs = performance.now() + shareMs;
  }
}
