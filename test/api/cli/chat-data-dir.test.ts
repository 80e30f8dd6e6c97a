import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Person } from '../../support/person.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
});
afterEach(killParleyProcesses);
afterAll(() => folder?.remove());

const options = () => ({
  env: { DATA_DIR: join(folder.path, 'data'), PORT: '0', SHUTDOWN_GRACE: '0' },
  folder: folder.path,
});

async function startServer() {
  const server = ParleyProcess.serve(options());
  const [, url = '', token = ''] = await server.heard(/(http:\/\/\S+)\/graphiql#(\S+)/);
  return { server, person: new Person(url, token) };
}

describe('parley chat with nothing said but the question', () => {
  it('finds the server that runs on DATA_DIR, and again where it runs after a restart, as the same person', async () => {
    const first = await startServer();
    const command = ParleyProcess.cli(['chat', 'Hello'], options());
    await command.heard(/demonstration/);
    first.server.signal('SIGTERM');
    expect(await first.server.ended()).toBe(0);
    const second = await startServer();
    expect(second.person.url).not.toBe(first.person.url);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toContain('\nInterrupted, what was written is kept: ');
    const [, id] = await command.heard(/--conversation (cnv_[0-9a-f]+)/);
    const read = 'query ($id: ID!) { conversation(id: $id) { lastMessage { status content } } }';
    expect(await second.person.data(read, { id })).toEqual({
      conversation: { lastMessage: { status: 'INTERRUPTED', content: command.stdout.replace(/\n$/, '') } },
    });
  });

  it('says to start a server where none runs', async () => {
    const command = ParleyProcess.cli(['chat', 'Hello'], options());
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toMatch(/^No server answers at \S+ \(.+\): start one with "npm start", or .+\.\n$/);
  });
});
