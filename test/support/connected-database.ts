import { expect } from '@jest/globals';
import { Database, statement } from '../../src/platform/database.js';
import { createLog } from '../../src/platform/log.js';
import { until } from './until.js';

/** Statements of a database without tables of ours, and of one with the table that `thingsTable` makes. */
export const selectOne = statement('test.one', 'SELECT 1 AS one');
export const sleepFor = statement('test.sleep', 'SELECT pg_sleep($1)');
export const thingsTable = 'DROP TABLE IF EXISTS things; CREATE TABLE things (id integer PRIMARY KEY, name text)';
export const insertThing = statement(
  'test.things.insert',
  'INSERT INTO things (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id',
);
export const selectNames = statement('test.things.names', 'SELECT name FROM things ORDER BY id');

/** What a caller is told of a database that cannot answer now. */
export const unavailableError = expect.objectContaining({ extensions: { code: 'UNAVAILABLE', retryable: true } });

const timeouts = { connectMs: 1000, statementMs: 5000, lockMs: 2000 };
const connected: Database[] = [];

/** With three connections and the timeouts of the configuration; closed by {@link closeDatabases}. */
export async function connectDatabase(url: string, changed: Partial<typeof timeouts> = {}): Promise<Database> {
  const options = { url, poolSize: 3, entities: [], applicationName: 'parley-tests' };
  const database = await Database.connect({ ...options, timeouts: { ...timeouts, ...changed } }, createLog('silent'));
  connected.push(database);
  return database;
}

/** For `afterEach`. */
export async function closeDatabases(): Promise<void> {
  await Promise.all(connected.splice(0).map((database) => database.close()));
}

/** Nothing that a test did may keep a connection: all that are open are free. */
export async function expectNoLeak(database: Database): Promise<void> {
  await until('all connections are free', () => {
    const { total, idle, waiting } = database.poolState;
    return total === idle && waiting === 0;
  });
}

/** What came of it, `done` or its error, and how long that took. */
export async function timed(work: Promise<unknown>): Promise<{ readonly outcome: unknown; readonly ms: number }> {
  const startMs = performance.now();
  const outcome = await work.then(
    () => 'done',
    (error: unknown) => error,
  );
  return { outcome, ms: performance.now() - startMs };
}
