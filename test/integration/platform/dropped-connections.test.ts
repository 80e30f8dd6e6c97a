import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '../../../src/platform/database.js';
import { atMost } from '../../support/at-most.js';
import {
  closeDatabases,
  connectDatabase,
  expectNoLeak,
  insertThing,
  selectNames,
  selectOne,
  sleepFor,
  thingsTable,
  timed,
  unavailableError,
} from '../../support/connected-database.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { SqlClient } from '../../support/sql-client.js';
import { createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

let own: TestDatabase;
let sql: SqlClient;
let proxy: OutageProxy;
let database: Database;

beforeAll(async () => {
  own = await createEmptyDatabase();
  sql = await SqlClient.connect(own.url);
});
afterAll(async () => {
  await sql?.close();
  await own?.drop();
});
beforeEach(async () => {
  await sql.rows(thingsTable);
  proxy = await OutageProxy.start(own.url);
});
afterEach(async () => {
  await closeDatabases();
  await proxy.close();
});

/** All three connections are open, and idle. */
async function warmUp(): Promise<void> {
  await Promise.all([1, 2, 3].map(() => database.query(sleepFor, [0.1])));
  expect(database.poolState).toEqual({ total: 3, idle: 3, waiting: 0 });
}

const lasted = (ms: number) => {
  const startMs = performance.now();
  return until(`${ms} ms are over`, () => performance.now() - startMs > ms);
};
const transaction = () => database.transaction((tx) => tx.query(selectOne, []));
const query = () => database.query(selectOne, []);

describe('Connections that something on the way has dropped without a word', () => {
  beforeEach(async () => {
    database = await connectDatabase(proxy.url);
  });

  it.each([
    ['a statement', query],
    ['a transaction', transaction],
  ])(
    'are not what %s fails with once PostgreSQL can be reached again, though nobody used them meanwhile',
    async (_what, work) => {
      await warmUp();
      proxy.silence();
      await lasted(1500);
      await proxy.restore();
      const { outcome, ms } = await timed(Promise.all([work(), work(), work()]));
      expect(outcome).toBe('done');
      expect(ms).toBeLessThan(atMost(2500));
      await expectNoLeak(database);
    },
  );

  it('fail those who use them at that moment within 6 s, in COMMIT too, and nobody after them', async () => {
    await warmUp();
    const reached = Promise.withResolvers<void>();
    const silent = Promise.withResolvers<void>();
    const committing = timed(
      database.transactionOnce(async (tx) => {
        await tx.query(insertThing, [1, 'one']);
        reached.resolve();
        await silent.promise;
      }),
    );
    await reached.promise;
    proxy.silence();
    silent.resolve();
    const using = [committing, timed(query()), timed(transaction())];
    for (const { outcome, ms } of await Promise.all(using)) {
      expect(outcome).toEqual(unavailableError);
      expect(ms).toBeLessThan(atMost(6500));
    }
    for (const work of [query, transaction]) {
      const { outcome, ms } = await timed(work());
      expect(outcome).toEqual(unavailableError);
      expect(ms).toBeLessThan(atMost(2500));
    }
    await proxy.restore();
    expect(await database.query(selectNames, [])).toEqual([]);
    await expectNoLeak(database);
  });
});

describe('Fifty outages', () => {
  it('leave no connection behind, and none that does not work', async () => {
    database = await connectDatabase(proxy.url, { connectMs: 500, statementMs: 100 });
    for (let outage = 0; outage < 50; outage += 1) {
      const inside = database.transaction(async (tx) => {
        await tx.query(insertThing, [outage, 'inside']);
        // The silent ones take their time.
        if (outage % 8 === 0) proxy.silence();
        else if (outage % 2 === 0) proxy.cut();
        else await proxy.refuse();
        await tx.query(selectOne, []);
      });
      await expect(inside).rejects.toEqual(unavailableError);
      await Promise.allSettled([query(), transaction(), query()]);
      await proxy.restore();
      expect(await query()).toEqual([{ one: 1 }]);
      await transaction();
    }
    await expectNoLeak(database);
    expect(await database.query(selectNames, [])).toEqual([]);
    const { total } = database.poolState;
    expect(total).toBeLessThanOrEqual(3);
    await until('the server has as many', async () => {
      const { count } = await sql.row<{ count: number }>(
        `SELECT count(*)::integer AS count FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'parley-tests'`,
      );
      return count === total && proxy.connections === total;
    });
  });
});
