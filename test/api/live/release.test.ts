import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startApp, type TestApp } from '../../support/app.js';
import { send } from '../../support/conversations.js';
import { ModelByHand } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { healthOf, ownConnections, tellHealth } from '../../support/server-health.js';
import { ServerProcess } from '../../support/server-process.js';
import { SocketClient } from '../../support/socket-client.js';
import { SqlClient } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

/** By all at once, again and again: 1,000 of each kind, over both instances. */
const rounds = 20;
const subscriptions = 25;
/** Connections of a pool that nobody uses are closed after ten seconds. */
const quietMs = 40_000;

let folder: TemporaryFolder;
let redisServer: RedisServer;
let model: ScriptedModel;
let own: TestApp;
let sql: SqlClient;
let redis: Redis;
const servers: ServerProcess[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  redisServer = await startRedisServer({ folder: folder.path });
  model = await ScriptedModel.start();
  own = await startApp({
    env: { ...model.env, REDIS_URL: redisServer.url, LIMITS: JSON.stringify({ betweenTokensMs: 170_000 }) },
  });
  // Its database and its secrets are what the processes need of it.
  await own.stop();
  for (const _ of [1, 2])
    servers.push(await ServerProcess.start({ beside: own, folder: folder.path, preload: tellHealth }));
  sql = await SqlClient.connect(own.database.url);
  redis = new Redis(redisServer.url);
});
afterAll(async () => {
  redis?.disconnect();
  await sql?.close();
  for (const server of servers) await server.kill();
  await own?.close();
  await model?.stop();
  await redisServer?.stop();
  await folder?.remove();
});

const connections = `SELECT count(*)::integer AS count FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;

/** All that a follower could have left behind, outside of the servers and in them. */
async function holdings() {
  const channels = (await redis.pubsub('CHANNELS')) as string[];
  return {
    listeners: ((await redis.pubsub('NUMSUB', ...channels.toSorted())) as unknown[]).map(String),
    connections: (await sql.row<{ count: number }>(connections)).count,
    resources: await Promise.all(servers.map(async (server) => (await healthOf(server)).resources)),
  };
}

type Holdings = Awaited<ReturnType<typeof holdings>>;

/** When only the writer hears its answer's channel, and no request of a moment ago keeps a connection. */
function whenQuiet() {
  const isQuiet = async () => {
    const held = await holdings();
    const [, listening, ...others] = held.listeners;
    return listening === '1' && others.length === 0 && held.connections <= ownConnections * servers.length
      ? held
      : null;
  };
  return until('all is quiet', isQuiet, quietMs);
}

/** An instance's own work may be at hand at one moment and not at the other. */
const slack = 2;

/** What is held now and was not before. */
function differences(before: Holdings, now: Holdings): string[] {
  const more: string[] = [];
  if (now.listeners.join() !== before.listeners.join()) more.push(`listeners: ${now.listeners}`);
  if (now.connections > before.connections + slack) more.push(`connections: ${now.connections}`);
  now.resources.forEach((resources, index) => {
    for (const [type, count] of Object.entries(resources)) {
      if (count > (before.resources[index]?.[type] ?? 0) + slack) more.push(`server ${index}, ${type}: ${count}`);
    }
  });
  return more;
}

const people = () => servers.map((server) => server.person('ada'));

const kinds = [
  { kind: 'answer', query: 'subscription ($answer: ID!) { answer(messageId: $answer) { __typename } }' },
  { kind: 'conversation', query: 'subscription ($id: ID!) { conversation(id: $id) { __typename } }' },
  { kind: 'conversations', query: 'subscription { conversations { __typename } }' },
] as const;

/** Subscribes many times over one socket, hears of all or of none, and leaves in one of three ways. */
async function comeAndGo({ url, token }: Person, query: string, variables: object, round: number): Promise<void> {
  const client = await SocketClient.connect(`${url.replace(/^http/, 'ws')}/graphql`, token);
  const ids = Array.from({ length: subscriptions }, (_, number) => `s${number}`);
  for (const id of ids) client.subscribe(id, query, variables);
  if (round % 2 === 0) for (const id of ids) await client.next('next', id);
  if (round % 3 === 0) for (const id of ids) client.send({ type: 'complete', id });
  if (round % 3 === 1) client.socket.close(1000);
  // Without a goodbye.
  else client.terminate();
}

describe('A follower that leaves', () => {
  it('releases everything: after 1,000 subscriptions to answer, conversation and conversations each, Redis, PostgreSQL and both servers hold what they held', async () => {
    const byHand = new ModelByHand();
    model.answer('Go on.', byHand.reply);
    const sent = await send(people()[0] ?? own.person(), { content: 'Go on.' });
    await byHand.text('It goes on ');
    const variables = { id: sent.conversation.id, answer: sent.answer.id };
    const come = (query: string, round: number) =>
      Promise.all(people().map((person) => comeAndGo(person, query, variables, round)));
    // Each has served one of each, so that what is made once is there.
    for (const { query } of kinds) await come(query, 0);
    const before = await whenQuiet();
    for (const { query } of kinds) {
      for (let round = 0; round < rounds; round += 1) await come(query, round);
    }
    await until('all is as it was', async () => differences(before, await holdings()).length === 0, quietMs).catch(
      async () => expect(differences(before, await holdings())).toEqual([]),
    );
    await byHand.finish();
  }, 180_000);
});
