import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { atMost } from '../../support/at-most.js';
import { readMessage, send } from '../../support/conversations.js';
import { chunk, done, type ModelReply, usageChunk } from '../../support/model-server.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SeededRandom } from '../../support/seeded-random.js';
import { healthOf, ownConnections, tellHealth } from '../../support/server-health.js';
import { ServerProcess } from '../../support/server-process.js';
import { SqlClient } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { testSeed } from '../../support/test-seed.js';
import { until } from '../../support/until.js';
import { StormFollower } from './storm-follower.js';

const owners = 50;
const followersEach = 10;
/** How long the token is good with which somebody comes for the first time. */
const tokenSeconds = 12;
/** On a busy machine. */
const patienceMs = 60_000;

let folder: TemporaryFolder;
let redis: RedisServer;
let model: ScriptedModel;
let own: TestApp;
let sql: SqlClient;
const servers: ServerProcess[] = [];
const crowd: StormFollower[] = [];
const following: Promise<void>[] = [];

/** All answers grow until this says that they end. */
let isOver = false;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  redis = await startRedisServer({ folder: folder.path });
  model = await ScriptedModel.start();
  // A busy machine may not get to say hello to 500 within three seconds.
  const LIMITS = JSON.stringify({ socketInitMs: 30_000 });
  own = await startApp({ env: { ...model.env, REDIS_URL: redis.url, LIMITS } });
  // Its database and its secrets are what the processes need of it.
  await own.stop();
  for (const _ of [1, 2]) {
    servers.push(await ServerProcess.start({ beside: own, folder: folder.path, preload: tellHealth }));
  }
  sql = await SqlClient.connect(own.database.url);
});
afterAll(async () => {
  isOver = true;
  for (const follower of crowd) follower.leave();
  await Promise.all(following);
  await sql?.close();
  for (const server of servers) await server.kill();
  await own?.close();
  await model?.stop();
  await redis?.stop();
  await folder?.remove();
});

const growing: ModelReply = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  let number = 0;
  const speak = () => {
    number += 1;
    if (response.destroyed) return;
    if (isOver) response.end(chunk({}, 'stop') + usageChunk(7, number) + done);
    else response.write(chunk({ content: `${number} é👩‍👧 ` }), () => setTimeout(speak, 400));
  };
  speak();
};

interface Owned {
  readonly name: string;
  readonly conversationId: string;
  readonly answerId: string;
}

/** An owner, with an answer that is being written on one of the instances. */
async function beginAnswer(index: number): Promise<Owned> {
  const name = `owner ${index}`;
  model.answer(name, growing);
  const input = { content: name, idempotencyKey: name };
  const { conversation, answer } = await until('it is sent', () =>
    send(serverAt(index).person(name), input).catch(() => null),
  );
  return { name, conversationId: conversation.id, answerId: answer.id };
}

/** Ten follow an owner's answer, from both instances. */
function comeTogether(random: SeededRandom, { name, conversationId, answerId }: Owned): void {
  for (let number = 0; number < followersEach; number += 1) {
    let connections = 0;
    const token = () => {
      connections += 1;
      return connections === 1
        ? own.token(name, { exp: Math.floor(Date.now() / 1000) + tokenSeconds })
        : own.token(name);
    };
    const followed = { conversationId, answerId, kind: number % 2 === 0 ? 'answer' : 'conversation' } as const;
    const url = () => `${serverAt(random.between(0, 1)).url.replace(/^http/, 'ws')}/graphql`;
    const follower = new StormFollower(url, token, followed);
    crowd.push(follower);
    // Within a second of each cut.
    following.push(follower.follow(() => random.between(0, 1000)));
  }
}

function serverAt(index: number): ServerProcess {
  const server = servers[index % servers.length];
  if (!server) throw new Error('There is no such server.');
  return server;
}

const allServed = (what: string) =>
  until(what, () => crowd.every((follower) => follower.isServed && follower.text.content.length > 0), patienceMs);

const connections = async () => {
  const text = `SELECT count(*)::integer AS count FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  return (await sql.row<{ count: number }>(text)).count;
};
const health = () => Promise.all(servers.map(healthOf));
const sum = (count: (follower: StormFollower) => number) =>
  crowd.reduce((total, follower) => total + count(follower), 0);

describe('A storm of reconnects', () => {
  it('500 followers, cut at once while answers run, come back within a second to either instance and end with exactly the stored text', async () => {
    const random = new SeededRandom(testSeed());
    const before = await health();
    const begun: Owned[] = [];
    for (let index = 0; index < owners; index += 1) begun.push(await beginAnswer(index));
    for (const owned of begun) comeTogether(random.fork(), owned);
    await allServed('all are there');
    // Their tokens expire soon after one another: 4403, and they come back with fresh ones.
    await until('all were closed', () => crowd.every(({ closeCodes }) => closeCodes.length > 0), patienceMs);
    expect(new Set(crowd.map(({ closeCodes }) => closeCodes[0]))).toEqual(new Set([4403]));
    await allServed('all are back');
    await health();
    const cutAtMs = performance.now();
    for (const follower of crowd) follower.cut();
    await allServed('all are back after a cut');
    const backMs = Math.round(performance.now() - cutAtMs);
    const held = (await health()).map(({ loopHeldMs }) => loopHeldMs);

    isOver = true;
    await until('all know the end', () => crowd.every(({ final }) => final !== null), patienceMs);
    expect(crowd.flatMap(({ wrong }) => wrong)).toEqual([]);
    for (const [index, follower] of crowd.entries()) {
      const answerId = follower.followed.answerId;
      const owner = serverAt(index).person(`owner ${Math.floor(index / followersEach)}`);
      const { content, status } = await readMessage(owner, answerId);
      expect([status, follower.final?.content === content, follower.text.content === content]).toEqual([
        'COMPLETE',
        true,
        true,
      ]);
    }
    // No second of anybody's is spent waiting for somebody else's reconnect.
    expect(Math.max(...held)).toBeLessThan(atMost(1000));
    const isQuiet = async () => (await connections()) <= ownConnections * servers.length;
    await until('connections are given back', isQuiet, patienceMs);
    const after = await health();
    after.forEach(({ heapUsed, resources }, index) => {
      expect(heapUsed - (before[index]?.heapUsed ?? 0)).toBeLessThan(40 * 2 ** 20);
      // To PostgreSQL, and to Redis: no follower's.
      expect(resources.TCPSocketWrap).toBeLessThanOrEqual(ownConnections + 7);
    });
    if (process.env.STORM_REPORT) {
      const refused = sum((follower) => follower.refused);
      process.stdout.write(`${JSON.stringify({ backMs, held, refused, before, after })}\n`);
    }
  }, 240_000);
});
