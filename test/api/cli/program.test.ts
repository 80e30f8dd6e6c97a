import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { variables } from '../../../src/config-variables.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
});
afterEach(killParleyProcesses);
afterAll(() => folder?.remove());

async function run(...args: string[]) {
  const command = ParleyProcess.cli(args, { env: { DATA_DIR: folder.path }, folder: folder.path });
  return { code: await command.ended(), stdout: command.stdout, stderr: command.stderr };
}

describe('parley --help', () => {
  it('names every command, gives examples, and lists every variable with what holds where it is not set', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    for (const command of ['serve', 'migrate', 'token', 'chat'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command}`, 'm'));
    expect(stdout).toContain('npm run cli -- chat "What can you do?"');
    for (const { name } of variables) expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\S`, 'm'));
    expect(stdout.match(/\(unset:/g)).toHaveLength(variables.length);
  });

  it.each(['serve', 'migrate', 'token', 'chat'])('of %s gives examples of it', async (command) => {
    const { code, stdout } = await run(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: parley ${command}`);
    expect(stdout).toMatch(new RegExp(`Examples:\\n  \\$ .*parley ${command}`));
  });
});

describe('A command line that cannot be meant', () => {
  it.each([
    [['sing'], "unknown command 'sing'"],
    [['serve', '--loud'], "unknown option '--loud'"],
    [['migrate', 'now'], "too many arguments for 'migrate'"],
    [['token', '--days', '366'], '365 at most'],
    [['token', '--days', '0'], 'above 0'],
    [['token', '--sub', ''], '1 to 255 characters'],
    [['chat', '--retry', 'long', 'Hello'], 'from 0 to 3600'],
    [['chat', '--url', 'localhost', 'Hello'], 'begins with http:// or https://'],
  ])('%j is refused in one line, with exit code 1', async (args, what) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(what);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('An older Node.js', () => {
  const old =
    'data:text/javascript,' +
    encodeURIComponent(`globalThis.process = Object.create(process, {
    version: { value: 'v20.19.0' }, versions: { value: { ...process.versions, node: '20.19.0' } } })`);

  it.each(['main', 'cli'] as const)(
    'is told in one sentence by %s what is needed, before anything else',
    async (program) => {
      const options = { env: {}, folder: folder.path, preload: old };
      const command = program === 'main' ? ParleyProcess.serve(options) : ParleyProcess.cli(['token'], options);
      expect(await command.ended()).toBe(1);
      expect(command.stdout).toBe('');
      expect(command.stderr).toMatch(/^Parley needs Node\.js 22 or newer, and this is v20\.19\.0: .+\.\n$/);
    },
  );
});
