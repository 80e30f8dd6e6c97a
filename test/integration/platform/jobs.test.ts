import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { type Job, Jobs } from '../../../src/platform/jobs.js';
import { createLog, describeError, type Log } from '../../../src/platform/log.js';
import { askForJob, runJob } from '../../support/jobs.js';
import { PostgresProxy } from '../../support/postgres-proxy.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

let database: TestDatabase;
let sql: SqlClient;
const running: Jobs[] = [];
beforeEach(async () => {
  database = await createDatabase();
  sql = await SqlClient.connect(database.url);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((jobs) => jobs.close()));
  await sql?.close();
  await database?.drop();
});

const timeouts = { connectMs: 1000, statementMs: 5000, lockMs: 2000 };

/** Yearly, so that nobody but the test asks for it. */
const yearly = (run: Job['run']): Job => ({ name: 'test', cron: '0 0 1 1 *', run });

async function start(run: Job['run'], log: Log = createLog('silent'), url = database.url): Promise<Jobs> {
  const jobs = await Jobs.start([yearly(run)], { url, timeouts, pollSeconds: 0.5 }, log);
  running.push(jobs);
  return jobs;
}

/** What is logged, as text. */
function listeningLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const sink = new Writable({
    write: (line, _encoding, done) => {
      lines.push(String(line));
      done();
    },
  });
  return { log: pino({ base: null, serializers: { error: describeError } }, sink), lines };
}

describe('A job', () => {
  it('is done once over all instances', async () => {
    let runs = 0;
    const instances = [1, 2, 3].map(() =>
      start(async () => {
        runs += 1;
      }),
    );
    await Promise.all(instances);
    for (const wanted of [1, 2, 3]) {
      await runJob(database.url, 'test');
      expect(runs).toBe(wanted);
    }
  });

  it('waits or is under way once: nobody can ask for it twice', async () => {
    const hold = Promise.withResolvers<void>();
    let runs = 0;
    await start(async () => {
      runs += 1;
      await hold.promise;
    });
    const asked = [runJob(database.url, 'test'), runJob(database.url, 'test')];
    await until('it is under way', () => runs === 1);
    const { waiting } = await sql.row<{ waiting: number }>(
      "SELECT count(*)::integer AS waiting FROM jobs.job WHERE name = 'test' AND state IN ('created', 'active')",
    );
    expect(waiting).toBe(1);
    hold.resolve();
    await Promise.all(asked);
    expect(runs).toBe(2);
  });

  it('that fails is logged, tried again, and leaves nothing of what it said in the queue', async () => {
    const { log, lines } = listeningLog();
    await start(async () => {
      throw new Error('canary-of-a-job');
    }, log);
    const id = await askForJob(database.url, 'test');
    await until('it is to be tried again', async () => {
      return (await sql.rows("SELECT FROM jobs.job WHERE id = $1 AND state = 'retry'", [id])).length > 0;
    });
    const { queue } = await sql.row<{ queue: string }>('SELECT json_agg(job)::text AS queue FROM jobs.job');
    expect(queue).toContain('The job failed; the log says more.');
    expect(queue + lines.join('')).not.toContain('canary');
    expect(lines.join('')).toContain('a job failed, tried again later');
  });

  it('is told to end when its instance stops, which waits for it', async () => {
    const begun = Promise.withResolvers<void>();
    let ended = false;
    const jobs = await start(async (signal) => {
      begun.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      ended = true;
    });
    const asked = runJob(database.url, 'test');
    await begun.promise;
    running.splice(running.indexOf(jobs), 1);
    await jobs.close();
    expect(ended).toBe(true);
    await asked;
  });

  it('goes on when PostgreSQL was away for a while, which ends no process and is logged', async () => {
    const { log, lines } = listeningLog();
    const proxy = await PostgresProxy.start(database.url);
    const { url } = proxy;
    let runs = 0;
    await start(
      async () => {
        runs += 1;
      },
      log,
      url,
    );
    await runJob(database.url, 'test');
    await proxy.close();
    await until('the queue says so', () => lines.some((line) => line.includes('the job queue failed')));
    const again = await PostgresProxy.start(database.url, Number(new URL(url).port));
    await runJob(database.url, 'test');
    expect(runs).toBe(2);
    await Promise.all(running.splice(0).map((jobs) => jobs.close()));
    await again.close();
  });

  it('does not start where its tables are not there', async () => {
    const empty = await createEmptyDatabase();
    await expect(start(async () => undefined, createLog('silent'), empty.url)).rejects.toThrow('not installed');
    await empty.drop();
  });
});
