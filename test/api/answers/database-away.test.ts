import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { readBranch, readPage, type Sent, send, sendMutation } from '../../support/conversations.js';
import { answered } from '../../support/model-server.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { Stalls } from '../../support/stalls.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { ConversationDevice } from '../live/conversation-device.js';
import { TimedSpeech } from './timed-speech.js';

interface Outage {
  readonly what: string;
  readonly forMs: number;
  /** Within that a request has failed. */
  readonly failsWithinMs: number;
  readonly begin: (proxy: OutageProxy) => unknown;
}

const outages: readonly Outage[] = [
  { what: 'refuses for 12 s', forMs: 12_000, failsWithinMs: 3000, begin: (proxy) => proxy.refuse() },
  { what: 'is silent for 30 s', forMs: 30_000, failsWithinMs: 6000, begin: (proxy) => proxy.silence() },
];

/** By then a writer has held its text back, and each follower had what it showed before. */
const heldMs = 10_500;
const askers = 6;
/** Of each instance; upkeep has three more. */
const connections = 6;
/** Generous: a busy machine takes its time to make connections, and PostgreSQL to take them. */
const servedWithinMs = 10_000;

const stalls = new Stalls();
let model: ScriptedModel;

interface Tried {
  readonly input: { readonly content: string; readonly idempotencyKey: string };
  readonly startMs: number;
  readonly tookMs: number;
  readonly sent: Sent['sendMessage'] | null;
  readonly error: unknown;
}

/** Two instances that lose their database, with all that goes on there. */
class Scene {
  readonly name = randomUUID();
  readonly followers: AnswerFollower[] = [];
  device: ConversationDevice | null = null;

  private constructor(
    readonly database: TestDatabase,
    readonly sql: SqlClient,
    readonly proxy: OutageProxy,
    readonly writer: TestApp,
    readonly reader: TestApp,
  ) {}

  static async open(): Promise<Scene> {
    const database = await createDatabase();
    const sql = await SqlClient.connect(database.url);
    const proxy = await OutageProxy.start(database.url);
    const writer = await startApp({
      redis: true,
      env: { ...model.env, DATABASE_URL: proxy.url, DATABASE_POOL_SIZE: `${connections}` },
    });
    return new Scene(database, sql, proxy, writer, await startApp({ beside: writer }));
  }

  get persons(): readonly [Person, Person] {
    return [this.writer.person(this.name), this.reader.person(this.name)];
  }

  async follow(person: Person, answerId: string): Promise<AnswerFollower> {
    const follower = await AnswerFollower.open(person, answerId);
    this.followers.push(follower);
    return follower;
  }

  acknowledged = 0;
  isOver = false;

  /** Sends one question after the other, each new, at one instance. */
  async askOn(person: Person): Promise<Tried[]> {
    const tried: Tried[] = [];
    while (!this.isOver) {
      const input = { content: randomUUID(), idempotencyKey: randomUUID() };
      model.answer(input.content, answered('Yes.'));
      const startMs = performance.now();
      const { data, errors } = await person.graphql(sendMutation, { input });
      const sent = errors ? null : (data as unknown as Sent).sendMessage;
      if (sent) this.acknowledged += 1;
      tried.push({ input, startMs, tookMs: performance.now() - startMs, sent, error: errors?.[0]?.extensions });
    }
    return tried;
  }

  async close(): Promise<void> {
    this.isOver = true;
    for (const follower of this.followers) follower.close();
    await this.device?.leave();
    await this.reader.close();
    await this.writer.close();
    await this.proxy.close();
    await this.sql.close();
    await this.database.drop();
  }
}

