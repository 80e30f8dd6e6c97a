import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Database, statement } from '../../../src/platform/database.js';
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
import { createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

const backend = statement('test.backend', 'SELECT pg_backend_pid() AS pid');
const lock = statement('test.lock', 'SELECT pg_advisory_xact_lock(42)');
const rename = statement('test.things.rename', 'UPDATE things SET name = name WHERE id = $1');
const fault = statement('test.fault', 'SELECT 1 / 0');
const instant = statement('test.instant', 'SELECT $1::timestamptz(3) AS at, 9007199254740991::int8 AS large');

let own: TestDatabase;
let database: Database;
let beside: pg.Client;

beforeAll(async () => {
  own = await createEmptyDatabase();
});

afterAll(() => own?.drop());

beforeEach(async () => {
  beside = new pg.Client(own.url);
  await beside.connect();
  await beside.query(thingsTable);
  database = await connectDatabase(own.url);
});

afterEach(async () => {
  await expectNoLeak(database);
  await beside.end();
  await closeDatabases();
});

const terminate = (pid: number) => beside.query('SELECT pg_terminate_backend($1)', [pid]);
const pidOf = async (querier: Pick<Database, 'query'>) =>
  (await querier.query<{ pid: number }>(backend, []))[0]?.pid ?? 0;

describe('A database', () => {
  it('gives instants as text to the millisecond, and large numbers as numbers', async () => {
    const rows = await database.query(instant, ['2026-11-20T12:00:00.1Z']);
    expect(rows).toEqual([{ at: '2026-11-20T12:00:00.100Z', large: Number.MAX_SAFE_INTEGER }]);
  });

  it('keeps a transaction whole: what fails rolls back, and its connection serves on', async () => {
    const failing = database.transaction(async (tx) => {
      await tx.query(insertThing, [1, 'gone']);
      await tx.query(fault, []);
    });
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    const thrown = database.transaction(async (tx) => {
      await tx.query(insertThing, [2, 'gone']);
      throw new Error('of our own');
    });
    await expect(thrown).rejects.toThrow('of our own');
    expect(await database.query(selectNames, [])).toEqual([]);
    expect(database.poolState).toEqual({ total: 1, idle: 1, waiting: 0 });
  });
});

describe('A database that is closed', () => {
  it('lets transactions end first, and gives their connections to nobody', async () => {
    const closed = await connectDatabase(own.url);
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const running = [0, 10, 20].map((base) =>
      closed.transaction(async (tx) => {
        await tx.query(insertThing, [base + 1, 'first']);
        if (base === 20) begun.resolve();
        await gate.promise;
        await tx.query(insertThing, [base + 2, 'second']);
        throw new Error('of our own');
      }),
    );
    const ends = Promise.allSettled(running);
    await begun.promise;
    const waiting = [timed(closed.query(selectOne, [])), timed(closed.transaction((tx) => tx.query(selectOne, [])))];
    await until('they wait', () => closed.poolState.waiting === 2);
    const closing = closed.close();
    const late = await timed(closed.transaction((tx) => tx.query(selectOne, [])));
    expect(late.outcome).toEqual(unavailableError);
    for (const { outcome } of await Promise.all(waiting)) expect(outcome).toEqual(unavailableError);
    gate.resolve();
    await closing;
    expect((await ends).map((end) => end.status === 'rejected' && String(end.reason))).toEqual(
      running.map(() => 'Error: of our own'),
    );
    expect(await database.query(selectNames, [])).toEqual([]);
  });
});

describe('A database that keeps one waiting', () => {
  it('for a connection, since all are taken, is UNAVAILABLE after a second', async () => {
    const busy = [1, 2, 3].map(() => database.query(sleepFor, [2.2]));
    const waiting = [
      timed(database.query(selectOne, [])),
      timed(database.transaction((tx) => tx.query(selectOne, []))),
    ];
    for (const { outcome, ms } of await Promise.all(waiting)) {
      expect(outcome).toEqual(unavailableError);
      expect(ms).toBeGreaterThan(900);
      expect(ms).toBeLessThan(atMost(1900));
    }
    await Promise.all(busy);
    expect(await database.query(selectOne, [])).toEqual([{ one: 1 }]);
  });

  it('over a statement is UNAVAILABLE, and the connection serves on', async () => {
    const quick = await connectDatabase(own.url, { statementMs: 300 });
    const { outcome, ms } = await timed(quick.query(sleepFor, [5]));
    expect(outcome).toEqual(unavailableError);
    expect(ms).toBeLessThan(atMost(1200));
    const inside = await timed(quick.transaction((tx) => tx.query(sleepFor, [5])));
    expect(inside.outcome).toEqual(unavailableError);
    expect(await quick.query(selectOne, [])).toEqual([{ one: 1 }]);
    await expectNoLeak(quick);
  });

  it('for a lock is UNAVAILABLE', async () => {
    await beside.query('SELECT pg_advisory_lock(42)');
    const { outcome, ms } = await timed(database.transaction((tx) => tx.query(lock, [])));
    expect(outcome).toEqual(unavailableError);
    expect(ms).toBeGreaterThan(1900);
    expect(ms).toBeLessThan(atMost(3000));
    await beside.query('SELECT pg_advisory_unlock(42)');
    await database.transaction((tx) => tx.query(lock, []));
  });

  it('in a deadlock is UNAVAILABLE to one, and the other goes through', async () => {
    await database.query(insertThing, [1, 'first']);
    await database.query(insertThing, [2, 'second']);
    const met = Promise.withResolvers<void>();
    let arrived = 0;
    const cross = (mine: number, theirs: number) =>
      database.transaction(async (tx) => {
        await tx.query(rename, [mine]);
        arrived += 1;
        if (arrived === 2) met.resolve();
        await met.promise;
        await tx.query(rename, [theirs]);
      });
    const outcomes = await Promise.allSettled([cross(1, 2), cross(2, 1)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes).toContainEqual({ status: 'rejected', reason: unavailableError });
  });
});

describe('A database connection that is lost', () => {
  it('in the middle of a statement is UNAVAILABLE, and the next one works', async () => {
    const pid = await pidOf(database);
    const asleep = timed(database.query(sleepFor, [20]));
    await until('it sleeps', async () => {
      const { rows } = await beside.query("SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", [pid]);
      return rows.length === 1;
    });
    await terminate(pid);
    expect((await asleep).outcome).toEqual(unavailableError);
    expect(await database.query(selectOne, [])).toEqual([{ one: 1 }]);
  });

  it('between two statements of a transaction is UNAVAILABLE, and nothing of it stands', async () => {
    const failed = database.transaction(async (tx) => {
      await tx.query(insertThing, [1, 'gone']);
      await terminate(await pidOf(tx));
      await tx.query(insertThing, [2, 'gone']);
    });
    await expect(failed).rejects.toEqual(unavailableError);
    expect(await database.query(selectNames, [])).toEqual([]);
    await database.transaction((tx) => tx.query(insertThing, [3, 'stands']));
    expect(await database.query(selectNames, [])).toEqual([{ name: 'stands' }]);
  });

  it('while a transaction does something else is UNAVAILABLE at its next statement', async () => {
    const failed = database.transaction(async (tx) => {
      const pid = await pidOf(tx);
      await terminate(pid);
      // By now the connection has said so, with no statement under way.
      await until('it is gone', async () => {
        const { rows } = await beside.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
        return rows.length === 0;
      });
      await tx.query(selectOne, []);
    });
    await expect(failed).rejects.toEqual(unavailableError);
    expect(await database.query(selectOne, [])).toEqual([{ one: 1 }]);
  });

  it('while it is idle is replaced at the next request', async () => {
    await Promise.all([1, 2, 3].map(() => database.query(sleepFor, [0.05])));
    expect(database.poolState.idle).toBe(3);
    await beside.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'parley-tests' AND datname = current_database()`,
    );
    await until('they are gone', () => database.poolState.total === 0);
    expect(await database.query(selectOne, [])).toEqual([{ one: 1 }]);
  });
});
