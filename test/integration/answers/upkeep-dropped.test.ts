import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sleepFor } from '../../support/connected-database.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let proxy: OutageProxy;
let writer: Instance;
let other: Instance;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  proxy = await OutageProxy.start(own.url);
  writer = await Instance.start({ url: own.url, upkeepUrl: proxy.url });
  other = await Instance.start({ url: own.url });
});
afterEach(async () => {
  await other?.stop();
  await writer?.stop();
  await proxy.close();
  await sql.close();
  await own.drop();
});

describe('Upkeep whose connections were all dropped on the way, while PostgreSQL is there for everybody else', () => {
  it('has a new one before delivery would be held or the lease run out: the answer goes on', async () => {
    const { answer, model } = await writer.ask(await writer.person());
    await Promise.all([1, 2, 3].map(() => writer.upkeep.query(sleepFor, [0.1])));
    proxy.silence();
    await proxy.restore();
    const live = writer.runs.liveText(answer.id);
    const startMs = performance.now();
    let isHeld = false;
    let said = 0;
    const isDurable = async () => {
      model.say('x');
      said += 1;
      isHeld ||= live?.shown.content !== live?.end.content;
      await other.sweep();
      const [run] = await sql.rows<{ durable: number }>('SELECT durable_content AS durable FROM answer_runs');
      return run && run.durable > 0;
    };
    await until('it is durable again', isDurable, 9000);
    // It had to be found out first: what was said until then was delivered all the same.
    expect(performance.now() - startMs).toBeGreaterThan(1000);
    expect(isHeld).toBe(false);
    model.finish();
    await until('it is settled', async () => (await sql.rows('SELECT FROM answer_runs')).length === 0);
    expect(
      await sql.row(
        "SELECT status, error_code, (SELECT count(*)::integer FROM answer_chunks) AS chunks FROM messages WHERE role = 'ASSISTANT'",
      ),
    ).toEqual({ status: 'COMPLETE', error_code: null, chunks: 0 });
    expect(said).toBeGreaterThan(1);
  });
});
