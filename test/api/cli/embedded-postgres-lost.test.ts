import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { isAlive } from '../../support/database-folder.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import { Person } from '../../support/person.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;
let model: ModelServer;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ModelServer.start();
});
afterEach(killParleyProcesses);
afterAll(async () => {
  await model?.stop();
  await folder?.remove();
});

async function startServer() {
  const env = { DATA_DIR: folder.path, PORT: '0', ...model.env };
  const server = ParleyProcess.serve({ env, folder: folder.path });
  const [, url = '', token = ''] = await server.heard(/(http:\/\/\S+)\/graphiql#(\S+)/);
  return { server, person: new Person(url, token) };
}

/** The PostgreSQL of each of its starts so far. */
const pidsOf = (server: ParleyProcess) =>
  server
    .log()
    .filter(({ msg }) => String(msg).startsWith('the embedded PostgreSQL is ready'))
    .map(({ pid }) => Number(pid));

/** Kills the one that runs, which was the nth that was started. */
async function killNth(server: ParleyProcess, nth: number): Promise<void> {
  const pid = await until('it is ready', () => pidsOf(server)[nth - 1]);
  process.kill(pid, 'SIGKILL');
  await until('it is dead', async () => !(await isAlive(pid)));
}

describe('An embedded PostgreSQL that ends by itself', () => {
  it('is started again, and the answer that was being written arrives whole', async () => {
    const byHand = new ModelByHand();
    model.replyWith(byHand.reply);
    const { server, person } = await startServer();
    const { sendMessage } = await person.data<{ sendMessage: { answer: { id: string } } }>(
      'mutation { sendMessage(input: { content: "Hello" }) { answer { id } } }',
    );
    await byHand.text('The beginning ');
    await killNth(server, 1);
    await byHand.text('and the end.');
    await byHand.finish();
    const read = () =>
      person.graphql('query ($id: ID!) { message(id: $id) { status content } }', { id: sendMessage.answer.id });
    const final = { status: 'COMPLETE', content: 'The beginning and the end.' };
    await until('it is stored', async () => JSON.stringify((await read()).data?.message) === JSON.stringify(final));
    expect(pidsOf(server)).toHaveLength(2);
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
    expect(await isAlive(pidsOf(server)[1] ?? 0)).toBe(false);
  });

  it('again and again ends the server, which says why', async () => {
    const { server } = await startServer();
    for (const nth of [1, 2, 3, 4]) await killNth(server, nth);
    expect(await server.ended()).toBe(1);
    const said = server.log().filter(({ level }) => Number(level) === 60);
    expect(said[0]).toMatchObject({
      msg: 'the embedded PostgreSQL does not stay up',
      logFile: expect.stringContaining('postgres.log'),
    });
  });
});
