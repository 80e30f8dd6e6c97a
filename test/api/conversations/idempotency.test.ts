import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import {
  appendMutation,
  attempt,
  create,
  createMutation,
  type Outcome,
  readMessage,
  remove,
  sendMutation,
} from '../../support/conversations.js';
import { answered, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { SqlClient, uuidOf, waitingForLocks } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';

let both: TwoInstances;
let model: ModelServer;
let instances: readonly [TestApp, TestApp];
let sql: SqlClient;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model);
  ({ instances, sql } = both);
});

afterAll(() => both?.close());

/** One person at both instances, with a conversation. */
let people: readonly [Person, Person];
let conversationId: string;
let testNumber = 0;

beforeEach(async () => {
  testNumber += 1;
  people = [instances[0].person(`person ${testNumber}`), instances[1].person(`person ${testNumber}`)];
  model.replyWith(answered('One ', 'two.'));
  conversationId = await create(people[0]);
});

interface Payload {
  readonly conversation: { readonly id: string };
  readonly message?: { readonly id: string };
  readonly answer?: { readonly id: string };
  readonly messages?: readonly { readonly id: string }[];
}

/** A mutation that takes a key, what it is given, and the same with other content. */
const mutations = [
  {
    name: 'sendMessage',
    mutation: sendMutation,
    input: () => ({ conversationId, content: 'What?', metadata: { a: 1, b: { c: [1, 2] } } }),
    reordered: () => ({ metadata: { b: { c: [1, 2] }, a: 1 }, content: 'What?', conversationId }),
    others: () => [{ content: 'Why?' }, { metadata: { a: 2 } }, { whenBusy: 'CANCEL' }],
    makes: { conversations: 1, messages: 2, calls: 1 },
  },
  {
    name: 'sendMessage with a new conversation',
    mutation: sendMutation,
    input: () => ({ content: 'What?', newConversation: { title: 'One' } }),
    reordered: () => ({ newConversation: { title: 'One' }, content: 'What?' }),
    others: () => [{ content: 'Why?' }, { newConversation: { title: 'Two' } }, { newConversation: null }],
    makes: { conversations: 2, messages: 2, calls: 1 },
  },
  {
    name: 'appendMessages',
    mutation: appendMutation,
    input: () => ({ conversationId, messages: ['one', 'two', 'three'].map((content) => ({ role: 'USER', content })) }),
    reordered: () => ({
      messages: ['one', 'two', 'three'].map((content) => ({ content, role: 'USER' })),
      conversationId,
    }),
    others: () => [{ messages: [{ role: 'USER', content: 'one' }] }, { whenBusy: 'CANCEL' }],
    makes: { conversations: 1, messages: 3, calls: 0 },
  },
  {
    name: 'createConversation',
    mutation: createMutation,
    input: () => ({ title: 'One', systemPrompt: 'Be brief.' }),
    reordered: () => ({ systemPrompt: 'Be brief.', title: 'One' }),
    others: () => [{ title: 'Two' }, { title: null }, { metadata: {} }],
    makes: { conversations: 2, messages: 0, calls: 0 },
  },
] as const;

async function run(mutation: string, input: object, person = people[0]): Promise<Outcome<Payload>> {
  const { data, ...refused } = await attempt<Record<string, Payload>>(person, mutation, { input });
  return data ? { data: Object.values(data)[0] as Payload } : (refused as Outcome<Payload>);
}

async function payloadOf(mutation: string, input: object, person = people[0]): Promise<Payload> {
  const { data, ...refused } = await run(mutation, input, person);
  if (!data) throw new Error(`The mutation was refused: ${JSON.stringify(refused)}`);
  return data;
}

/** The ids in a payload: what it made. */
const idsOf = ({ conversation, message, answer, messages = [] }: Payload) =>
  [conversation, message, answer, ...messages].map((made) => made?.id);

