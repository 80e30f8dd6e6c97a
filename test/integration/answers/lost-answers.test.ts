import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scope } from '../../../src/identity/scope.js';
import { ManualClock } from '../../support/manual-clock.js';
import { PostgresProxy } from '../../support/postgres-proxy.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { Instance, type InstanceOptions } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let writer: Instance;
let scope: Scope;
let sweeper: Instance | null = null;
let proxy: PostgresProxy | null = null;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  writer = await Instance.start({ url: own.url });
  scope = await writer.person();
});

afterEach(async () => {
  await sweeper?.stop(0);
  sweeper = null;
  await proxy?.close();
  proxy = null;
  await writer.stop(0);
  await sql.close();
  await own.drop();
});

const start = async (options: Partial<InstanceOptions> = {}) => {
  sweeper = await Instance.start({ url: own.url, ...options });
  return sweeper;
};

const crowd = async (size: number, person: Scope) => {
  for (let begun = 0; begun < size; begun += 10) {
    await Promise.all(Array.from({ length: 10 }, () => writer.send(person)));
  }
};

/** Their leases ran out, were seen so, and nobody has renewed them since. */
const lose = () =>
  sql.rows(`UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '20 s',
    suspect_since = now() - interval '6 s'`);

const count = async (what: string) =>
  (await sql.row<{ count: number }>(`SELECT count(*)::integer AS count FROM answer_runs WHERE ${what}`)).count;

describe('One look for lost answers', () => {
  it('marks and settles all of an instance that wrote hundreds', async () => {
    await crowd(230, scope);
    await sql.rows("UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '20 s'");
    const other = await start();
    await other.sweep();
    expect(await count('suspect_since IS NULL')).toBe(0);
    await lose();
    await other.sweep();
    expect(await count('true')).toBe(0);
  });

  it('passes over a hundred whose owner has lost the keys, and settles those behind them', async () => {
    await crowd(120, scope);
    await lose();
    const { answer } = await writer.send(await writer.person());
    await lose();
    await sql.rows('UPDATE answer_runs SET lease_until = now() WHERE message_id = $1', [answer.id]);
    await sql.rows('DELETE FROM keys.data_keys WHERE user_id = $1', [scope.viewer.id]);
    await (await start()).sweep();
    expect(await count('true')).toBe(120);
    expect(await sql.row('SELECT status FROM messages WHERE id = $1', [answer.id])).toEqual({ status: 'INTERRUPTED' });
  });
});

describe('A mark that was made before PostgreSQL was away', () => {
  it('does not count until it has been back for 5 s: the writer has had no chance to clear it', async () => {
    const { answer } = await writer.send(scope);
    proxy = await PostgresProxy.start(own.url);
    const { port } = new URL(proxy.url);
    const clock = new ManualClock();
    const other = await start({ url: proxy.url, upkeepUrl: proxy.url, clock });
    await proxy.close();
    await expect(other.sweep()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // It came back for a moment in between: long enough to be marked, and not to be renewed.
    await lose();
    proxy = await PostgresProxy.start(own.url, Number(port));
    await other.sweep();
    await clock.advance(4900);
    await other.sweep();
    expect(await count('true')).toBe(1);
    await clock.advance(100);
    await other.sweep();
    expect(await sql.row('SELECT status FROM messages WHERE id = $1', [answer.id])).toEqual({ status: 'INTERRUPTED' });
  });
});
