import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import {
  append,
  attempt,
  create,
  readMessage,
  remove,
  type Sent,
  send,
  sendMutation,
} from '../../support/conversations.js';
import { bytes, chunk, done, event, type ModelReply, stalled, withStatus } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { until } from '../../support/until.js';
import { personWith, pricedModels, readUsage } from '../../support/usage.js';

const dayMs = 24 * 60 * 60_000;
/** An answer reserves its question, of 12 tokens, and 100 more. */
const questionTokens = 12;
const answerTokens = 100;
const reservation = questionTokens + answerTokens;

let model: ScriptedModel;
let sql: SqlClient;
/** Two instances with a quota of tokens, and one with a quota of costs, on the same database. */
let instances: readonly [TestApp, TestApp];
let priced: TestApp;

const limits = { poolWaitMs: 20_000, lockMs: 20_000, statementMs: 20_000 };
const tokensPerDay = 3 * reservation + 20;
const costMicroUsdPerDay = 3 * (questionTokens + 2 * answerTokens) + 20;

beforeAll(async () => {
  model = await ScriptedModel.start();
  const env = { ...model.env, ...pricedModels(answerTokens), LIMITS: JSON.stringify({ ...limits, tokensPerDay }) };
  const first = await startApp({ redis: true, env });
  const costs = { LIMITS: JSON.stringify({ ...limits, costMicroUsdPerDay }) };
  instances = [first, await startApp({ beside: first })];
  priced = await startApp({ beside: first, env: costs });
  sql = await SqlClient.connect(first.database.url);
});

afterAll(async () => {
  await sql?.close();
  await model?.stop();
  await priced?.close();
  await instances?.[1].close();
  await instances?.[0].close();
});

function someone(): readonly [Person, Person] {
  const name = randomUUID();
  return [personWith(instances[0], name, {}), personWith(instances[1], name, {})];
}

/** A question that is answered so. */
function question(reply: ModelReply): { readonly content: string } {
  const content = randomUUID();
  model.answer(content, reply);
  return { content };
}

const running = () => question(stalled(chunk({ content: 'Twelve bytes' })));
const reporting = (promptTokens: number, completionTokens: number) =>
  question(
    bytes(
      chunk({ content: 'Well.' }, 'stop'),
      event({ choices: [], usage: { prompt_tokens: promptTokens, completion_tokens: completionTokens } }),
      done,
    ),
  );

const ask = (person: Person, input: object) => attempt<Sent>(person, sendMutation, { input });

async function final(person: Person, id: string): Promise<void> {
  await until('the answer is final', async () => (await readMessage(person, id)).status !== 'STREAMING');
}

async function askToTheEnd(person: Person, input: object): Promise<Sent['sendMessage']> {
  const sent = await send(person, input);
  await final(person, sent.answer.id);
  return sent;
}

const cancelMutation = 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { status } } }';

async function cancelOnceWritten(person: Person, id: string): Promise<void> {
  await until('something is written', async () => (await readMessage(person, id)).content !== '');
  await person.data(cancelMutation, { id });
}

const untilTomorrow = { code: 'RATE_LIMITED', message: expect.stringContaining('tokensPerDay') };

function expectUntilTomorrow(outcome: { readonly code?: string | undefined; readonly retryAfterMs?: unknown }): void {
  expect(outcome).toMatchObject(untilTomorrow);
  const leftMs = dayMs - (Date.now() % dayMs);
  expect(Math.abs(Number(outcome.retryAfterMs) - leftMs)).toBeLessThan(60_000);
}

/** What the owner of an answer has counted for quotas today, in tokens. */
async function counted(answerId: string): Promise<number> {
  const { tokens } = await sql.row<{ tokens: number }>(
    `SELECT coalesce(sum(prompt_tokens + completion_tokens + estimated_tokens), 0)::integer AS tokens FROM usage_days
     WHERE owner_id = (SELECT owner_id FROM messages WHERE id = $1)`,
    [uuidOf(answerId)],
  );
  return tokens;
}