/** How much the person of this test has, deleted things included while their rows are there. */
async function rowsOfPerson() {
  return await sql.row<{ conversations: number; messages: number; runs: number }>(
    `SELECT (SELECT count(*)::integer FROM conversations WHERE owner_id = users.id) AS conversations,
       (SELECT count(*)::integer FROM messages WHERE owner_id = users.id) AS messages,
       (SELECT count(*)::integer FROM answer_runs WHERE owner_id = users.id) AS runs
     FROM users WHERE subject = $1`,
    [`person ${testNumber}`],
  );
}

const answersAreFinal = () => until('no answer runs', async () => (await rowsOfPerson()).runs === 0);

describe.each(mutations)('$name with the same idempotencyKey', ({ mutation, input, makes }) => {
  it('100 times at once over two instances: made once, one model call at most, and all are told the same ids', async () => {
    const keyed = { ...input(), idempotencyKey: 'a key' };
    const payloads = await Promise.all(
      Array.from({ length: 100 }, (_, index) => payloadOf(mutation, keyed, people[index % 2 === 0 ? 0 : 1])),
    );
    const [first = [], ...rest] = payloads.map(idsOf);
    for (const ids of rest) expect(ids).toEqual(first);
    await answersAreFinal();
    expect(model.calls).toHaveLength(makes.calls);
    expect(await rowsOfPerson()).toEqual({ conversations: makes.conversations, messages: makes.messages, runs: 0 });
  });

  it('"the same payload" is the same ids in their present state', async () => {
    const keyed = { ...input(), idempotencyKey: 'a key' };
    const first = await payloadOf(mutation, keyed);
    await answersAreFinal();
    await people[1].data(
      'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
      {
        input: { id: first.conversation.id, title: 'Renamed since' },
      },
    );
    const again = await payloadOf(mutation, keyed, people[1]);
    expect(idsOf(again)).toEqual(idsOf(first));
    if (again.answer) expect(again.answer).toMatchObject({ status: 'COMPLETE', content: 'One two.' });
    if ('title' in again.conversation) expect(again.conversation).toMatchObject({ title: 'Renamed since' });
    expect(model.calls).toHaveLength(makes.calls);
  });
});

describe.each(mutations)('The idempotencyKey of $name', ({ mutation, input, reordered, others, makes }) => {
  it('has a fingerprint of the whole input: other content is CONFLICT, another order of fields is not', async () => {
    const first = await payloadOf(mutation, { ...input(), idempotencyKey: 'a key' });
    for (const other of others()) {
      const outcome = await run(mutation, { ...input(), ...other, idempotencyKey: 'a key' }, people[1]);
      expect(outcome).toMatchObject({ code: 'CONFLICT', reason: 'IDEMPOTENCY_KEY_REUSED' });
    }
    expect(idsOf(await payloadOf(mutation, { idempotencyKey: 'a key', ...reordered() }))).toEqual(idsOf(first));
    await answersAreFinal();
    expect(await rowsOfPerson()).toEqual({ conversations: makes.conversations, messages: makes.messages, runs: 0 });
  });

  it('outlives what it made: NOT_FOUND once that is deleted, also when its rows are gone, and nothing starts', async () => {
    const keyed = { ...input(), idempotencyKey: 'a key' };
    const { conversation } = await payloadOf(mutation, keyed);
    await answersAreFinal();
    await remove(people[0], conversation.id);
    expect(await run(mutation, keyed)).toMatchObject({ code: 'NOT_FOUND' });
    await until('the rows to be removed', async () => {
      return (await sql.rows('SELECT FROM conversations WHERE id = $1', [uuidOf(conversation.id)])).length === 0;
    });
    for (const person of people) expect(await run(mutation, keyed, person)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await rowsOfPerson()).toEqual({ conversations: makes.conversations - 1, messages: 0, runs: 0 });
    expect(model.calls).toHaveLength(makes.calls);
  });

  it("is the viewer's: another person's same key is another key", async () => {
    const keyed = { ...input(), idempotencyKey: 'a key' };
    const mine = await payloadOf(mutation, keyed);
    const stranger = instances[1].person();
    const theirs = { ...keyed, ...('conversationId' in keyed && { conversationId: await create(stranger) }) };
    const made = idsOf(await payloadOf(mutation, theirs, stranger));
    expect(made.filter((id) => id !== undefined && idsOf(mine).includes(id))).toEqual([]);
    await answersAreFinal();
    await until('their answer', () => model.calls.length === 2 * makes.calls);
  });
});

