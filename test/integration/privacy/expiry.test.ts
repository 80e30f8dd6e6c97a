import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { atMost } from '../../support/at-most.js';
import { measuredPlan } from '../../support/plans.js';
import { SqlClient, waitingForLocks } from '../../support/sql-client.js';
import { unnamed } from '../../support/unnamed.js';
import { until } from '../../support/until.js';
import { ExpiringDatabase } from './expiring-database.js';

let stage: ExpiringDatabase;
beforeEach(async () => {
  stage = await ExpiringDatabase.start();
});
afterEach(() => stage?.close());

const unaborted = new AbortController().signal;
const use = `UPDATE conversations SET updated_at = clock_timestamp(), revision = revision + 1
  WHERE owner_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING id`;

describe('Expiry', () => {
  it('deletes 5,000 conversations in batches of 100, beside a writer who never waits long and loses nothing', async () => {
    const owner = await stage.person();
    await stage.plant(owner, 5000, 31);
    const ids = await stage.sql.rows<{ id: string }>('SELECT id FROM conversations ORDER BY random() LIMIT 1000');
    const writing = new AbortController();
    const used = new Set<string>();
    let longestMs = 0;
    const writer = (async () => {
      for (const { id } of ids) {
        if (writing.signal.aborted) return;
        const began = performance.now();
        await stage.database.transaction(async (tx) => {
          if ((await tx.query(unnamed(use), [owner, id])).length > 0) used.add(id);
        });
        longestMs = Math.max(longestMs, performance.now() - began);
      }
    })();
    await until('the writer writes', () => used.size > 20);
    const deleted = await (await stage.expiry()).expireInactive(unaborted);
    writing.abort();
    await writer;
    expect(longestMs).toBeLessThan(atMost(5000));
    // What was used meanwhile is there, all else is gone.
    const there = await stage.sql.rows<{ id: string }>('SELECT id FROM conversations WHERE deleted_at IS NULL');
    expect(there.map(({ id }) => id).toSorted()).toEqual([...used].toSorted());
    expect(deleted).toBe(5000 - used.size);
    const batches = await stage.audited(owner);
    expect(Math.max(...batches.map(({ count }) => count))).toBe(100);
    expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(deleted);
    expect(new Set(batches.flatMap(({ conversations }) => conversations)).size).toBe(deleted);
  });

  it('locks no conversation but those of its batch, which it skips where somebody holds them', async () => {
    const owner = await stage.person();
    await stage.plant(owner, 150, 31);
    const holder = await SqlClient.connect(await urlOf());
    await holder.rows('BEGIN');
    const held = await holder.rows<{ id: string }>(
      'SELECT id FROM conversations ORDER BY updated_at LIMIT 20 FOR UPDATE',
    );
    expect(held).toHaveLength(20);
    const began = performance.now();
    await (await stage.expiry()).expireInactive(unaborted);
    expect(performance.now() - began).toBeLessThan(atMost(5000));
    expect(await stage.count(owner)).toEqual({ there: 20, deleted: 130 });
    await holder.rows('COMMIT');
    await holder.close();
    await (await stage.expiry()).expireInactive(unaborted);
    expect(await stage.count(owner)).toEqual({ there: 0, deleted: 150 });
  });

  it('goes on where another instance was stopped, or killed, in the middle of it', async () => {
    const owner = await stage.person();
    await stage.plant(owner, 1000, 31);
    const stopping = new AbortController();
    let batches = 0;
    const stopped = await stage.expiry({ onDeleted: () => ++batches === 3 && stopping.abort() });
    expect(await stopped.expireInactive(stopping.signal)).toBe(300);
    // Another is killed between what it does and what it writes down of that.
    const holder = await SqlClient.connect(await urlOf());
    await holder.rows('BEGIN');
    await holder.rows('LOCK TABLE audit_events IN EXCLUSIVE MODE');
    const killed = (await stage.expiry({ name: 'to be killed' })).expireInactive(unaborted);
    await until('it waits', async () => (await waitingForLocks(stage.sql)) > 0);
    await stage.sql.rows(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be killed'",
    );
    expect(await killed).toBe(0);
    await holder.close();
    expect(await stage.count(owner)).toEqual({ there: 700, deleted: 300 });
    await (await stage.expiry()).expireInactive(unaborted);
    expect(await stage.count(owner)).toEqual({ there: 0, deleted: 1000 });
    const conversations = (await stage.audited(owner)).flatMap((event) => event.conversations);
    expect([conversations.length, new Set(conversations).size]).toEqual([1000, 1000]);
  });

  it('may run on two instances at once: each conversation is deleted, and written down, once', async () => {
    const owners: string[] = [];
    for (let number = 0; number < 5; number += 1) {
      const owner = await stage.person();
      owners.push(owner);
      await stage.plant(owner, 250, 31);
      await stage.plant(owner, 250, 1, true);
    }
    const instances = await Promise.all([stage.expiry(), stage.expiry()]);
    const counts = await Promise.all(
      instances.flatMap((expiry) => [expiry.expireInactive(unaborted), expiry.expireTemporary(unaborted)]),
    );
    // What one holds the other skips, and finds no more the next time.
    counts.push(
      await (instances[0]?.expireInactive(unaborted) ?? 0),
      await (instances[1]?.expireTemporary(unaborted) ?? 0),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(2500);
    for (const owner of owners) {
      const batches = await stage.audited(owner);
      const conversations = batches.flatMap((event) => event.conversations);
      expect([conversations.length, new Set(conversations).size]).toEqual([500, 500]);
      expect(new Set(batches.map(({ action, reason }) => `${action} ${reason}`))).toEqual(
        new Set(['retention.expire inactive', 'retention.expire temporary']),
      );
    }
  });

  it('visits only those who chose days of their own where the server keeps everything', async () => {
    const [keeper, chooser] = [await stage.person(), await stage.person(10)];
    for (const owner of [keeper, chooser]) {
      await stage.plant(owner, 10, 11);
      await stage.plant(owner, 5, 9);
    }
    expect(await (await stage.expiry({ serverDays: null })).expireInactive(unaborted)).toBe(10);
    expect([await stage.count(keeper), await stage.count(chooser)]).toEqual([
      { there: 15, deleted: 0 },
      { there: 5, deleted: 10 },
    ]);
    // The server's days are the most that anybody keeps.
    expect(await (await stage.expiry({ serverDays: 9 })).expireInactive(unaborted)).toBe(20);
  });

  it('is not kept back by owners whose keys cannot be opened, nor by one who is being erased', async () => {
    const owners = [await stage.person(), await stage.person(), await stage.person()];
    for (const owner of owners) {
      await stage.plant(owner, 3, 31);
      await stage.plant(owner, 120, 1, true);
    }
    const [keyless, erased, last] = owners;
    await stage.sql.rows('DELETE FROM keys.data_keys WHERE user_id = $1', [keyless]);
    await stage.sql.rows('UPDATE users SET erasing_at = now() WHERE id = $1', [erased]);
    stage.keyring.close();
    const expiry = await stage.expiry();
    expect([await expiry.expireInactive(unaborted), await expiry.expireTemporary(unaborted)]).toEqual([3, 120]);
    expect(await stage.count(last ?? '')).toEqual({ there: 0, deleted: 123 });
    expect(await stage.count(keyless ?? '')).toEqual({ there: 123, deleted: 0 });
  });

  it('takes the same statements for a batch of one and of a hundred', async () => {
    const expiry = await stage.expiry();
    const statementsFor = async (count: number) => {
      await stage.plant(await stage.person(), count, 31);
      stage.statements.length = 0;
      expect(await expiry.expireInactive(unaborted)).toBe(count);
      return stage.statements.slice(stage.statements.indexOf('BEGIN'), stage.statements.indexOf('COMMIT') + 1);
    };
    const ofOne = await statementsFor(1);
    expect(await statementsFor(100)).toEqual(ofOne);
    expect(ofOne.length).toBeLessThanOrEqual(10);
  });

  it('costs the same however many conversations stay, and reads no table from end to end', async () => {
    const [few, many] = [await stage.person(), await stage.person()];
    await stage.plant(few, 1, 31);
    await stage.plant(many, 1, 31);
    await stage.plant(many, 20_000, 1);
    await stage.sql.rows('VACUUM (ANALYZE) conversations, users');
    const plan = (name: string, ...values: (string | number)[]) =>
      measuredPlan(stage.sql, name, values, 'force_generic_plan');
    const ofFew = await plan('retention.inactive', `{${few}}`, '{30}', 100);
    const ofMany = await plan('retention.inactive', `{${many}}`, '{30}', 100);
    expect([ofFew.rows, ofMany.rows]).toEqual([1, 1]);
    expect(ofMany.buffers).toBeLessThanOrEqual(ofFew.buffers + 5);
    const expired = await plan('retention.expired', '-infinity', few, few, 100);
    expect(expired.buffers).toBeLessThanOrEqual(2);
    for (const { scanned } of [ofFew, ofMany, expired]) expect(scanned).toEqual([]);
  });
});

const urlOf = async () => {
  const { name } = await stage.sql.row<{ name: string }>('SELECT current_database() AS name');
  const url = new URL(process.env.TEST_POSTGRES_URL ?? '');
  url.pathname = `/${name}`;
  return url.href;
};
