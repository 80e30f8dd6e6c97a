import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AnswerFollowers, type Transcript } from '../../support/answer-followers.js';
import { startApp, type TestApp } from '../../support/app.js';
import {
  type Appended,
  appendMutation,
  attempt,
  create,
  type Outcome,
  type ReadMessage,
  readBranch,
  readMessage,
  readPage,
  type Sent,
  send,
  sendMutation,
} from '../../support/conversations.js';
import { ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { pieceOf, speaking } from '../../support/slow-model.js';
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
  model.replyWith(speaking({ everyMs: 20 }));
});

afterAll(() => both?.close());

/** One person at both instances, with a conversation and a socket at each. */
let people: readonly [Person, Person];
let followers: readonly [AnswerFollowers, AnswerFollowers];
let conversationId: string;
let testNumber = 0;

beforeEach(async () => {
  testNumber += 1;
  people = [instances[0].person(`person ${testNumber}`), instances[1].person(`person ${testNumber}`)];
  followers = [new AnswerFollowers(people[0]), new AnswerFollowers(people[1])];
  conversationId = await create(people[0]);
});

afterEach(async () => {
  for (const follower of followers) await follower.close();
});

const numbers = (length: number) => Array.from({ length }, (_, index) => index);
const personOf = (number: number) => people[number % 2 === 0 ? 0 : 1];

interface StoredPlace {
  readonly id: string;
  readonly position: number;
}

/** The places that the database holds, in the order of the positions. */
const storedPlaces = async (): Promise<readonly string[]> => {
  const places = await sql.rows<StoredPlace>(
    'SELECT id, position FROM messages WHERE conversation_id = $1 ORDER BY position',
    [uuidOf(conversationId)],
  );
  expect(places.map(({ position }) => position)).toEqual(numbers(places.length).map((index) => index + 1));
  return places.map(({ id }) => `msg_${id.replaceAll('-', '')}`);
};

/** What every reader sees: at both instances, from both ends, in pages of several sizes. Gives it once. */
async function readEverywhere(): Promise<readonly ReadMessage[]> {
  const readings = await Promise.all(
    people.flatMap((person) => [
      readBranch(person, conversationId, 'start'),
      readBranch(person, conversationId, 'end', () => 7),
      readBranch(person, conversationId, 'start', (page) => 1 + ((page * 5) % 13)),
    ]),
  );
  const [first = [], ...others] = readings;
  for (const other of others) expect(other).toEqual(first);
  expect((await readPage(people[0], conversationId)).messageCount).toBe(first.length);
  return first;
}

const appendOne = (number: number, whenBusy = 'REJECT') =>
  attempt<Appended>(personOf(number), appendMutation, {
    input: { conversationId, whenBusy, messages: [{ role: 'USER', content: `append ${number}` }] },
  });

const sendOne = (number: number, whenBusy = 'REJECT') =>
  attempt<Sent>(personOf(number), sendMutation, { input: { conversationId, whenBusy, content: `send ${number}` } });

const acknowledged = <Data>(outcomes: readonly Outcome<Data>[]): Data[] =>
  outcomes.flatMap(({ data }) => (data === undefined ? [] : [data]));

describe('Appends at once on one conversation over two instances', () => {
  it('64 of them are all acknowledged and stored, at positions 1..n without gap, in the same order for every reader', async () => {
    const outcomes = await Promise.all(numbers(64).map((number) => appendOne(number)));
    expect(outcomes.filter(({ code }) => code)).toEqual([]);
    const stored = await storedPlaces();
    const read = await readEverywhere();
    expect(read.map(({ id }) => id)).toEqual(stored);
    const said = new Map(acknowledged(outcomes).flatMap((data) => data.appendMessages.messages.map((m) => [m.id, m])));
    expect(read).toEqual(stored.map((id) => said.get(id)));
    expect(new Set(read.map(({ content }) => content)).size).toBe(64);
  });

  it('batches stay together, in the order given', async () => {
    const batches = await Promise.all(
      numbers(24).map((number) => {
        const messages = numbers(1 + (number % 5)).map((index) => ({ role: 'USER', content: `${number}.${index}` }));
        return attempt<Appended>(personOf(number), appendMutation, { input: { conversationId, messages } });
      }),
    );
    const read = (await readEverywhere()).map(({ id }) => id);
    expect(await storedPlaces()).toEqual(read);
    for (const { appendMessages } of acknowledged(batches)) {
      const ids = appendMessages.messages.map(({ id }) => id);
      const start = read.indexOf(ids[0] ?? '');
      expect(read.slice(start, start + ids.length)).toEqual(ids);
    }
    expect(acknowledged(batches)).toHaveLength(24);
  });
});

