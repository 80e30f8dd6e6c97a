import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { tryEdit, tryErase, trySelect } from '../../support/branches.js';
import { appendMutation, attempt, create } from '../../support/conversations.js';
import { answered, ModelServer } from '../../support/model-server.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';
import { ServerProcess } from '../../support/server-process.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { testRedisUrl } from '../../support/test-redis.js';

const rounds = 25;
const kills = 2;
let folder: TemporaryFolder;
let model: ModelServer;
let proxy: OutageProxy;
let first: TestApp;
/** Loses Redis, and finds it again. */
let cutOff: TestApp;
let sql: SqlClient;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ModelServer.start();
  model.replyWith(answered('Well, ', 'well.'));
  first = await startApp({
    redis: true,
    env: { LIMITS: patience, ...model.env },
  });
  proxy = await OutageProxy.start(testRedisUrl());
  cutOff = await startApp({ beside: first, env: { REDIS_URL: proxy.url } });
  sql = await SqlClient.connect(first.database.url);
});
afterAll(async () => {
  await sql?.close();
  await cutOff?.close();
  await first?.close();
  await proxy?.close();
  await model?.stop();
  await folder?.remove();
});

type Ids = readonly [string, string];

interface Read {
  readonly id: string;
  readonly content: string;
  readonly status: string;
  readonly rating: string | null;
}

const pageQuery = `query ($id: ID!, $last: Int) {
  conversation(id: $id) { messages(last: $last) { nodes { id content status rating visible cursor } } }
}`;

async function page(person: Person, id: string, last: number): Promise<readonly Read[]> {
  const { conversation } = await person.data<{ conversation: { messages: { nodes: readonly Read[] } } }>(pageQuery, {
    id,
    last,
  });
  // A running answer grows without a revision.
  return conversation.messages.nodes
    .slice(-15)
    .map((one) => (one.status === 'STREAMING' ? { ...one, content: '' } : one));
}

const revisionOf = async (id: string) =>
  (await sql.row<{ revision: number }>('SELECT revision FROM conversations WHERE id = $1', [uuidOf(id)])).revision;

/** Does something that changes what the newest messages are; whatever is refused is as good. */
async function change(person: Person, conversationId: string, random: SeededRandom): Promise<void> {
  const message = async () => {
    const known = await page(person, conversationId, 50);
    return known[random.between(0, Math.max(0, known.length - 1))]?.id ?? '';
  };
  const changes = [
    () => attempt(person, appendMutation, { input: { conversationId, messages: [said(random)], whenBusy: 'CANCEL' } }),
    () => attempt(person, sendMutation, { input: { conversationId, content: 'What?', whenBusy: 'CANCEL' } }),
    async () =>
      attempt(person, rateMutation, { input: { messageId: await message(), rating: random.of('UP', 'DOWN') } }),
    async () => trySelect(person, await message()),
    async () => tryErase(person, await message()),
    async () => tryEdit(person, { messageId: await message(), content: 'Anew?', whenBusy: 'CANCEL' }),
    () => attempt(person, renameMutation, { input: { id: conversationId, title: `${random.next()}` } }),
  ];
  await changes[random.between(0, changes.length - 1)]?.();
}

const said = (random: SeededRandom) => ({ role: 'USER', content: `said ${random.next()}` });

const sendMutation = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
const rateMutation = 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }';
const renameMutation =
  'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }';

/** Reads as long as `isOver` is false; gives how often there was something to compare. */
async function readAll(person: Person, ids: Ids, isOver: () => boolean): Promise<number> {
  let compared = 0;
  for (let turn = 0; !isOver(); turn += 1) {
    const id = ids[turn % 2 === 0 ? 0 : 1];
    const before = await revisionOf(id);
    const recent = await page(person, id, 15);
    const stored = await page(person, id, 50);
    if ((await revisionOf(id)) !== before) continue;
    expect(recent).toEqual(stored);
    compared += 1;
  }
  return compared;
}

/** A writer that is killed in the middle of its work, and one that takes its place. */
async function writeAndDie(ids: Ids, random: SeededRandom): Promise<void> {
  for (let life = 0; life < kills; life += 1) {
    const server = await ServerProcess.start({ beside: first, folder: folder.path });
    const person = server.person('somebody');
    const writing = (async () => {
      for (;;) await change(person, random.of(...ids), random);
    })();
    const died = expect(writing).rejects.toThrow();
    for (let change = random.between(3, 10); change > 0; change -= 1) await page(first.person('somebody'), ids[0], 15);
    await server.kill();
    await died;
  }
}

describe('The newest messages near at hand', () => {
  it('are missing at times, never wrong: readers and writers at random, kills, and a writer cut off from Redis', async () => {
    await seeded(async (random) => {
      const [here, there] = [first.person('somebody'), cutOff.person('somebody')];
      const ids: Ids = [await create(here), await create(here)];
      let isOver = false;
      const readers = Promise.all([here, there].map((person) => readAll(person, ids, () => isOver)));
      const write = async (person: Person, own: SeededRandom) => {
        for (let round = 0; round < rounds; round += 1) await change(person, own.of(...ids), own);
      };
      const weather = async (own: SeededRandom) => {
        for (let round = 0; round < rounds; round += 1) {
          await change(there, ids[1], own);
          if (round % 5 === 1) proxy.cut();
          if (round % 5 === 2) proxy.silence();
          if (round % 5 === 4) await proxy.restore();
        }
        await proxy.restore();
      };
      const writers = Promise.all([
        write(here, random.fork()),
        write(there, random.fork()),
        weather(random.fork()),
        writeAndDie(ids, random.fork()),
      ]);
      const [written, read] = await Promise.allSettled([writers.finally(() => (isOver = true)), readers]);
      if (written.status === 'rejected') throw written.reason;
      if (read.status === 'rejected') throw read.reason;
      for (const compared of read.value) expect(compared).toBeGreaterThan(5);
      for (const id of ids) {
        for (const person of [here, there]) expect(await page(person, id, 15)).toEqual(await page(person, id, 50));
      }
    });
  });
});
