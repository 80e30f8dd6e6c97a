import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CommitOutcomeUnknown, type Database, statement } from '../../../src/platform/database.js';
import { atMost } from '../../support/at-most.js';
import {
  closeDatabases,
  connectDatabase,
  expectNoLeak,
  selectOne,
  timed,
  unavailableError,
} from '../../support/connected-database.js';
import { DatabaseFolder } from '../../support/database-folder.js';

describe('A database that is away', () => {
  let folder: DatabaseFolder;
  let postgres: Awaited<ReturnType<DatabaseFolder['start']>>;
  let database: Database;

  beforeAll(async () => {
    folder = await DatabaseFolder.make();
  });

  afterAll(() => folder?.remove());

  beforeEach(async () => {
    folder.next();
    postgres = await folder.start({ durable: false });
    database = await connectDatabase(postgres.url);
  });

  afterEach(async () => {
    await closeDatabases();
    await folder.tidy();
  });

  it('because nothing listens is UNAVAILABLE within 3 s, and serves when it is back', async () => {
    await database.query(selectOne, []);
    const { port } = new URL(postgres.url);
    await postgres.stop();
    for (const work of [
      () => database.query(selectOne, []),
      () => database.transaction((tx) => tx.query(selectOne, [])),
    ]) {
      const { outcome, ms } = await timed(work());
      expect(outcome).toEqual(unavailableError);
      expect(ms).toBeLessThan(atMost(3000));
    }
    await expectNoLeak(database);
    await folder.start({ durable: false, port: Number(port) });
    expect(await database.query(selectOne, [])).toEqual([{ one: 1 }]);
  });

  it('because it is silent is UNAVAILABLE within 6 s and a bit, in a transaction and in its COMMIT too', async () => {
    const processes = await postgresProcesses(database);
    const between = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const committing = timed(
      database.transaction(async () => {
        reached.resolve();
        await between.promise;
      }),
    );
    await reached.promise;
    stopAll(processes, postgres.pid);
    try {
      between.resolve();
      const all = [
        database.query(selectOne, []),
        database.transaction((tx) => tx.query(selectOne, [])),
        database.query(selectOne, []),
      ];
      for (const { outcome, ms } of await Promise.all([committing, ...all.map(timed)])) {
        expect(outcome).toEqual(unavailableError);
        expect(ms).toBeLessThan(atMost(6500));
      }
      expect((await committing).outcome).toBeInstanceOf(CommitOutcomeUnknown);
      await expectNoLeak(database);
    } finally {
      continueAll(processes, postgres.pid);
    }
    expect(await database.query(selectOne, [])).toEqual([{ one: 1 }]);
  });

  it('can be closed while it is silent', async () => {
    const processes = await postgresProcesses(database);
    stopAll(processes, postgres.pid);
    try {
      const { outcome, ms } = await timed(database.close());
      expect(outcome).toBe('done');
      expect(ms).toBeLessThan(atMost(3000));
    } finally {
      continueAll(processes, postgres.pid);
    }
  });
});

/** The backends of a few connections, which are then idle. */
async function postgresProcesses(database: Database): Promise<number[]> {
  const all = await Promise.all([1, 2, 3].map(() => database.query<{ pid: number }>(backendOfMany, [])));
  return [...new Set(all.flat().map(({ pid }) => pid))];
}

const backendOfMany = statement('test.backends', 'SELECT pg_backend_pid() AS pid, pg_sleep(0.1)');

const stopAll = (pids: readonly number[], postmaster: number) => {
  for (const pid of [postmaster, ...pids]) process.kill(pid, 'SIGSTOP');
};

const continueAll = (pids: readonly number[], postmaster: number) => {
  for (const pid of [...pids, postmaster]) process.kill(pid, 'SIGCONT');
};
