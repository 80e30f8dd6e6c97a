import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { LoadBalancer } from '../../support/load-balancer.js';
import { patience } from '../../support/patience.js';
import { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { ServerProcess } from '../../support/server-process.js';
import { pieceOf, speaking } from '../../support/slow-model.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { DeployClient } from './deploy-client.js';

const clients = 6;
const pieces = 40;
const whole = Array.from({ length: pieces }, (_, index) => pieceOf(index + 1)).join('');

let folder: TemporaryFolder;
let model: ScriptedModel;
let lender: TestApp;
let sql: SqlClient;
let balancer: LoadBalancer;
const running = new Set<ServerProcess>();

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  lender = await startApp({ redis: true, env: { ...model.env, LIMITS: patience, SHUTDOWN_GRACE: '20' } });
  await lender.stop();
  sql = await SqlClient.connect(lender.database.url);
  balancer = await LoadBalancer.start();
  await Promise.all([startInstance(), startInstance()]);
});
afterAll(async () => {
  await balancer?.close();
  await Promise.all([...running].map((server) => server.kill()));
  await sql?.close();
  await lender?.close();
  await model?.stop();
  await folder?.remove();
});

async function startInstance(): Promise<void> {
  const server = await ServerProcess.start({ beside: lender, folder: folder.path });
  running.add(server);
  balancer.add(server.url);
  await until('it is given work', () => balancer.isReady(server.url));
}

/** As a deployment does: told to stop, waited for, and started anew. */
async function restart(server: ServerProcess): Promise<void> {
  server.signal('SIGTERM');
  expect(await server.ended()).toBe(0);
  running.delete(server);
  balancer.remove(server.url);
  await startInstance();
}

function newQuestion(): string {
  const question = randomUUID();
  model.answer(question, speaking({ everyMs: 25, pieces }));
  return question;
}

describe('Two instances that are restarted one after the other under load', () => {
  it('lose no acknowledged message and no token of a finished answer, and tell no client anything but UNAVAILABLE, retryable', async () => {
    const apps = Array.from({ length: clients }, () => {
      const token = lender.token(randomUUID());
      return new DeployClient(new Person(balancer.url, token));
    });
    let isOver = false;
    const asking = Promise.all(apps.map((app) => app.askOn(newQuestion, () => isOver)));
    asking.catch(() => undefined);
    const asked = () => apps.flatMap((app) => app.asked);
    for (const server of [...running]) {
      const before = asked().length;
      await until('everyone has asked', () => asked().length >= before + clients, 30_000);
      await restart(server);
    }
    isOver = true;
    await asking;

    expect(apps.flatMap(({ errors }) => errors)).toEqual([]);
    for (const { text, finished, question } of asked()) {
      expect(finished.message).toMatchObject({ status: 'COMPLETE', content: whole });
      expect(text).toBe(whole);
      expect(model.timesAsked(question)).toBe(1);
    }
    const ids = asked().flatMap(({ messageId, answerId }) => [uuidOf(messageId), uuidOf(answerId)]);
    const { count } = await sql.row<{ count: number }>('SELECT count(*)::integer AS count FROM messages');
    const stored = await sql.rows("SELECT FROM messages WHERE id = ANY($1::uuid[]) AND status = 'COMPLETE'", [ids]);
    expect([stored.length, count]).toEqual([ids.length, ids.length]);
  });
});