describe('A crowd on one conversation', () => {
  it('leaves connections of the database to everybody else', async () => {
    const small = await startApp({ beside: instances[0], env: { DATABASE_POOL_SIZE: '4' } });
    const holder = await SqlClient.connect(small.database.url);
    try {
      const [one, other] = [small.person(`person ${testNumber}`), small.person()];
      await other.data('{ viewer { id } }');
      await holder.rows('BEGIN');
      await holder.rows('SELECT FROM conversations WHERE id = $1 FOR UPDATE', [uuidOf(conversationId)]);
      const input = { conversationId, messages: [{ role: 'USER', content: 'one of many' }] };
      const crowd = Promise.all(numbers(40).map(() => attempt<Appended>(one, appendMutation, { input })));
      await until('those in front wait', async () => (await waitingForLocks(sql)) >= 2);
      expect(await other.data('{ conversations { totalCount } }')).toEqual({ conversations: { totalCount: 0 } });
      await holder.rows('COMMIT');
      expect(acknowledged(await crowd)).toHaveLength(40);
    } finally {
      await holder.close();
      await small.close();
    }
  });
});

/** What is acknowledged is followed at once, from both instances. */
async function sendAndFollow(number: number): Promise<Outcome<Sent>> {
  const outcome = await sendOne(number, 'CANCEL');
  if (outcome.data) for (const follower of followers) follower.follow(outcome.data.sendMessage.answer.id);
  return outcome;
}

describe('Sends and appends at once with whenBusy: CANCEL', () => {
  it('16 and 48 of them: 48 or more are acknowledged, the rest CONFLICT; the acknowledged ones are stored, in one order', async () => {
    const busy = await send(people[0], { conversationId, content: 'at first' });
    await followUntilHeard(busy.answer.id);
    const [sends, appends] = await Promise.all([
      Promise.all(numbers(16).map(sendAndFollow)),
      Promise.all(numbers(48).map((number) => appendOne(number, 'CANCEL'))),
    ]);
    const sent = acknowledged(sends).map(({ sendMessage }) => sendMessage);
    const appended = acknowledged(appends).map(({ appendMessages }) => appendMessages);
    const refused = [...sends, ...appends].filter(({ code }) => code);
    expect(refused.filter(({ code }) => code !== 'CONFLICT')).toEqual([]);
    expect(sent.length + appended.length).toBeGreaterThanOrEqual(48);

    // The last answer runs on: nobody came after it.
    const last = (await readPage(people[0], conversationId, { last: 1 })).nodes[0];
    if (last?.status === 'STREAMING') await cancel(last.id);
    await checkAnswers([busy.answer.id, ...sent.map(({ answer }) => answer.id)]);

    const read = await readEverywhere();
    expect(read.map(({ id }) => id)).toEqual(await storedPlaces());
    const made = [busy, ...sent].flatMap(({ message, answer }) => [message.id, answer.id]);
    const added = appended.flatMap(({ messages }) => messages.map(({ id }) => id));
    expect(read.map(({ id }) => id).toSorted()).toEqual([...made, ...added].toSorted());
    for (const { message, answer } of sent) {
      const at = read.findIndex(({ id }) => id === message.id);
      expect(read[at + 1]?.id).toBe(answer.id);
    }
  });
});

/** Follows from both instances, and gives both transcripts once each has some text. */
async function followUntilHeard(answerId: string): Promise<readonly Transcript[]> {
  const transcripts = followers.map((follower) => follower.follow(answerId));
  await until('both followers have heard something', () => transcripts.every(({ deltas }) => deltas >= 3));
  return transcripts;
}

