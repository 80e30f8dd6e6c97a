import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import { append, attempt, create, readMessage, remove, send } from '../../support/conversations.js';
import {
  answered,
  bytes,
  chunk,
  cut,
  done,
  event,
  stalled,
  usageChunk,
  withStatus,
} from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';
import { personWith, pricedModels, readUsage, usageFields, usageOfConversation, used } from '../../support/usage.js';

let both: TwoInstances;
let model: ScriptedModel;
let instances: readonly [TestApp, TestApp];
let sql: SqlClient;

beforeAll(async () => {
  model = await ScriptedModel.start();
  both = await startTwoInstances(model, pricedModels());
  ({ instances, sql } = both);
});

afterAll(() => both?.close());

/** The same person at both instances. */
function someone(claims: object = {}): readonly [Person, Person] {
  const name = randomUUID();
  return [personWith(instances[0], name, claims), personWith(instances[1], name, claims)];
}

async function final(person: Person, id: string): Promise<string> {
  return await until('the answer is final', async () => {
    const { status } = await readMessage(person, id);
    return status === 'STREAMING' ? null : status;
  });
}

const cancelMutation = 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { status } } }';

async function cancelOnceWritten(person: Person, id: string): Promise<void> {
  await until('something is written', async () => (await readMessage(person, id)).content !== '');
  await person.data(cancelMutation, { id });
}

/** Asks at the first instance; the question says how it is answered. */
async function ask(person: Person, reply: Parameters<ScriptedModel['answer']>[1], input: object = {}) {
  const content = randomUUID();
  model.answer(content, reply);
  return await send(person, { content, ...input });
}

const text = chunk({ content: 'Some text. ' });

describe('What answers used', () => {
  it.each([
    { ending: 'COMPLETE', known: 'all', reply: answered('One ', 'two.'), sums: used(1, 7, 2, 11, 0) },
    { ending: 'COMPLETE', known: 'nothing', reply: bytes(text, chunk({}, 'stop'), done), sums: used(1, 0, 0, 0, 1) },
    {
      ending: 'COMPLETE',
      known: 'one of three',
      reply: bytes(text, chunk({}, 'stop'), event({ choices: [], usage: { prompt_tokens: 5 } }), done),
      sums: used(1, 5, 0, 0, 1),
    },
    { ending: 'INTERRUPTED', known: 'nothing', reply: cut(text), sums: used(1, 0, 0, 0, 1) },
    { ending: 'INTERRUPTED', known: 'all', reply: cut(text, usageChunk(3, 4)), sums: used(1, 3, 4, 11, 0) },
    { ending: 'FAILED', known: 'nothing', reply: withStatus(400), sums: used(1, 0, 0, 0, 1) },
    { ending: 'CANCELLED', known: 'nothing', reply: stalled(text), sums: used(1, 0, 0, 0, 1) },
    { ending: 'CANCELLED', known: 'all', reply: stalled(usageChunk(3, 4), text), sums: used(1, 3, 4, 11, 0) },
  ])('$ending with $known reported counts what is known: unknown is not zero', async ({ ending, reply, sums }) => {
    const [here, there] = someone();
    const { conversation, answer } = await ask(here, reply);
    if (ending === 'CANCELLED') await cancelOnceWritten(there, answer.id);
    expect(await final(there, answer.id)).toBe(ending);
    expect(await readUsage(there)).toEqual(sums);
    expect(await usageOfConversation(here, conversation.id)).toEqual(sums);
  });

  it('is counted where another instance settles a lost answer, for the department of whoever asked', async () => {
    const [here, there] = someone({ dept: 'Lost and found' });
    const { answer } = await ask(here, stalled(text));
    await until('it is durable', () =>
      sql
        .rows('SELECT FROM answer_runs WHERE message_id = $1 AND chunks > 0', [uuidOf(answer.id)])
        .then((rows) => rows.length > 0),
    );
    await sql.rows(
      `UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '20 s',
         suspect_since = now() - interval '6 s' WHERE message_id = $1`,
      [uuidOf(answer.id)],
    );
    expect(await final(there, answer.id)).toBe('INTERRUPTED');
    expect(await readUsage(there)).toEqual(used(1, 0, 0, 0, 1));
    const days = `SELECT model, department, estimated_tokens::integer AS tokens FROM usage_days
      WHERE owner_id = (SELECT owner_id FROM messages WHERE id = $1)`;
    // The question, of 36 bytes, and what was durable of the answer, of 11.
    expect(await sql.rows(days, [uuidOf(answer.id)])).toEqual([
      { model: 'scripted', department: 'Lost and found', tokens: 12 + 4 },
    ]);
  });

  it('counts appended answers with what they report, and nothing else that is appended', async () => {
    const [here, there] = someone();
    const conversationId = await create(here);
    const reported = { role: 'ASSISTANT', content: 'A', promptTokens: 10, completionTokens: 20, costMicroUsd: 30 };
    const messages = [
      { role: 'USER', content: 'Q', promptTokens: 1000 },
      { ...reported, model: 'b', createdAt: '2001-01-01T00:00:00.000Z' },
      { role: 'TOOL', content: 'T', costMicroUsd: 1000 },
      { ...reported, model: 'a', completionTokens: null },
      { role: 'ASSISTANT', content: 'Nothing known.' },
    ];
    const input = { conversationId, messages, idempotencyKey: 'once' };
    await append(here, input);
    await append(there, input);
    const sums = used(3, 20, 20, 60, 2);
    expect(await readUsage(there)).toEqual(sums);
    expect(await usageOfConversation(there, conversationId)).toEqual(sums);
  });

  it('is not taken back where the conversation is deleted, also while an answer is written', async () => {
    const [here, there] = someone();
    const { conversation, answer } = await ask(here, answered('One.'));
    await final(here, answer.id);
    const running = await ask(here, stalled(text), { conversationId: conversation.id });
    await until('something is written', async () => (await readMessage(here, running.answer.id)).content !== '');
    await remove(there, conversation.id);
    expect(await readUsage(here)).toEqual(used(2, 7, 1, 9, 1));
  });

  it('counts answers that end at the same time, on both instances, each once', async () => {
    const people = someone();
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, number) =>
        ask(people[number % 2 === 0 ? 0 : 1], answered('One ', 'two ', 'three.')),
      ),
    );
    for (const { answer } of answers) await final(people[0], answer.id);
    expect(await readUsage(people[1])).toEqual(used(24, 24 * 7, 24 * 3, 24 * 13, 0));
  });
});