describe.each(mutations)('$name with the same idempotencyKey as one that is still running', ({ mutation, input }) => {
  it('is answered when that is: it waits for its transaction', async () => {
    const holder = await SqlClient.connect(instances[0].database.url);
    try {
      // The first has claimed the key when it comes to its owner's row, which somebody else holds.
      await holder.rows('BEGIN');
      await holder.rows('SELECT FROM users FOR UPDATE');
      const keyed = { ...input(), idempotencyKey: 'a key' };
      const first = payloadOf(mutation, keyed, people[0]);
      await until('the first waits', async () => (await waitingForLocks(sql)) === 1);
      const second = payloadOf(mutation, keyed, people[1]);
      await until('the second waits, too', async () => (await waitingForLocks(sql)) === 2);
      await holder.rows('COMMIT');
      expect(idsOf(await second)).toEqual(idsOf(await first));
      await answersAreFinal();
    } finally {
      await holder.close();
    }
  });
});

describe('An idempotencyKey', () => {
  it('is one over all mutations: the same for another mutation is CONFLICT', async () => {
    for (const { name, mutation, input } of mutations) {
      const idempotencyKey = `key of ${name}`;
      await payloadOf(mutation, { ...input(), idempotencyKey });
      await answersAreFinal();
      for (const other of mutations.filter((one) => one.mutation !== mutation)) {
        expect(await run(other.mutation, { ...other.input(), idempotencyKey })).toMatchObject({
          code: 'CONFLICT',
          reason: 'IDEMPOTENCY_KEY_REUSED',
        });
      }
    }
  });

  it.each(mutations)(
    'of 1 to 128 characters: $name refuses others with BAD_USER_INPUT',
    async ({ mutation, input }) => {
      for (const idempotencyKey of ['', 'k'.repeat(129), 'a\u0000b', '\ud800']) {
        const outcome = await run(mutation, { ...input(), idempotencyKey });
        expect(outcome).toMatchObject({ code: 'BAD_USER_INPUT', field: 'input.idempotencyKey' });
      }
      const longest = { ...input(), idempotencyKey: '🔑'.repeat(64) };
      expect(idsOf(await payloadOf(mutation, longest))).toEqual(idsOf(await payloadOf(mutation, longest, people[1])));
      await answersAreFinal();
    },
  );

  it('of a send stands at its question, for the client that showed it before', async () => {
    const { message } = await payloadOf(sendMutation, { content: 'What?', idempotencyKey: 'Grüße 🔑' });
    const { data } = await people[1].graphql('query ($id: ID!) { message(id: $id) { idempotencyKey } }', {
      id: message?.id,
    });
    expect(data).toEqual({ message: { idempotencyKey: 'Grüße 🔑' } });
    expect((await readMessage(people[0], message?.id ?? '')).content).toBe('What?');
    await answersAreFinal();
  });

  it('that was refused is free: a request that was not carried out does not use its key up', async () => {
    const input = { conversationId, content: 'What?', idempotencyKey: 'a key' };
    const missing = `cnv_${'0'.repeat(32)}`;
    expect(await run(sendMutation, { ...input, conversationId: missing })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await run(sendMutation, { ...input, content: '' })).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect((await payloadOf(sendMutation, input)).conversation.id).toBe(conversationId);
    await answersAreFinal();
  });
});
