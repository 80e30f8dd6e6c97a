import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CommitOutcomeUnknown } from '../../../src/platform/database.js';
import { MemoryRates } from '../../../src/platform/rates.js';
import { type Person, TestDomain } from './test-domain.js';

const createMutation = `mutation ($key: String) {
  createConversation(input: { idempotencyKey: $key }) { conversation { id } }
}`;
const limited = { code: 'RATE_LIMITED' };

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start(new MemoryRates({ conversations: 3, sends: 3, searches: 3 }));
});
beforeEach(async () => {
  person = await domain.person();
});
afterAll(() => domain.close());

const create = async (key: string | null = null) =>
  (await person.get<{ createConversation: { conversation: { id: string } } }>(createMutation, { key }))
    .createConversation.conversation.id;

const refusal = (key: string | null = null) => person.refusal(createMutation, { key });

describe('The rate of new conversations', () => {
  it('refuses one too many: RATE_LIMITED; somebody else’s is another', async () => {
    for (let made = 0; made < 3; made += 1) await create();
    expect(await refusal()).toMatchObject(limited);
    expect(await refusal('k')).toMatchObject(limited);
    person = await domain.person();
    await create();
  });

  it('costs a replay no points', async () => {
    const id = await create('k');
    for (let again = 0; again < 5; again += 1) expect(await create('k')).toBe(id);
    await create();
    await create();
    expect(await refusal()).toMatchObject(limited);
  });

  it('lets a replay through where there are no points left, and reads its key: CONFLICT, NOT_FOUND', async () => {
    const id = await create('k');
    await create();
    await create();
    expect(await create('k')).toBe(id);
    const other =
      'mutation { createConversation(input: { idempotencyKey: "k", title: "Another" }) { conversation { id } } }';
    expect(await person.refusal(other)).toMatchObject({ code: 'CONFLICT' });
    await person.get('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', { ids: [id] });
    expect(await refusal('k')).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes the point of what was made, though the outcome of its COMMIT was unknown at first', async () => {
    const transaction = domain.database.transaction.bind(domain.database);
    const lost = jest.spyOn(domain.database, 'transaction').mockImplementationOnce(async (work) => {
      await transaction(work);
      throw new CommitOutcomeUnknown(new Error('The connection was lost.'));
    });
    await create();
    lost.mockRestore();
    await create();
    await create();
    expect(await refusal()).toMatchObject(limited);
  });
});
