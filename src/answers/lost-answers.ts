import type { Keyring } from '../identity/keyring.js';
import type { Database } from '../platform/database.js';
import type { Log } from '../platform/log.js';
import type { PubSub } from '../platform/pubsub.js';
import { findLost, type RunKey, suspectExpired } from './answer.repository.js';
import { channelOf, encodeMessage } from './channel.js';
import { instanceLost, settle } from './settle.js';

export interface LostAnswersDeps {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly pubsub: PubSub;
  readonly log: Log;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
}

/**
 * Settles answers whose writer is lost. In two steps, so that a PostgreSQL that was away, or a clock that jumped, ends
 * no answer whose writer lives: an expired lease is marked, and only a mark that nobody cleared for 5 s counts.
 */
export async function settleLostAnswers(deps: LostAnswersDeps): Promise<void> {
  for (const run of await findLost(deps.database)) {
    await settleLost(deps, run).catch((error: unknown) => {
      deps.log.warn({ error }, 'settling a lost answer failed, tried again soon');
    });
  }
  await suspectExpired(deps.database);
}

async function settleLost(deps: LostAnswersDeps, run: RunKey): Promise<void> {
  const keys = await deps.keyring.of(run.ownerId);
  const settlement = { run, keys, ending: instanceLost, text: null, onlyLost: true };
  const settled = await deps.database.transaction((tx) => settle(tx, settlement));
  if (!settled) return;
  deps.onChanged(run.ownerId, run.conversationId);
  deps.log.info({ answer: run.messageId }, 'an answer whose instance was lost is settled');
  await deps.pubsub.publish(channelOf(run.messageId), encodeMessage({ type: 'settled' })).catch(() => {
    // Away: who follows it reads the database.
  });
}
