import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { CommitOutcomeUnknown, type Database, statement } from '../../../src/platform/database.js';
import {
  closeDatabases,
  connectDatabase,
  expectNoLeak,
  insertThing,
  selectNames,
  thingsTable,
  unavailableError,
} from '../../support/connected-database.js';
import { PostgresProxy } from '../../support/postgres-proxy.js';
import { createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';

const deferUniqueNames = statement(
  'test.things.defer',
  'ALTER TABLE things ADD CONSTRAINT once UNIQUE (name) DEFERRABLE INITIALLY DEFERRED',
);

describe('A COMMIT whose outcome is unknown', () => {
  let own: TestDatabase;
  let proxy: PostgresProxy;
  let database: Database;

  beforeAll(async () => {
    own = await createEmptyDatabase();
    proxy = await PostgresProxy.start(own.url);
  });

  afterAll(async () => {
    await proxy?.close();
    await own?.drop();
  });

  beforeEach(async () => {
    const plain = new pg.Client(own.url);
    await plain.connect();
    await plain.query(thingsTable);
    await plain.end();
    database = await connectDatabase(proxy.url);
    proxy.losses.length = 0;
  });

  afterEach(async () => {
    await expectNoLeak(database);
    await closeDatabases();
  });

  const runs: string[] = [];
  /** With its own id, as every transaction that may run twice: it tells whether it was the first. */
  const claim = (id: number) =>
    database.transactionOnce(async (tx) => {
      const [claimed] = await tx.query(insertThing, [id, `thing ${id}`]);
      runs.push(claimed ? 'first' : 'again');
      return id;
    });

  it.each([
    ['its answer was lost: it stands, and the second run finds it', 'answered', ['first', 'again']],
    ['it never arrived: it was rolled back, and the second run does it', 'asked', ['first', 'first']],
  ] as const)('runs once more, and gives one result, where %s', async (_what, loss, expected) => {
    runs.length = 0;
    proxy.losses.push(loss);
    expect(await claim(7)).toBe(7);
    expect(runs).toEqual(expected);
    expect(await database.query(selectNames, [])).toEqual([{ name: 'thing 7' }]);
  });

  it('is UNAVAILABLE where the second is lost too', async () => {
    runs.length = 0;
    proxy.losses.push('answered', 'answered');
    await expect(claim(8)).rejects.toEqual(unavailableError);
    expect(runs).toEqual(['first', 'again']);
    expect(await claim(8)).toBe(8);
  });

  it('is said to who runs a plain transaction', async () => {
    proxy.losses.push('answered');
    const lost = database.transaction((tx) => tx.query(insertThing, [9, 'thing 9']));
    await expect(lost).rejects.toBeInstanceOf(CommitOutcomeUnknown);
    await expect(lost).rejects.toEqual(unavailableError);
  });

  it('is none where a constraint refuses it: that is known', async () => {
    await database.query(deferUniqueNames, []);
    runs.length = 0;
    const refused = database.transactionOnce(async (tx) => {
      runs.push('run');
      await tx.query(insertThing, [1, 'same']);
      await tx.query(insertThing, [2, 'same']);
    });
    await expect(refused).rejects.toMatchObject({ code: '23505' });
    expect(runs).toEqual(['run']);
  });
});