describe('While an answer is written', () => {
  it('appends and sends are refused at both instances: CONFLICT, ANSWER_IN_PROGRESS, and nothing is stored', async () => {
    const { answer } = await send(people[0], { conversationId, content: 'What?' });
    const refused = await Promise.all([0, 1].flatMap((number) => [sendOne(number), appendOne(number)]));
    for (const outcome of refused) expect(outcome).toMatchObject({ code: 'CONFLICT', reason: 'ANSWER_IN_PROGRESS' });
    expect(await storedPlaces()).toHaveLength(2);
    expect(await cancel(answer.id)).toBe('CANCELLED');
  });

  it.each([0, 1])(
    'a send with whenBusy: CANCEL at instance %# cancels it: it keeps its text, and the model is let go',
    async (number) => {
      model.replyWith(speaking({ everyMs: 20 }));
      const { answer } = await send(people[0], { conversationId, content: 'What?' });
      const transcripts = await followUntilHeard(answer.id);
      const { data } = await sendAndFollow(number);
      expect(data?.sendMessage.conversation.messageCount).toBe(4);
      for (const { text } of transcripts) expect(text).toContain(pieceOf(3));
      expect(await (await model.call(1)).closed).toBe(false);
      expect(await cancel(data?.sendMessage.answer.id ?? '')).toBe('CANCELLED');
      await checkAnswers([answer.id, data?.sendMessage.answer.id ?? '']);
    },
  );

  it('one whose writer does not settle in time is settled by the sender: CANCELLED, with its durable text', async () => {
    model.replyWith(speaking({ everyMs: 20 }));
    const { answer } = await send(people[0], { conversationId, content: 'What?' });
    const { durable } = await loseWriter(answer.id);
    const { data } = await sendAndFollow(1);
    expect(data?.sendMessage.conversation.messageCount).toBe(4);
    const stored = await readMessage(people[0], answer.id);
    expect(stored).toMatchObject({ status: 'CANCELLED', content: durable });
    expect(durable).toContain(pieceOf(1));
    expect(await cancel(data?.sendMessage.answer.id ?? '')).toBe('CANCELLED');
    expect((await readEverywhere()).map(({ id }) => id)).toEqual(await storedPlaces());
  });
});

/** Brings an answer to the state in which an instance leaves it that dies: a run, its checkpoints, and nobody's. */
async function loseWriter(answerId: string): Promise<{ readonly durable: string }> {
  const id = uuidOf(answerId);
  const tables = { messages: 'id', answer_runs: 'message_id', answer_chunks: 'message_id' };
  await until('a checkpoint', async () => (await sql.rows('SELECT FROM answer_chunks WHERE message_id = $1', [id]))[0]);
  await sql.rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
  for (const [table, key] of Object.entries(tables)) {
    await sql.rows(`CREATE TEMPORARY TABLE lost_${table} AS SELECT * FROM ${table} WHERE ${key} = '${id}'`);
  }
  await sql.rows('COMMIT');
  // Where it is written: the other instance shall not know of it.
  expect(await cancel(answerId, people[0])).toBe('CANCELLED');
  await sql.rows('DELETE FROM messages WHERE id = $1', [id]);
  for (const table of Object.keys(tables)) {
    await sql.rows(`INSERT INTO ${table} SELECT * FROM lost_${table}`);
    await sql.rows(`DROP TABLE lost_${table}`);
  }
  await sql.rows("UPDATE answer_runs SET lease_until = now() + interval '1 h' WHERE message_id = $1", [id]);
  return { durable: (await readMessage(people[0], answerId)).content };
}

async function cancel(messageId: string, person = people[1]): Promise<string> {
  const mutation = 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { status } } }';
  return (await person.data<{ cancelAnswer: { message: { status: string } } }>(mutation, { id: messageId }))
    .cancelAnswer.message.status;
}

/** Each answer is final CANCELLED with its text, and what its followers saw is the beginning of that. */
async function checkAnswers(answerIds: readonly string[]): Promise<void> {
  for (const follower of followers) {
    const transcripts = await follower.ended();
    expect(transcripts.map(({ answerId }) => answerId).toSorted()).toEqual([...answerIds].toSorted());
    for (const { answerId, text, final } of transcripts) {
      const stored = await readMessage(people[0], answerId);
      expect([answerId, stored.status]).toEqual([answerId, 'CANCELLED']);
      expect(final).toEqual({ status: 'CANCELLED', content: stored.content });
      expect(stored.content.slice(0, text.length)).toBe(text);
    }
  }
}