describe('A period', () => {
  /** Somebody who used as many tokens as the day of the month, on the last days of 2025. */
  async function withDays(): Promise<Person> {
    const [person] = someone();
    const { viewer } = await person.data<{ viewer: { id: string } }>('{ viewer { id } }');
    await sql.rows(
      `INSERT INTO usage_days (owner_id, day, model, department, answers, prompt_tokens, completion_tokens,
         cost_micro_usd, unreported_answers, estimated_tokens, estimated_cost_micro_usd)
       SELECT $1, make_date(2025, 12, n), 'scripted', '', 1, n, 0, 9007199254740000, 0, 0, 0
       FROM generate_series(28, 31) AS n`,
      [uuidOf(viewer.id)],
    );
    return person;
  }

  it.each([
    [{}, 118, 'open at both ends'],
    [{ from: '2025-12-30T00:00:00Z' }, 61, 'from a midnight in UTC on'],
    [{ to: '2025-12-30T00:00:00Z' }, 57, 'up to a midnight in UTC, and not that day: half-open'],
    [{ from: '2025-12-29T00:00:00Z', to: '2025-12-31T00:00:00Z' }, 59, 'of two days'],
    [{ from: '2025-12-29T23:59:59.999Z', to: '2025-12-30T00:00:00.001Z' }, 59, 'of all days that it touches, whole'],
    [
      { from: '2025-12-30T01:00:00+02:00', to: '2025-12-30T01:00:00+01:00' },
      29,
      'in UTC, whatever the zone it was said in',
    ],
    [{ from: '2025-12-29T12:00:00Z', to: '2025-12-29T12:00:00Z' }, 0, 'of nothing'],
    [{ from: '0001-01-01T00:00:00Z', to: '9999-12-31T23:59:59.999Z' }, 118, 'of all time'],
  ])('%j gives the sums of whole days: %i tokens, %s', async (period, tokens, _which) => {
    expect((await readUsage(await withDays(), period)).promptTokens).toBe(tokens);
  });

  it('that ends before it begins is BAD_USER_INPUT, and names the argument', async () => {
    const [person] = someone();
    const document = '{ viewer { usage(from: "2026-01-02T00:00:00Z", to: "2026-01-01T23:00:00Z") { answers } } }';
    expect(await attempt(person, document, {})).toMatchObject({ code: 'BAD_USER_INPUT', field: 'to' });
  });

  it('is summed exactly to 2^53, and begins with the day in UTC by the database’s clock', async () => {
    const person = await withDays();
    expect((await readUsage(person, { from: '2025-12-31T00:00:00Z' })).costMicroUsd).toBe(9007199254740000);
    const { answer } = await ask(person, answered('One.'));
    await final(person, answer.id);
    const { day } = await sql.row<{ day: string }>(
      `SELECT to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day FROM messages WHERE id = $1`,
      [uuidOf(answer.id)],
    );
    expect((await readUsage(person, { from: `${day}T00:00:00Z` })).answers).toBe(1);
    expect((await readUsage(person, { from: '2026-01-01T00:00:00Z', to: `${day}T00:00:00Z` })).answers).toBe(0);
  });
});

describe('Usage, where many ask', () => {
  it('is nobody else’s', async () => {
    const [[owner], [other]] = [someone(), someone()];
    const { conversation, answer } = await ask(owner, answered('One.'));
    await final(owner, answer.id);
    expect(await readUsage(other)).toEqual(used(0, 0, 0, 0, 0));
    const query = `query ($id: ID!) { conversation(id: $id) { usage { ${usageFields} } } }`;
    expect(await other.data(query, { id: conversation.id })).toEqual({ conversation: null });
    expect(await readUsage(owner)).toEqual(used(1, 7, 1, 9, 0));
  });

  it('takes one statement for all periods and viewers of an operation, and none for those of conversations in lists', async () => {
    const [person] = someone();
    const { viewer } = await person.data<{ viewer: { id: string } }>('{ viewer { id } }');
    const list = '{ conversations(first: 50) { nodes { id } } }';
    const listWithUsage = `{ conversations(first: 50) { nodes { id usage { ${usageFields} } } } }`;
    for (let number = 0; number < 10; number += 1) await create(person);
    const statementsOf = async (query: string, variables: object = {}) =>
      (await instances[0].statementsOf(() => person.data(query, variables))).toSorted();
    expect(await statementsOf(listWithUsage)).toEqual(await statementsOf(list));
    const nested = `query ($ids: [ID!]!) {
      viewer { a: usage { answers } b: usage(from: "2026-01-01T00:00:00Z") { answers } }
      nodes(ids: $ids) { ... on Viewer { usage(to: "2026-01-01T00:00:00Z") { answers } } }
    }`;
    expect(await statementsOf(nested, { ids: Array.from({ length: 50 }, () => viewer.id) })).toEqual(
      await statementsOf('{ viewer { usage { answers } } }'),
    );
  });
});
