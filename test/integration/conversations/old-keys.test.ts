import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { forgetRequests, readRequest } from '../../../src/conversations/request.repository.js';
import { statement } from '../../../src/platform/database.js';
import { newId } from '../../../src/platform/ids.js';
import { type Explained, planIn } from '../../support/plans.js';
import { unnamed } from '../../support/unnamed.js';
import { type Person, TestDomain } from './test-domain.js';

const plantStatement = statement(
  'test.requests.plant',
  `INSERT INTO requests (owner_id, key, fingerprint, made, created_at)
   SELECT $1, uuid_send(gen_random_uuid()), '', '{}', now() - $3::interval FROM generate_series(1, $2::integer)`,
);
const countStatement = statement('test.requests.count', 'SELECT count(*)::integer AS count FROM requests');
const ageStatement = statement('test.requests.age', 'UPDATE requests SET created_at = created_at - $1::interval');
const clearStatement = statement('test.requests.clear', 'DELETE FROM requests');

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
});
beforeEach(async () => {
  await domain.database.query(clearStatement, []);
});
afterAll(() => domain.close());

const plant = (count: number, age: string) => domain.database.query(plantStatement, [person.id, count, age]);
const left = async () => (await domain.database.query<{ count: number }>(countStatement, []))[0]?.count;
const forget = (batch = 1000) => forgetRequests(domain.database, batch);

async function create(idempotencyKey: string): Promise<string> {
  const { createConversation } = await person.get<{ createConversation: { conversation: { id: string } } }>(
    'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { conversation { id } } }',
    { input: { idempotencyKey } },
  );
  return createConversation.conversation.id;
}

describe('Idempotency keys', () => {
  it('are forgotten after 30 days, a batch at a time, and not before', async () => {
    await plant(25, '30 days 1 s');
    await plant(3, '29 days 23 h');
    expect([await forget(10), await forget(10), await forget(10), await forget(10)]).toEqual([10, 10, 5, 0]);
    expect(await left()).toBe(3);
  });

  it('are forgotten by several instances at once, each key by one of them', async () => {
    await plant(400, '31 days');
    const counts = await Promise.all(Array.from({ length: 6 }, () => forget(100)));
    const later = [await forget(), await forget()];
    expect([...counts, ...later].reduce((sum, count) => sum + count, 0)).toBe(400);
    expect(await left()).toBe(0);
  });

  it('that somebody holds are left for the next time, and nothing waits for them', async () => {
    await plant(5, '31 days');
    await domain.database.transaction(async (tx) => {
      await tx.query(unnamed('SELECT FROM requests LIMIT 2 FOR UPDATE'), []);
      expect(await forget()).toBe(3);
    });
    expect(await forget()).toBe(2);
  });

  it('make the same thing for 30 days, and something new after that', async () => {
    const first = await create('a key');
    await domain.database.query(ageStatement, ['29 days 23 h']);
    await forget();
    expect(await create('a key')).toBe(first);
    await domain.database.query(ageStatement, ['2 h']);
    await forget();
    expect(await create('a key')).not.toBe(first);
  });

  it('that were forgotten between claim and read are asked for again: UNAVAILABLE, and UNAUTHENTICATED for nobody', async () => {
    const claim = { ownerId: person.id, key: randomBytes(32), fingerprint: randomBytes(32), made: {} };
    const read = (ownerId: string) => domain.database.transaction((tx) => readRequest(tx, { ...claim, ownerId }));
    await expect(read(person.id)).rejects.toMatchObject({ code: 'UNAVAILABLE', extensions: { retryable: true } });
    await expect(read(newId())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('that are young cost the search for old ones nothing, however many they are', async () => {
    await plant(20_000, '1 day');
    await domain.database.query(unnamed('VACUUM (ANALYZE) requests'), []);
    const buffers = await domain.database.transaction(async (tx) => {
      const explained = await tx.query<Explained>(
        unnamed(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT FROM requests
         WHERE created_at < now() - interval '30 days' ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED`),
        [],
      );
      return planIn(explained).buffers;
    });
    expect(buffers).toBeLessThan(10);
  });
});
