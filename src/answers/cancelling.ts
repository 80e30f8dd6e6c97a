import { type Clock, pause } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { PubSub } from '../platform/pubsub.js';
import { requestCancel } from './answer.repository.js';
import { type ChannelMessage, channelOf, encodeMessage } from './channel.js';
import type { Replicas } from './replicas.js';
import type { Runs } from './runs.js';

export interface CancellingDeps {
  readonly database: Database;
  readonly pubsub: PubSub;
  readonly runs: Runs;
  readonly replicas: Replicas;
  readonly clock: Clock;
}

/** How long a writer is given to settle what it was asked to cancel. */
const settleMs = 2000;
const hintEveryMs = 500;

/** Cancels an answer wherever it is written: a column that the writer reads at its next statement, and a hint. */
export class Cancelling {
  constructor(private readonly deps: CancellingDeps) {}

  /** True where the answer was final within two seconds, or was so before. */
  async cancelAndWait(ownerId: string, answerId: string): Promise<boolean> {
    const { runs, replicas, database } = this.deps;
    const writtenHere = runs.liveText(answerId);
    const followed = writtenHere ? { live: writtenHere, release: () => {} } : replicas.take(ownerId, answerId);
    try {
      if (!(await requestCancel(database, ownerId, answerId))) return true;
      const bound = new AbortController();
      const insisting = this.insist(answerId, bound.signal).then(() => bound.abort());
      await followed.live.finished(bound.signal);
      bound.abort();
      await insisting;
      return followed.live.ended && !followed.live.givenUp;
    } finally {
      followed.release();
    }
  }

  /** The run of this answer is gone, by a hand that was not its writer's: the writer stops, followers look. */
  settledElsewhere(answerId: string): void {
    this.deps.runs.fence(answerId);
    this.hint(answerId, { type: 'settled' });
  }

  /** For as long as the writer is given: one that has only begun may not have heard the first hint. */
  private async insist(answerId: string, signal: AbortSignal): Promise<void> {
    for (let waitedMs = 0; waitedMs < settleMs && !signal.aborted; waitedMs += hintEveryMs) {
      if (!this.deps.runs.cancel(answerId)) this.hint(answerId, { type: 'cancel' });
      await pause(this.deps.clock, hintEveryMs, signal);
    }
  }

  private hint(answerId: string, message: ChannelMessage): void {
    this.deps.pubsub.publish(channelOf(answerId), encodeMessage(message)).catch(() => {
      // Redis is away: the writer reads the column within a second.
    });
  }
}
