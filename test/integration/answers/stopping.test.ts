import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { atMost } from '../../support/at-most.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let instance: Instance;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  instance = await Instance.start({ url: own.url });
});

afterEach(async () => {
  await instance.stop(0);
  await sql.close();
  await own.drop();
});

/** Sends, and stays within the transaction, its run prepared, until `goOn`. */
async function sendHalfway() {
  const scope = await instance.person();
  await sql.rows('BEGIN');
  await sql.rows('LOCK TABLE segments IN SHARE MODE');
  const sending = instance.send(scope);
  await until('the send waits', async () => {
    const waiting = await sql.rows(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return waiting.length === 1;
  });
  return { sending, goOn: () => sql.rows('COMMIT') };
}

const stored = () =>
  sql.row<{ status: string; error_code: string | null; runs: number }>(
    `SELECT status, error_code, (SELECT count(*)::integer FROM answer_runs) AS runs
     FROM messages WHERE role = 'ASSISTANT'`,
  );

describe('At a stop', () => {
  it('an answer whose send is about to commit is given the grace to finish, as all others are', async () => {
    const { sending, goOn } = await sendHalfway();
    const drained = instance.runs.drain(5000, 3000);
    await goOn();
    await sending;
    const model = await instance.model.asked(0);
    model.say('In time.');
    model.finish();
    await drained;
    expect(await stored()).toEqual({ status: 'COMPLETE', error_code: null, runs: 0 });
  });

  it('an answer whose send commits after the grace settles INTERRUPTED before the stop goes on', async () => {
    const { sending, goOn } = await sendHalfway();
    const drained = instance.runs.drain(0, 3000);
    await goOn();
    await sending;
    await drained;
    expect(await stored()).toEqual({ status: 'INTERRUPTED', error_code: 'SHUTDOWN', runs: 0 });
    expect(instance.runs.count).toBe(0);
  });

  it('a send that fails holds nobody up', async () => {
    const { sending, goOn } = await sendHalfway();
    const failed = expect(sending).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const startMs = performance.now();
    const drained = instance.runs.drain(20_000, 3000);
    await sql.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    await failed;
    await drained;
    await goOn();
    expect(performance.now() - startMs).toBeLessThan(atMost(5000));
  });

  it('a send that begins later is UNAVAILABLE, and leaves nothing', async () => {
    const scope = await instance.person();
    await instance.runs.drain(0, 0);
    await expect(instance.send(scope)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await sql.row('SELECT count(*)::integer AS count FROM requests')).toEqual({ count: 0 });
  });
});
