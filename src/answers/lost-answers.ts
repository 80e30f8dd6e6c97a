import type { Keyring } from '../identity/keyring.js';
import type { Clock } from '../platform/clock.js';
import { type Database, isSilent } from '../platform/database.js';
import type { Log } from '../platform/log.js';
import type { PubSub } from '../platform/pubsub.js';
import { findLost, type LostRun, lostAtATime, type RunKey, suspectExpired } from './answer.repository.js';
import { channelOf, encodeMessage } from './channel.js';
import { instanceLost, settle } from './settle.js';

export interface LostAnswersDeps {
  readonly database: Database;
  readonly keyring: Pick<Keyring, 'of'>;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly log: Log;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
}

/** More at a time would keep a stop waiting. */
const mostBatches = 10;
/** A database that takes longer to say who is lost is as good as away. */
const promptMs = 1000;
/** How long writers have to renew their leases when it is back; as long as a mark must stand. */
const patienceMs = 5000;

/**
 * Settles answers whose writer is lost. In two steps, so that a PostgreSQL that was away, or a clock that jumped, ends
 * no answer whose writer lives: an expired lease is marked, and only a mark that nobody cleared for 5 s counts. Marks may
 * be older than that and yet worth nothing, where PostgreSQL was away again in between: then they wait.
 */
export class LostAnswers {
  private patientUntilMs = 0;

  constructor(private readonly deps: LostAnswersDeps) {}

  /** One look; settles and marks all that it finds. */
  async sweep(): Promise<void> {
    const { database } = this.deps;
    let batch = await this.find(null);
    for (let batches = 1; batch.length > 0; batches += 1) {
      for (const run of batch) await this.settleOrReport(run);
      const isLast = batch.length < lostAtATime || batches === mostBatches;
      batch = isLast ? [] : await this.find(batch.at(-1) ?? null);
    }
    for (let batches = 1; batches <= mostBatches && !(await suspectExpired(database)); batches += 1);
  }

  /** Nobody where the database was away a moment ago. */
  private async find(last: LostRun | null): Promise<LostRun[]> {
    const { clock, database } = this.deps;
    const askedMs = clock.monotonic();
    let isPrompt = false;
    try {
      const lost = await findLost(database, last);
      isPrompt = clock.monotonic() - askedMs < promptMs;
      return isPrompt && clock.monotonic() >= this.patientUntilMs ? lost : [];
    } finally {
      if (!isPrompt) this.patientUntilMs = clock.monotonic() + patienceMs;
    }
  }

  private async settleOrReport(run: RunKey): Promise<void> {
    await this.settle(run).catch((error: unknown) => {
      // One after the other would wait for the same in vain, and a stop for them all.
      if (isSilent(error)) throw error;
      this.deps.log.warn({ error }, 'settling a lost answer failed, tried again soon');
    });
  }

  private async settle(run: RunKey): Promise<void> {
    const { database, keyring, pubsub, log, onChanged } = this.deps;
    const keys = await keyring.of(run.ownerId);
    const settlement = { run, keys, ending: instanceLost, text: null, onlyLost: true };
    const settled = await database.transaction((tx) => settle(tx, settlement));
    if (!settled) return;
    onChanged(run.ownerId, run.conversationId);
    log.info({ answer: run.messageId }, 'an answer whose instance was lost is settled');
    await pubsub.publish(channelOf(run.messageId), encodeMessage({ type: 'settled' })).catch(() => {
      // Away: who follows it reads the database.
    });
  }
}
