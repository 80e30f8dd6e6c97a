import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { findDataDirHolder } from '../../../src/platform/data-dir.js';
import { atMost } from '../../support/at-most.js';
import { isAlive } from '../../support/database-folder.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import { Person } from '../../support/person.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;
let model: ModelServer;
let env: NodeJS.ProcessEnv;
let dataDir: string;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ModelServer.start();
});
beforeEach(() => useDataDir('data'));
afterEach(killParleyProcesses);
afterAll(async () => {
  await model?.stop();
  await folder?.remove();
});

/** One for all, unless a test is about the first start on it. */
function useDataDir(name: string): void {
  dataDir = join(folder.path, name);
  env = { DATA_DIR: dataDir, PORT: '0' };
}

const serve = (more: NodeJS.ProcessEnv = {}, preload?: string) =>
  ParleyProcess.serve({ env: { ...env, ...more }, folder: folder.path, ...(preload !== undefined && { preload }) });

async function startServer(more: NodeJS.ProcessEnv = {}, preload?: string) {
  return await ready(serve(more, preload));
}

/** What a server tells of itself once it is ready: the person whose token it prints, and its PostgreSQL. */
async function ready(server: ParleyProcess) {
  const [, url = '', token = ''] = await server.heard(/(http:\/\/\S+)\/graphiql#(\S+)/);
  await server.heard(/Ctrl-C stops it/);
  const postgres = Number(/"pid":(\d+),"msg":"the embedded PostgreSQL is ready"/.exec(server.stdout)?.[1]);
  return { server, url, person: new Person(url, token), postgres };
}

/** Nothing of it runs, and the next start finds nothing to clear. */
async function expectNothingLeft(postgres: number): Promise<void> {
  expect(await isAlive(postgres)).toBe(false);
  expect(await findDataDirHolder(dataDir)).toBeNull();
  const log = await readFile(join(dataDir, 'postgres.log'), 'utf8');
  expect(log.trim().split('\n').at(-1)).toContain('database system is shut down');
}

/** What Ctrl-C does to it on some systems. */
function killInitdb(folder: string): void {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const found = lines.find((line) => line.includes('initdb') && line.includes(`${folder}/`));
  process.kill(Number.parseInt(found ?? '', 10), 'SIGKILL');
}

const messagesOf = (server: ParleyProcess) => server.log().map(({ msg }) => msg);

describe('A start', () => {
  it('is ready in less than 15 s, and prints an address of GraphiQL and a curl line with a token that is accepted', async () => {
    const startedAtMs = performance.now();
    const { server, url, person } = await startServer();
    expect(performance.now() - startedAtMs).toBeLessThan(atMost(15_000));
    expect(await person.data('{ viewer { email roles } }')).toEqual({
      viewer: { email: 'developer@example.com', roles: ['admin'] },
    });
    expect(server.stdout).toContain(`curl ${url}/graphql -H 'content-type: application/json'`);
    expect(server.stdout).toContain(`-H 'authorization: Bearer ${person.token}'`);
    expect(server.stdout).toContain('npm run cli -- chat');
  });

  it('is the same as the command serve', async () => {
    const { person } = await ready(ParleyProcess.cli(['serve'], { env, folder: folder.path }));
    expect(await person.graphql('{ viewer { id } }')).toHaveProperty('data.viewer.id');
  });

  it('on a port that is taken says so in one sentence, exits with 1 and leaves nothing running', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const server = serve({ PORT: port });
    expect(await server.ended()).toBe(1);
    other.close();
    expect(server.stderr).toBe(
      `Port ${port} is taken by another program: stop that, or set PORT to another one, e.g. PORT=4001 npm start.\n`,
    );
    await expectNothingLeft(Number(server.log().find(({ pid }) => pid)?.pid));
    await startServer();
  });

  it('refuses while another one lives on the same DATA_DIR, and names its address', async () => {
    const first = await startServer();
    const second = serve();
    expect(await second.ended()).toBe(1);
    expect(second.stderr).toMatch(/^Parley already runs on .+\n$/);
    expect(second.stderr).toContain(`process ${first.server.pid} answers at ${first.url};`);
    expect(second.stdout).toBe('');
    expect(await first.person.graphql('{ viewer { id } }')).toHaveProperty('data.viewer.id');
  });

  it('works again after a kill -9 of the server alone', async () => {
    const first = await startServer();
    first.server.signal('SIGKILL');
    await first.server.ended();
    expect(await isAlive(first.postgres)).toBe(true);
    const second = await startServer();
    expect(await isAlive(first.postgres)).toBe(false);
    expect(await second.person.graphql('{ viewer { id } }')).toHaveProperty('data.viewer.id');
  });

  it('prints all faults of the configuration at once and exits with 1', async () => {
    const server = serve({ NODE_ENV: 'production', PORT: 'many' });
    expect(await server.ended()).toBe(1);
    const blamed = server.stderr.split('\n').map((line) => line.trim().split(' ')[0]);
    const missing = ['DATABASE_URL', 'DEFAULT_MODEL', 'ENCRYPTION_KEYS', 'JWT_SECRETS', 'OPENAI_BASE_URL'];
    expect(blamed).toEqual(expect.arrayContaining(['PORT', ...missing]));
  });

  it('says in one sentence that a database does not answer, without the password', async () => {
    const server = serve({ DATABASE_URL: 'postgres://parley:canary-password@127.0.0.1:1/parley' });
    expect(await server.ended()).toBe(1);
    expect(server.stderr).toMatch(/^Parley could not start: The database does not answer .*DATABASE_URL.*\.\n$/);
    expect(server.stdout + server.stderr).not.toContain('canary');
  });
});