async function goThrough(scene: Scene, { forMs, failsWithinMs, begin }: Outage): Promise<void> {
  const { proxy } = scene;
  const [atWriter, atReader] = scene.persons;
  const question = randomUUID();
  const speech = new TimedSpeech(50);
  model.answer(question, speech.reply);
  const { answer, conversation } = await send(atWriter, { content: question });
  const followers = [await scene.follow(atWriter, answer.id), await scene.follow(atReader, answer.id)];
  const [follower] = followers;
  const device = ConversationDevice.follow(atReader, conversation.id);
  scene.device = device;
  for (const one of followers) await one.reaches(1);
  await device.until(() => device.messages.size > 0);

  const asking = Promise.all(
    Array.from({ length: askers }, (_, number) => scene.askOn(number % 2 === 0 ? atWriter : atReader)),
  );
  asking.catch(() => undefined);
  await until('each was answered', () => scene.acknowledged > 2 * askers);
  const startMs = performance.now();
  await begin(proxy);
  const lasted = (ms: number) => until(`${ms} ms are over`, () => performance.now() - startMs > ms, ms * 2);
  // Who comes now is refused in time, too.
  const late = await scene.follow(atReader, answer.id);
  await late.ended(failsWithinMs + stalls.mostMs);
  expect(late.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', retryable: true } }]);
  await lasted(heldMs);
  const heldAt = follower?.content.length ?? 0;
  // It went on in memory for a while, and was then held back.
  expect(heldAt).toBeGreaterThan(speech.said.find(({ atMs }) => atMs > startMs + 5000)?.length ?? 0);
  await lasted(forMs);
  expect(follower?.content.length).toBe(heldAt);
  scene.isOver = true;
  const tried = (await asking).flat();
  await proxy.restore();

  const isServed = (person: Person) => readPage(person, conversation.id, { last: 1 }).catch(() => null);
  const served = [atWriter, atReader].map((person) =>
    until('it is served', () => isServed(person), servedWithinMs + stalls.mostMs),
  );
  await Promise.all(served);
  await until('delivery goes on', () => followers.every((one) => one.content.length > heldAt + 100));
  speech.finish();
  for (const one of followers) {
    expect(await one.end()).toMatchObject({ status: 'COMPLETE', content: speech.text });
    expect([one.content, one.broken, one.errors]).toEqual([speech.text, [], []]);
  }
  await device.until(() => device.contentOf(0) === speech.text && device.kinds.includes('AnswerFinished'));
  expect(model.timesAsked(question)).toBe(1);

  const during = tried.filter((one) => one.startMs >= startMs);
  expect(during.length).toBeGreaterThan(askers);
  for (const { error, tookMs } of tried.filter(({ sent }) => !sent)) {
    expect(error).toEqual({ code: 'UNAVAILABLE', retryable: true });
    expect(tookMs).toBeLessThan(failsWithinMs + stalls.mostMs);
  }
  expect(during.filter(({ sent }) => sent)).toEqual([]);
  await expectStoredOnce(scene, tried);
  const most = 2 * (connections + 3);
  await until('no connection is left over', () => proxy.connections <= most);
}

/** What was acknowledged is stored, and what was not is made by the same key now; each of them once. */
async function expectStoredOnce({ sql, persons: [person] }: Scene, tried: readonly Tried[]): Promise<void> {
  const acknowledged = tried.flatMap(({ sent }) => (sent ? [uuidOf(sent.message.id), uuidOf(sent.answer.id)] : []));
  const found = await sql.rows('SELECT FROM messages WHERE id = ANY($1::uuid[])', [acknowledged]);
  expect(found).toHaveLength(acknowledged.length);
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const { input, sent } of tried.slice(-2 * askers)) {
    const again = await until('it is sent again', () => send(person, input).catch(() => null), 1000 + stalls.mostMs);
    if (sent) expect(again.answer.id).toBe(sent.answer.id);
    const branch = await until('its answer is final', async () => {
      const read = await readBranch(person, again.conversation.id);
      return read.every(({ status }) => status !== 'STREAMING') && read;
    });
    expect(branch.map(({ status, content }) => [status, content])).toEqual([
      ['COMPLETE', input.content],
      ['COMPLETE', 'Yes.'],
    ]);
    expect(model.timesAsked(input.content)).toBe(1);
  }
}

/** Side by side, since each waits most of the time. */
describe('A PostgreSQL that', () => {
  const scenes: Scene[] = [];
  const outcomes = new Map<Outage, Promise<void>>();
  beforeAll(async () => {
    model = await ScriptedModel.start();
    for (const _ of outages) scenes.push(await Scene.open());
    stalls.start();
    for (const [index, outage] of outages.entries()) {
      const scene = scenes[index];
      if (!scene) throw new Error('There is no scene.');
      const outcome = goThrough(scene, outage);
      outcome.catch(() => undefined);
      outcomes.set(outage, outcome);
    }
  });
  afterAll(async () => {
    await Promise.allSettled(outcomes.values());
    stalls.end();
    for (const scene of scenes) await scene.close();
    await model?.stop();
  });

  it.each(outages)(
    '$what kills no answer, loses nothing that was acknowledged, and is served from again without a restart; requests fail with UNAVAILABLE meanwhile',
    async (outage) => await outcomes.get(outage),
    90_000,
  );
});
