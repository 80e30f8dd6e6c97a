import { setTimeout as wait } from 'node:timers/promises';
import { toPublicId } from '../../src/platform/ids.js';
import type { Deployment } from './deployment/deployment.js';
import type { History } from './history.js';

const everyMs = 1000;

/** Looks at all leases every second while PostgreSQL answers, past all lines, and logs those that have run out. */
export async function watchLeases(deployment: Deployment, history: History, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const [look] = (await deployment.postgres.ask<Look>(lookStatement)) ?? [];
    if (look && look.expiredMs > 0) {
      history.add({ type: 'lease', ...look, answer: look.answer && toPublicId('msg', look.answer) });
    }
    await wait(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

interface Look {
  readonly runs: number;
  readonly answer: string | null;
  readonly expiredMs: number;
}

const lookStatement = `SELECT count(*)::integer AS runs,
  (array_agg(message_id ORDER BY lease_until))[1] AS answer,
  coalesce(extract(epoch FROM clock_timestamp() - min(lease_until)) * 1000, 0)::integer AS "expiredMs"
FROM answer_runs`;
