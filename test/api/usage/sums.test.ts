import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import { append, create, send } from '../../support/conversations.js';
import { bytes, chunk, cut, done, event, type ModelReply, stalled, withStatus } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';
import {
  personWith,
  pricedModels,
  type ReadUsage,
  readUsage,
  usageFields,
  usageOfConversation,
} from '../../support/usage.js';

let both: TwoInstances;
let model: ScriptedModel;
let instances: readonly [TestApp, TestApp];
let sql: SqlClient;

beforeAll(async () => {
  model = await ScriptedModel.start();
  const quotas = { ...JSON.parse(patience), tokensPerDay: 1_000_000_000 };
  both = await startTwoInstances(model, { ...pricedModels(), LIMITS: JSON.stringify(quotas) });
  ({ instances, sql } = both);
});

afterAll(() => both?.close());

const cancelMutation = 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { status } } }';
const maybe = (random: SeededRandom) => random.of(null, random.between(0, 50));

/** Any way for an answer to go, with any part of its use reported; `stops` where somebody must cancel it. */
function randomReply(random: SeededRandom): { readonly reply: ModelReply; readonly stops: boolean } {
  const [prompt, completion] = [maybe(random), maybe(random)];
  const usage = event({
    choices: [],
    usage: {
      ...(prompt !== null && { prompt_tokens: prompt }),
      ...(completion !== null && { completion_tokens: completion }),
    },
  });
  const said = [usage, chunk({ content: 'Said. ' })];
  return random.of(
    { reply: bytes(...said, chunk({}, 'stop'), done), stops: false },
    { reply: cut(...said), stops: false },
    { reply: withStatus(400), stops: false },
    { reply: stalled(...said), stops: true },
  );
}

interface Asked {
  readonly message: { readonly id: string };
  readonly answer: { readonly id: string };
}

const editMutation =
  'mutation ($input: EditMessageInput!) { editMessage(input: $input) { message { id } answer { id } } }';
const regenerateMutation =
  'mutation ($input: RegenerateAnswerInput!) { regenerateAnswer(input: $input) { message { id } answer { id } } }';

/** Asks something new, or the question before anew, or for another answer to it. */
async function ask(random: SeededRandom, person: Person, input: object, before: Asked | null): Promise<Asked> {
  const how = before === null ? 'send' : random.of('send', 'edit', 'regenerate');
  if (how === 'edit') {
    const edited = { ...input, messageId: before?.message.id, conversationId: undefined };
    return (await person.data<{ editMessage: Asked }>(editMutation, { input: edited })).editMessage;
  }
  if (how === 'send') return await send(person, input);
  const again = { messageId: before?.answer.id, whenBusy: 'CANCEL' };
  return (await person.data<{ regenerateAnswer: Asked }>(regenerateMutation, { input: again })).regenerateAnswer;
}

/** One turn in a conversation, at either instance: an answer that ends somehow, or messages that were said elsewhere. */
async function turn(
  random: SeededRandom,
  people: readonly [Person, Person],
  conversationId: string,
  before: Asked | null,
): Promise<Asked | null> {
  const person = random.of(...people);
  if (random.between(0, 3) === 0) {
    const messages = Array.from({ length: random.between(1, 5) }, () => ({
      role: random.of('ASSISTANT', 'USER', 'TOOL'),
      content: 'Said elsewhere.',
      model: random.of(null, 'scripted', 'theirs'),
      promptTokens: maybe(random),
      completionTokens: maybe(random),
      costMicroUsd: maybe(random),
    }));
    await append(person, { conversationId, messages, whenBusy: 'CANCEL' });
    return before;
  }
  const { reply, stops } = randomReply(random);
  const content = randomUUID();
  model.answer(content, reply);
  const input = { conversationId, content, model: random.of(null, 'plain'), whenBusy: 'CANCEL' };
  const asked = await ask(random, person, input, before);
  // What nobody stops here is cancelled by the next turn, or at the end.
  if (stops && random.between(0, 1) === 0) await person.data(cancelMutation, { id: asked.answer.id });
  return asked;
}

const sums = `count(*)::integer AS answers,
  coalesce(sum(prompt_tokens), 0)::integer AS "promptTokens",
  coalesce(sum(completion_tokens), 0)::integer AS "completionTokens",
  coalesce(sum(cost_micro_usd), 0)::integer AS "costMicroUsd",
  (count(*) FILTER (WHERE num_nulls(prompt_tokens, completion_tokens, cost_micro_usd) > 0))::integer AS "unreportedAnswers"`;
const ofMessages = `SELECT ${sums} FROM messages WHERE role = 'ASSISTANT'`;

describe('Usage', () => {
  it('is what the messages say, however their answers ended, on two instances at once', async () => {
    await seeded(async (random) => {
      const name = randomUUID();
      const roles = { roles: ['admin'], dept: 'All' };
      const people = [personWith(instances[0], name, roles), personWith(instances[1], name, roles)] as const;
      const conversations = await Promise.all(Array.from({ length: 6 }, () => create(people[0])));
      await Promise.all(
        conversations.map(async (id) => {
          const own = random.fork();
          let last: Asked | null = null;
          for (let number = 0; number < 8; number += 1) last = await turn(own, people, id, last);
        }),
      );
      const running = 'SELECT message_id AS id FROM answer_runs';
      for (const { id } of await sql.rows<{ id: string }>(running)) {
        await people[1].data(cancelMutation, { id: `msg_${id.replaceAll('-', '')}` });
      }
      await until('nothing is reserved any more', async () => (await sql.rows(running)).length === 0);

      expect(await readUsage(people[0])).toEqual(await sql.row<ReadUsage>(ofMessages));
      for (const id of conversations) {
        const stored = await sql.row<ReadUsage>(`${ofMessages} AND conversation_id = $1`, [uuidOf(id)]);
        expect(await usageOfConversation(people[1], id)).toEqual(stored);
      }
      const byModel = await sql.rows(
        `SELECT model AS key, ${sums} FROM messages WHERE role = 'ASSISTANT' GROUP BY model
         ORDER BY sum(cost_micro_usd) DESC NULLS LAST, model NULLS LAST`,
      );
      const report = `{ usageReport(groupBy: MODEL) { key usage { ${usageFields} } } }`;
      const { usageReport } = await people[0].data<{ usageReport: { key: string | null; usage: ReadUsage }[] }>(report);
      expect(usageReport.map(({ key, usage }) => ({ key, ...usage })).toSorted(byKey)).toEqual(byModel.toSorted(byKey));
      const estimates = `SELECT FROM conversations JOIN (
          SELECT conversation_id, sum(token_estimate) AS tokens FROM messages GROUP BY 1
        ) AS said ON said.conversation_id = conversations.id
        WHERE conversations.token_estimate <> said.tokens`;
      expect(await sql.rows(estimates)).toEqual([]);
    });
  });
});

const byKey = (one: unknown, other: unknown) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
