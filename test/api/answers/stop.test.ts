import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower, ClientText, type StoredAnswer, storedFields } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { request } from '../../support/http-client.js';
import { ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { ServerProcess } from '../../support/server-process.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
const read = `query ($id: ID!) { message(id: $id) { ${storedFields} } }`;

let folder: TemporaryFolder;
let model: ScriptedModel;
let other: TestApp;
const processes: ServerProcess[] = [];
const followers: AnswerFollower[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  other = await startApp({ redis: true, env: { ...model.env, LIMITS: patience } });
});
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.close();
  await Promise.all(processes.splice(0).map((server) => server.kill()));
});
afterAll(async () => {
  await other?.close();
  await model?.stop();
  await folder?.remove();
});

async function follow(...args: Parameters<typeof AnswerFollower.open>): Promise<AnswerFollower> {
  const follower = await AnswerFollower.open(...args);
  followers.push(follower);
  return follower;
}

/** A server of its own that writes an answer, followed there and at the other instance. */
async function begin(env: NodeJS.ProcessEnv) {
  const server = await ServerProcess.start({ beside: other, env, folder: folder.path });
  processes.push(server);
  const byHand = new ModelByHand();
  const name = randomUUID();
  model.answer(name, byHand.reply);
  const { sendMessage: sent } = await server
    .person(name)
    .data<{ sendMessage: { answer: { id: string } } }>(send, { input: { content: name } });
  const { id } = sent.answer;
  const person = other.person(name);
  const [here, apart] = [await follow(server.person(name), id), await follow(person, id)];
  await byHand.text('As far as it came, ');
  for (const follower of [here, apart]) await follower.has('As far as it came, ');
  const readAtOther = async () => (await person.data<{ message: StoredAnswer }>(read, { id })).message;
  return { server, byHand, id, person, here, apart, readAtOther };
}

describe('SIGTERM', () => {
  it('not ready, no new work, running answers get SHUTDOWN_GRACE to finish, sockets close 1001, exit', async () => {
    const { server, byHand, here, apart, readAtOther, person } = await begin({ SHUTDOWN_GRACE: '20' });
    server.signal('SIGTERM');
    await until('it is not ready', async () => (await request(`${server.url}/health/ready`)).status === 503);
    const refused = await server.person(randomUUID()).graphql(send, { input: { content: 'More?' } });
    expect(refused.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', retryable: true } }]);
    await byHand.text('and to its end.');
    for (const follower of [here, apart]) await follower.has('As far as it came, and to its end.');
    expect(here.client.closed).toBeNull();
    await byHand.finish();
    expect(await server.ended()).toBe(0);
    expect(await here.client.whenClosed()).toMatchObject({ code: 1001 });
    const final = await apart.end();
    expect(final).toMatchObject({ status: 'COMPLETE', content: 'As far as it came, and to its end.' });
    expect(await here.end()).toEqual(final);
    expect(await readAtOther()).toEqual(final);
    expect(person.url).not.toBe(server.url);
  });

  it('With a SHUTDOWN_GRACE of 0 the answer is INTERRUPTED (SHUTDOWN, retryable), and a cursor goes on at another instance', async () => {
    const { server, id, here, apart, person } = await begin({ SHUTDOWN_GRACE: '0' });
    server.signal('SIGTERM');
    expect(await here.client.whenClosed()).toMatchObject({ code: 1001 });
    expect(await server.ended()).toBe(0);
    const final = await apart.end();
    expect(final).toMatchObject({
      status: 'INTERRUPTED',
      content: 'As far as it came, ',
      error: { code: 'SHUTDOWN', retryable: true },
    });
    const resumed = await follow(person, id, { after: here.cursor, text: new ClientText(here.text) });
    expect(await resumed.end()).toEqual(final);
    expect(resumed.deltas).toEqual([]);
  });
});

/** A server in this process, and an answer of it with these followers. */
async function beginHere(env: NodeJS.ProcessEnv, beside?: TestApp) {
  const app = await startApp({ env: { ...model.env, ...env }, ...(beside && { beside }) });
  const byHand = new ModelByHand();
  const name = randomUUID();
  model.answer(name, byHand.reply);
  const person = app.person(name);
  const { sendMessage: sent } = await person.data<{ sendMessage: { answer: { id: string } } }>(send, {
    input: { content: name },
  });
  const follower = await follow(person, sent.answer.id);
  await byHand.text('As far as it came, ');
  await follower.has('As far as it came, ');
  return { app, byHand, follower };
}

describe('Whoever follows at a stop', () => {
  it.each([
    ['COMPLETE', '10'],
    ['INTERRUPTED', '0'],
  ])('is told that the answer is %s before the socket closes, without Redis too', async (status, grace) => {
    const { app, byHand, follower } = await beginHere({ SHUTDOWN_GRACE: grace });
    const stopped = app.stop();
    if (status === 'COMPLETE') await byHand.finish();
    await stopped;
    expect(await follower.client.whenClosed()).toMatchObject({ code: 1001 });
    expect(follower.finished?.message).toMatchObject({ status, content: 'As far as it came, ' });
    await app.close();
  });

  it('is not told that the answer is gone where it could not be settled in time', async () => {
    const lender = await startApp();
    const proxy = await TcpProxy.start(lender.database.url);
    const { app, follower } = await beginHere({ DATABASE_URL: proxied(lender.database.url, proxy) }, lender);
    await proxy.close();
    await app.stop();
    expect(await follower.client.whenClosed()).toMatchObject({ code: 1001 });
    expect(follower.errors).toEqual([]);
    expect(follower.finished).toBeNull();
    await app.close();
    await lender.close();
  });
});

function proxied(url: string, proxy: TcpProxy): string {
  const changed = new URL(url);
  changed.port = new URL(proxy.url).port;
  return changed.href;
}
