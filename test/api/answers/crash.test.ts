import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower, ClientText, type StoredAnswer, storedFields } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { atMost } from '../../support/at-most.js';
import { ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { ServerProcess } from '../../support/server-process.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

/** From the crash to the settled answer: the lease, the doubt, and a sweep before and after each. */
const settledMs = 25_000;
const durable = 'What a checkpoint holds is kept: all of it, 日本語 👩‍👩‍👧 included. ';
const afterwards = 'What was said in the last half second may be lost.';

const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
const read = `query ($id: ID!) { message(id: $id) { ${storedFields} } }`;

let folder: TemporaryFolder;
let model: ScriptedModel;
/** The instance beside the one that is killed, and one that only lends its database. */
let other: TestApp;
let lender: TestApp;
const processes: ServerProcess[] = [];
/** Two servers that were killed at about the same time: one of a pair, and one that is alone and started again. */
let paired: Killed;
let alone: Killed;
/** Followers at the second one after its new start, while the answer is still STREAMING. */
let resumedAlone: AnswerFollower;
let fromTheStart: AnswerFollower;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  other = await startApp({ redis: true, env: { ...model.env, LIMITS: patience } });
  lender = await startApp({ env: { ...model.env, LIMITS: patience } });
  await lender.stop();
  [paired, alone] = await Promise.all([kill(other), kill(lender)]);
  const person = (await spawnServer(lender)).person(alone.name);
  resumedAlone = await resume(alone, person);
  fromTheStart = await AnswerFollower.open(person, alone.answerId);
});
afterAll(async () => {
  await Promise.all(processes.map((server) => server.kill()));
  await other?.close();
  await lender?.close();
  await model?.stop();
  await folder?.remove();
});

async function spawnServer(beside: TestApp, env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start({ beside, env, folder: folder.path });
  processes.push(server);
  return server;
}

async function stored(person: Person, id: string): Promise<StoredAnswer> {
  const { message } = await person.data<{ message: StoredAnswer }>(read, { id });
  return message;
}

interface Killed {
  readonly name: string;
  readonly answerId: string;
  /** Whoever followed at the instance that was killed. */
  readonly follower: AnswerFollower;
  /** And at the one beside it, if there is one. */
  readonly apart: AnswerFollower;
  readonly atMs: number;
}

/** Kills a server beside this one while it writes: of the text some is durable, and some was only delivered. */
async function kill(beside: TestApp): Promise<Killed> {
  const server = await spawnServer(beside);
  const byHand = new ModelByHand();
  const name = randomUUID();
  model.answer(name, byHand.reply);
  const person = server.person(name);
  const { sendMessage: sent } = await person.data<{ sendMessage: { answer: { id: string } } }>(send, {
    input: { content: name },
  });
  const { id: answerId } = sent.answer;
  const follower = await AnswerFollower.open(person, answerId);
  const apart = await AnswerFollower.open(beside === other ? other.person(name) : person, answerId);
  await byHand.text(durable);
  await until('it is durable', async () => (await stored(person, answerId)).content === durable);
  await byHand.text(afterwards);
  await follower.has(durable + afterwards);
  server.signal('SIGKILL');
  expect(await server.ended()).toBe('SIGKILL');
  return { name, answerId, follower, apart, atMs: performance.now() };
}

/** From the cursor of the last event that the killed server sent. */
const resume = ({ answerId, follower }: Killed, person: Person) =>
  AnswerFollower.open(person, answerId, { after: follower.cursor, text: new ClientText(follower.text) });

const interrupted = {
  status: 'INTERRUPTED',
  error: { code: 'INSTANCE_LOST', message: expect.any(String), retryable: true },
  finishReason: null,
  streamCursor: null,
};

/** No less than what was durable, no other than what was said. */
function expectKept({ content }: StoredAnswer): void {
  expect(content.startsWith(durable)).toBe(true);
  expect((durable + afterwards).startsWith(content)).toBe(true);
}

describe('The instance that writes is killed', () => {
  it('another settles the answer INTERRUPTED within 25 s; who follows there is told, and who comes there with a cursor', async () => {
    const { name, answerId, apart, atMs } = paired;
    const person = other.person(name);
    const resumed = await resume(paired, person);
    const final = await apart.end(2 * settledMs);
    expect(performance.now() - atMs).toBeLessThan(atMost(settledMs));
    expect(final).toMatchObject(interrupted);
    expectKept(final);
    expect(await resumed.end()).toEqual(final);
    // It had been told as much as is kept, or more.
    expect(resumed.deltas).toEqual([]);
    expect([...apart.broken, ...resumed.broken]).toEqual([]);
    expect(await stored(person, answerId)).toEqual(final);
    for (const follower of [apart, resumed, paired.follower]) follower.close();
  });

  it('started again, it settles the answer itself; the cursor of before goes on', async () => {
    await fromTheStart.reaches(durable.length);
    const final = await resumedAlone.end(2 * settledMs);
    expect(performance.now() - alone.atMs).toBeLessThan(atMost(settledMs));
    expect(final).toMatchObject(interrupted);
    expectKept(final);
    expect(await fromTheStart.end()).toEqual(final);
    expect(fromTheStart.content).toBe(final.content);
    expect([...fromTheStart.broken, ...resumedAlone.broken]).toEqual([]);
    for (const follower of [resumedAlone, fromTheStart, alone.follower, alone.apart]) follower.close();
  });

  it('The model is never called again on its own.', () => {
    expect([paired, alone].map(({ name }) => model.timesAsked(name))).toEqual([1, 1]);
  });
});