describe('A quota of tokens', () => {
  it('refuses what might not fit, with the time until the next day in UTC and the quota’s name, on every instance', async () => {
    const [here, there] = someone();
    await askToTheEnd(here, reporting(100, 100));
    await askToTheEnd(there, reporting(20, 25));
    for (const person of [here, there]) {
      const { errors } = await person.graphql(sendMutation, { input: running() });
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', quota: 'tokensPerDay' });
      expectUntilTomorrow(await ask(person, running()));
    }
    expect(await readUsage(here)).toMatchObject({ answers: 2, promptTokens: 120, completionTokens: 125 });
    expect(await ask(someone()[0], running())).not.toHaveProperty('code');
  });

  it('lets through what fits to the last token', async () => {
    const [here, there] = someone();
    await askToTheEnd(here, reporting(100, tokensPerDay - reservation - 100));
    expect(await ask(there, running())).not.toHaveProperty('code');
  });

  it('is not overdrawn by many devices that send at once on two instances: what may be used is reserved', async () => {
    const people = someone();
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, number) => ask(people[number % 2 === 0 ? 0 : 1], running())),
    );
    expect(outcomes.filter(({ code }) => code === undefined)).toHaveLength(3);
    // One of the running ones may end soon, and use less.
    for (const outcome of outcomes.filter(({ code }) => code !== undefined)) {
      expect(outcome).toMatchObject({ ...untilTomorrow, retryAfterMs: 1000 });
    }
    const [first] = outcomes.flatMap(({ data }) => (data ? [data.sendMessage] : []));
    await cancelOnceWritten(people[1], first?.answer.id ?? '');
    expect(await ask(people[0], running())).not.toHaveProperty('code');
  });

  it.each([
    ['what is reported, in place of the reservation', () => reporting(5, 6), 11],
    [
      'an estimate of what is not: the prompt, and the text',
      () => question(bytes(chunk({ content: 'Twelve bytes' }, 'stop'), done)),
      questionTokens + 4,
    ],
    ['nothing where the model failed before its first word', () => question(withStatus(400)), 0],
  ])('counts %s', async (_what, input, tokens) => {
    const [here] = someone();
    const { answer } = await askToTheEnd(here, input());
    expect(await counted(answer.id)).toBe(tokens);
  });

  it('counts answers that are cancelled, lost or deleted before their end by estimate, so that none of it is a way around', async () => {
    const [here, there] = someone();
    const cancelled = await send(here, running());
    await cancelOnceWritten(there, cancelled.answer.id);
    expect(await counted(cancelled.answer.id)).toBe(questionTokens + 4);
    const deleted = await send(here, running());
    const durable = 'SELECT FROM answer_runs WHERE message_id = $1 AND durable_content > 0';
    await until('it is durable', async () => (await sql.rows(durable, [uuidOf(deleted.answer.id)])).length > 0);
    await remove(there, deleted.conversation.id);
    expect(await counted(cancelled.answer.id)).toBe(2 * questionTokens + 4 + 12);
  });

  it('gets back what a lost answer reserved once another instance has settled it', async () => {
    const [here, there] = someone();
    const { conversation, answer } = await send(here, running());
    const { reserved } = await sql.row<{ reserved: number }>(
      `UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '20 s',
         suspect_since = now() - interval '6 s', reserved_completion_tokens = 300
       WHERE message_id = $1 RETURNING reserved_prompt_tokens + reserved_completion_tokens AS reserved`,
      [uuidOf(answer.id)],
    );
    expect(reserved).toBe(questionTokens + 300);
    await final(there, answer.id);
    expect(await counted(answer.id)).toBeLessThanOrEqual(questionTokens + 4);
    expect(await ask(there, { ...running(), conversationId: conversation.id })).not.toHaveProperty('code');
  });

  it('is not asked again for a key that was used, and a refusal makes nothing', async () => {
    const [here, there] = someone();
    const input = { ...reporting(100, tokensPerDay - 100), idempotencyKey: 'once' };
    const { answer } = await askToTheEnd(here, input);
    const replayed = await ask(there, input);
    expect(replayed.data?.sendMessage.answer.id).toBe(answer.id);
    const refused = { ...running(), idempotencyKey: 'twice' };
    expectUntilTomorrow(await ask(there, refused));
    expectUntilTomorrow(await ask(here, refused));
    expect(model.timesAsked(refused.content)).toBe(0);
    const { conversations } = await here.data<{ conversations: object }>('{ conversations { totalCount } }');
    expect(conversations).toEqual({ totalCount: 1 });
  });

  it('reserves the whole prompt that the model may be shown, and takes back what whenBusy CANCEL cancels', async () => {
    const [here, there] = someone();
    const conversationId = await create(here);
    await append(here, { conversationId, messages: [{ role: 'USER', content: 'x'.repeat(300) }] });
    const first = await send(here, { ...running(), conversationId });
    const reserved = 'SELECT reserved_prompt_tokens AS tokens FROM answer_runs WHERE message_id = $1';
    expect(await sql.row(reserved, [uuidOf(first.answer.id)])).toEqual({ tokens: 100 + questionTokens });
    // Another 212 do not fit beside these 212, but fit when they are gone.
    expect(await ask(there, { ...running(), conversationId, whenBusy: 'CANCEL' })).not.toHaveProperty('code');
  });

  it('counts of an unreported prompt what the model was shown, and nothing of other branches', async () => {
    const [here] = someone();
    const conversationId = await create(here);
    const said = (content: string) => ({ role: 'USER', content });
    const { messages } = await append(here, { conversationId, messages: [said('abc'), said('x'.repeat(300))] });
    const unreported = question(bytes(chunk({ content: 'Twelve bytes' }, 'stop'), done));
    const { answer } = await askToTheEnd(here, { ...unreported, conversationId, parentId: messages[0]?.id });
    expect(await counted(answer.id)).toBe(1 + questionTokens + 4);
  });

  it('holds for edited questions and for answers that are asked for anew', async () => {
    const [here, there] = someone();
    const { message, answer } = await askToTheEnd(here, reporting(100, tokensPerDay - 100));
    const edit = 'mutation ($input: EditMessageInput!) { editMessage(input: $input) { answer { id } } }';
    const edited = { messageId: message.id, content: 'Anew?' };
    expectUntilTomorrow(await attempt(there, edit, { input: edited }));
    const regenerate =
      'mutation ($input: RegenerateAnswerInput!) { regenerateAnswer(input: $input) { answer { id } } }';
    for (const messageId of [message.id, answer.id]) {
      expectUntilTomorrow(await attempt(there, regenerate, { input: { messageId } }));
    }
    expect(await counted(answer.id)).toBe(tokensPerDay);
  });

  it('takes no statement of its own: a send and a settle say as much as without one', async () => {
    const person = personWith(instances[0], randomUUID(), {});
    const conversationId = await create(person);
    const began = ['requests.claimKeyCounting', 'conversations.insert'];
    const found = ['requests.claimAndLockCounting', 'messages.surroundings'];
    const settle = ['conversations.lock', 'runs.take', 'answers.finish'];
    for (const [input, looks] of [[{ conversationId }, found] as const, [{}, began] as const]) {
      instances[0].statements.length = 0;
      await askToTheEnd(person, { ...reporting(1, 1), ...input });
      // Whatever else is said is no part of the two.
      const own = /^(requests\.claim|usage|answers|conversations\.(insert|lock)|runs\.take|messages\.(append|surr))/;
      const statements = instances[0].statements.filter((name) => own.test(name));
      expect(statements.toSorted()).toEqual([...looks, 'messages.append', ...settle].toSorted());
    }
  });

  it('counts what is appended today, refuses no append, and begins anew with the next day', async () => {
    const [here, there] = someone();
    const conversationId = await create(here);
    const said = { role: 'ASSISTANT', content: 'A', promptTokens: tokensPerDay, completionTokens: 1, model: 'mine' };
    for (const person of [here, there]) await append(person, { conversationId, messages: [said] });
    expectUntilTomorrow(await ask(there, running()));
    await sql.rows("UPDATE usage_days SET day = day - 1 WHERE model = 'mine'");
    expect(await ask(there, running())).not.toHaveProperty('code');
  });
});

