import type { Config } from './config.js';
import { Jobs } from './platform/jobs.js';
import type { Log } from './platform/log.js';
import type { Expiry } from './privacy/expiry.js';
import type { Closers, Resources } from './resources.js';

/** Starts what runs once over all instances. */
export async function startJobs(
  { limits: { poolWaitMs: connectMs, statementMs, lockMs } }: Config,
  { databaseUrl }: Resources,
  expiry: Expiry,
  { log, closers }: { readonly log: Log; readonly closers: Closers },
): Promise<void> {
  const expire = (what: string, work: (signal: AbortSignal) => Promise<number>) => async (signal: AbortSignal) => {
    const conversations = await work(signal);
    if (conversations > 0) log.info({ conversations, what }, 'conversations that had their time are deleted');
  };
  const jobs = await Jobs.start(
    [
      {
        name: 'expire-temporary',
        cron: '* * * * *',
        run: expire('temporary', (signal) => expiry.expireTemporary(signal)),
      },
      {
        name: 'expire-inactive',
        cron: '17 * * * *',
        run: expire('inactive', (signal) => expiry.expireInactive(signal)),
      },
    ],
    { url: databaseUrl, timeouts: { connectMs, statementMs, lockMs } },
    log,
  );
  closers.add('jobs', () => jobs.close());
}