describe('A stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s ends everything, PostgreSQL last, and exits with 0',
    async (signal) => {
      const { server, postgres } = await startServer();
      server.signalGroup(signal);
      expect(await server.ended()).toBe(0);
      expect(messagesOf(server).at(-1)).toBe('stopped');
      expect(server.stderr).toBe('');
      await expectNothingLeft(postgres);
    },
  );

  it('while an answer is written says that it waits for it, and waits, whatever further Ctrl-C come', async () => {
    const byHand = new ModelByHand();
    model.replyWith(byHand.reply);
    const more = { ...model.env };
    const { server, person, postgres } = await startServer(more);
    const { sendMessage } = await person.data<{ sendMessage: { answer: { id: string } } }>(
      'mutation { sendMessage(input: { content: "Hello" }) { answer { id } } }',
    );
    await byHand.text('The beginning ');
    server.signal('SIGINT');
    await server.heard(/Stopping: one answer is being written and may take 20 s to finish/);
    server.signal('SIGINT');
    server.signal('SIGTERM');
    await byHand.text('and the end.');
    await byHand.finish();
    expect(await server.ended()).toBe(0);
    expect(messagesOf(server).filter((message) => message === 'stopping')).toHaveLength(1);
    await expectNothingLeft(postgres);
    const again = await startServer(more);
    const { id } = sendMessage.answer;
    expect(await again.person.data('query ($id: ID!) { message(id: $id) { status content } }', { id })).toEqual({
      message: { status: 'COMPLETE', content: 'The beginning and the end.' },
    });
  });

  it('during the start, before the server listens, leaves nothing behind and exits with 0', async () => {
    useDataDir('stopped-at-start');
    const server = serve();
    const files = async (): Promise<string[]> => await readdir(dataDir).catch(() => []);
    await until('it has taken DATA_DIR', async () => (await files()).includes('lock.1'));
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
    expect(server.stdout).not.toContain('Parley is ready');
    expect(server.stderr).toBe('');
    const [started] = server.log().filter(({ pid }) => pid);
    if (started) await expectNothingLeft(Number(started.pid));
    else expect(await findDataDirHolder(dataDir)).toBeNull();
  });

  it('while the database is made, which ends the program that makes it too, is no failure', async () => {
    useDataDir('interrupted-at-start');
    const server = serve();
    const draftFiles = async (): Promise<string[]> => {
      const names = await readdir(join(dataDir, 'postgres'), { recursive: true }).catch(() => []);
      return names.filter((name) => name.startsWith('draft-'));
    };
    const isAtWork = async () => (await draftFiles()).some((name) => name.endsWith('/PG_VERSION'));
    await until('the database is being made', isAtWork);
    server.signal('SIGINT');
    await server.heard(/"msg":"stopping"/);
    killInitdb(dataDir);
    expect(await server.ended()).toBe(0);
    expect(server.stderr).toBe('');
    expect(messagesOf(server)).not.toContain('the embedded PostgreSQL is ready');
    expect(await draftFiles()).toEqual([]);
    await startServer();
  });

  it('by a fault that nothing caught is logged once, ends everything in order and exits with 1', async () => {
    const error = 'new RangeError(["can", "ary"].join(""))';
    for (const fault of [`throw ${error}`, `void Promise.reject(${error})`]) {
      const twice = `for (const time of [1, 2]) setImmediate(() => { ${fault} })`;
      const preload = `data:text/javascript,process.on('SIGUSR2', () => { ${twice} })`;
      const { server, postgres } = await startServer({}, preload);
      server.signal('SIGUSR2');
      expect(await server.ended()).toBe(1);
      const fatal = server.log().filter(({ level }) => level === 60);
      expect(fatal).toEqual([
        expect.objectContaining({
          msg: 'a fault that nothing caught, stopping',
          error: expect.objectContaining({ type: 'RangeError' }),
        }),
      ]);
      expect(server.stdout + server.stderr).not.toContain('canary');
      await expectNothingLeft(postgres);
    }
  });
});

describe('npm start', () => {
  const options = () => ({ env, folder: folder.path });

  it('under a terminal is stopped by Ctrl-C, in order', async () => {
    const terminal = ParleyProcess.inTerminal(['npm', 'start', '--', `${folder.path}/`], options());
    const { postgres } = await ready(terminal);
    terminal.type('\u0003');
    await terminal.heard(/"msg":"stopped"/);
    await terminal.ended();
    expect(terminal.stdout.match(/"msg":"stopping"/g)).toHaveLength(1);
    await expectNothingLeft(postgres);
  });

  it('under a terminal that is closed stops, in order', async () => {
    const terminal = ParleyProcess.inTerminal(['npm', 'start', '--', `${folder.path}/`], options());
    const { postgres } = await ready(terminal);
    terminal.signal('SIGKILL');
    await until('the server has ended', async () => (await findDataDirHolder(dataDir)) === null);
    await expectNothingLeft(postgres);
  });

  it('is stopped by a SIGTERM that only npm gets', async () => {
    const npm = ParleyProcess.npmStart(options());
    const { postgres } = await ready(npm);
    npm.signal('SIGTERM');
    await npm.ended();
    expect(npm.stdout).toContain('"msg":"stopped"');
    await until('the server has ended', async () => (await findDataDirHolder(dataDir)) === null);
    await expectNothingLeft(postgres);
  });
});
