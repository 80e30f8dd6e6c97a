import { Pool } from 'pg';
import { type ConstructorOptions, PgBoss } from 'pg-boss';
import type { DatabaseTimeouts } from './database.js';
import { jobsSchema } from './jobs-schema.js';
import type { Log } from './log.js';
import { seldom } from './seldom.js';

/** Work that some instance does again and again. */
export interface Job {
  readonly name: string;
  /** When, as cron says it, in UTC. A time at which no instance ran is made up for once. */
  readonly cron: string;
  /** Ends soon after the signal. What it throws is logged, and the job is tried again. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface JobsOptions {
  readonly url: string;
  readonly timeouts: DatabaseTimeouts;
  /** How often each instance looks for work. */
  readonly pollSeconds?: number;
}

const connections = 2;
const usualPollSeconds = 2;
/** A job whose instance is gone is given to another after this time. */
const heartbeatSeconds = 60;
const longestSeconds = 3600;
const daySeconds = 86_400;
/** How long a stop waits for jobs to end, and for the queue to let go. */
const stopMs = 5000;

/**
 * Jobs that run once over all instances, whichever comes first: a queue in PostgreSQL (pg-boss) says when, and holds
 * nothing but names and times. While PostgreSQL is away nothing runs and nothing breaks. Whoever starts it closes it.
 */
export class Jobs {
  private readonly closing = new AbortController();

  private constructor(
    private readonly boss: PgBoss,
    private readonly pool: Pool,
    private readonly log: Log,
    private readonly pollingIntervalSeconds: number,
  ) {}

  static async start(jobs: readonly Job[], options: JobsOptions, log: Log): Promise<Jobs> {
    const pool = openPool(options);
    pool.on('error', (error) => log.warn({ error }, 'idle connection of the job queue lost'));
    // One that is lost in use fails its statement, which says so; an error that nobody listens for would end the process.
    pool.on('connect', (client) => void client.on('error', () => undefined));
    const boss = new PgBoss(settings(pool));
    // Without a listener the first of these would end the process.
    const tell = seldom((error: unknown) => log.warn({ error }, 'the job queue failed, tried again soon'));
    boss.on('error', tell);
    boss.on('warning', ({ message }) => log.warn({ warning: message }, 'the job queue warns'));
    const started = new Jobs(boss, pool, log, options.pollSeconds ?? usualPollSeconds);
    try {
      await boss.start();
      for (const job of jobs) await started.add(job);
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  /** Jobs under way are told to end, and waited for. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.boss.stop({ graceful: true, timeout: stopMs });
    await this.pool.end();
  }

  private async add({ name, cron, run }: Job): Promise<void> {
    await this.boss.createQueue(name, {
      // At most one is waiting or under way.
      policy: 'exclusive',
      ...{ heartbeatSeconds, expireInSeconds: longestSeconds, retryLimit: 2, retryDelay: 30 },
      ...{ retentionSeconds: daySeconds, deleteAfterSeconds: daySeconds },
    });
    await this.boss.schedule(name, cron, null, { tz: 'UTC', missed: 'once' });
    const { pollingIntervalSeconds } = this;
    await this.boss.work(name, { pollingIntervalSeconds }, async ([job]) => {
      const signal = AbortSignal.any([this.closing.signal, ...(job ? [job.signal] : [])]);
      await run(signal).catch((error: unknown) => {
        this.log.warn({ error, job: name }, 'a job failed, tried again later');
        // The queue keeps what a job throws: nothing of what failed is to be read there.
        throw new Error('The job failed; the log says more.');
      });
    });
  }
}

function openPool({ url, timeouts: { connectMs, statementMs, lockMs } }: JobsOptions): Pool {
  return new Pool({
    ...{ connectionString: url, application_name: 'parley jobs', max: connections, keepAlive: true },
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    query_timeout: statementMs + 1000,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: 10_000,
  });
}

function settings(pool: Pool): ConstructorOptions {
  return {
    db: { executeSql: (text, values) => execute(pool, text, values) },
    schema: jobsSchema,
    // A start changes no tables.
    ...{ migrate: false, createSchema: false, persistWarnings: false },
    // Of its own upkeep only what these jobs need, seldom: they are few.
    ...{ flowIntervalSeconds: 3600, reindex: false, monitorVacuum: false },
  };
}

/** Several statements may come as one text; where one of them fails, its connection may be left within a transaction. */
async function execute(pool: Pool, text: string, values?: unknown[]) {
  const client = await pool.connect();
  try {
    const result = await client.query(text, values);
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
