import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendAuditEvents } from '../../../src/audit/audit.repository.js';
import { hashOf } from '../../../src/audit/audit-chain.js';
import { Database, statement } from '../../../src/platform/database.js';
import { newDataKey, OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

let own: TestDatabase;
let instances: readonly Database[];
let sql: SqlClient;

beforeAll(async () => {
  own = await createDatabase();
  const connect = () =>
    Database.connect(
      {
        ...{ url: own.url, applicationName: 'parley-tests', poolSize: 5, entities: [] },
        timeouts: { connectMs: 20_000, statementMs: 20_000, lockMs: 20_000 },
      },
      createLog('silent'),
    );
  instances = [await connect(), await connect()];
  sql = await SqlClient.connect(own.url);
});
afterAll(async () => {
  await sql?.close();
  await Promise.all((instances ?? []).map((instance) => instance.close()));
  await own?.drop();
});

const readStatement = statement(
  'test.auditEvents',
  `SELECT number, id, at, action, target_id AS "targetId", details, previous_hash AS "previousHash", hash
   FROM audit_events WHERE chain = $1 ORDER BY number`,
);

interface StoredEvent {
  readonly number: number;
  readonly id: string;
  readonly at: string;
  readonly action: string;
  readonly targetId: string | null;
  readonly details: Record<string, string>;
  readonly previousHash: Buffer | null;
  readonly hash: Buffer;
}

const read = (chain: Buffer) => instances[0]?.query<StoredEvent>(readStatement, [chain]) ?? Promise.reject(new Error());

const append = (at: number, chain: Buffer, ...actions: readonly string[]) =>
  instances[at % 2]?.transaction((tx) =>
    appendAuditEvents(
      tx,
      chain,
      actions.map((action) => ({ action, targetId: `cnv_${at}`, details: { z: at, a: ['Ä', '"'], m: null } })),
    ),
  );

/** Each number once, each row hashed over all of it and over the row before it. */
function expectUnbroken(chain: Buffer, events: readonly StoredEvent[]): void {
  expect(events.map(({ number }) => number)).toEqual(events.map((_, index) => index + 1));
  let previous: Buffer | null = null;
  for (const event of events) {
    expect(event.previousHash).toEqual(previous);
    expect(event.hash).toEqual(hashOf({ ...event, chain }));
    previous = event.hash;
  }
}

const keysOf = (ownerId: string) => new OwnerKeys(ownerId, [newDataKey(1)]);

describe('The audit trail', () => {
  it('is a chain for each owner, which instances that write at once never fork', async () => {
    const chains = Array.from({ length: 3 }, () => keysOf(newId()).pseudonym);
    const writes = Array.from({ length: 20 }, (_, round) =>
      chains.map((chain, index) =>
        append(round + index, chain, ...Array.from({ length: 1 + index }, () => 'test.done')),
      ),
    );
    await Promise.all(writes.flat());
    let count = 0;
    for (const chain of chains) {
      const events = await read(chain);
      expectUnbroken(chain, events);
      expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
      count += events.length;
    }
    expect(count).toBe(120);
  });

  it('breaks where a row is changed, left out or moved', async () => {
    const chain = keysOf(newId()).pseudonym;
    await append(1, chain, 'test.one', 'test.two', 'test.three');
    const events = await read(chain);
    expectUnbroken(chain, events);
    const [first, second, third] = events;
    if (!first || !second || !third) throw new Error('There are three.');
    const changes = [{ action: 'test.other' }, { targetId: null }, { details: {} }, { at: '2026-01-01T00:00:00.000Z' }];
    for (const change of changes) expect(() => expectUnbroken(chain, [{ ...first, ...change }])).toThrow();
    expect(() => expectUnbroken(chain, [first, { ...third, number: 2 }])).toThrow();
    expect(() => expectUnbroken(chain, [second, first, third])).toThrow();
    expect(() => expectUnbroken(keysOf(newId()).pseudonym, events)).toThrow();
  });

  it('stands or falls with what it tells of', async () => {
    const chain = keysOf(newId()).pseudonym;
    const failing = instances[0]?.transaction(async (tx) => {
      await appendAuditEvents(tx, chain, [{ action: 'test.done', targetId: null, details: {} }]);
      throw new Error('It was not done.');
    });
    await expect(failing).rejects.toThrow('It was not done.');
    expect(await read(chain)).toEqual([]);
  });

  it('can only be added to: the database refuses to change, delete or empty it', async () => {
    await append(0, keysOf(newId()).pseudonym, 'test.done');
    for (const text of [
      "UPDATE audit_events SET action = 'nothing'",
      'DELETE FROM audit_events',
      'DELETE FROM audit_events WHERE false',
      'TRUNCATE audit_events',
    ]) {
      await expect(sql.rows(text)).rejects.toThrow('audit_events is append-only');
    }
  });

  it('names its owner by a pseudonym under their own key', () => {
    const [ownerId, key] = [newId(), newDataKey(1)];
    const { pseudonym } = new OwnerKeys(ownerId, [key]);
    expect(pseudonym).toHaveLength(32);
    expect(new OwnerKeys(ownerId, [key, newDataKey(2)]).pseudonym).toEqual(pseudonym);
    expect(new OwnerKeys(ownerId, [newDataKey(1)]).pseudonym).not.toEqual(pseudonym);
    expect(new OwnerKeys(newId(), [key]).pseudonym).not.toEqual(pseudonym);
  });
});