describe('A quota of costs', () => {
  const someonePriced = () => personWith(priced, randomUUID(), {});

  it('counts millionths of a dollar, at the prices of each model', async () => {
    const person = someonePriced();
    await askToTheEnd(person, reporting(12, 200 + 5));
    const { errors } = await person.graphql(sendMutation, {
      input: running(),
    });
    expect(errors).toBeUndefined();
    const refused = await person.graphql(sendMutation, { input: running() });
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', quota: 'costMicroUsdPerDay' });
  });

  it('counts nothing for a model without prices', async () => {
    const person = someonePriced();
    await askToTheEnd(person, { ...reporting(1_000_000, 1_000_000), model: 'plain' });
    expect(await ask(person, running())).not.toHaveProperty('code');
  });

  it('counts an unreported answer at the price that it was reserved at', async () => {
    const person = someonePriced();
    const { answer } = await askToTheEnd(person, question(bytes(chunk({ content: 'Twelve bytes' }, 'stop'), done)));
    const cost = await sql.row(
      `SELECT estimated_cost_micro_usd::integer AS cost FROM usage_days
       WHERE owner_id = (SELECT owner_id FROM messages WHERE id = $1)`,
      [uuidOf(answer.id)],
    );
    expect(cost).toEqual({ cost: questionTokens + 2 * 4 });
  });
});
