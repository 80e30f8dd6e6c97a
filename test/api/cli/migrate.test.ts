import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { keysMigrations, migrations } from '../../../migrations/index.js';
import { hasPendingMigrations } from '../../../src/migrate.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;
let main: TestDatabase;
let keys: TestDatabase;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
});
beforeEach(async () => {
  main = await createEmptyDatabase();
  keys = await createEmptyDatabase();
});
afterEach(async () => {
  await killParleyProcesses();
  await Promise.all([main.drop(), keys.drop()]);
});
afterAll(() => folder?.remove());

async function runMigrate(env: NodeJS.ProcessEnv) {
  const options = { env: { DATA_DIR: join(folder.path, 'none'), ...env }, folder: folder.path };
  const command = ParleyProcess.cli(['migrate'], options);
  const code = await command.ended();
  return { code, lines: command.stdout.trim().split('\n'), stderr: command.stderr };
}

/** A line for each migration, and one for the tables that the job queue brings. */
const carriedOut = (list: readonly { readonly name: string }[]) => [
  ...list.map(({ name }) => `carried out ${name}`),
  expect.stringMatching(/^carried out JobQueue\d+$/),
];

describe('parley migrate', () => {
  it('prints a line for each migration that it carried out, and after that, that there was nothing to do', async () => {
    const env = { DATABASE_URL: main.url };
    expect(await runMigrate(env)).toEqual({ code: 0, lines: carriedOut(migrations), stderr: '' });
    expect(await runMigrate(env)).toEqual({ code: 0, lines: ['Nothing to do: all is up to date.'], stderr: '' });
  });

  it('in production needs neither a model nor secrets', async () => {
    const { code, lines } = await runMigrate({ NODE_ENV: 'production', DATABASE_URL: main.url });
    expect({ code, lines }).toEqual({ code: 0, lines: carriedOut(migrations) });
  });

  it('brings the database of the keys up to date too', async () => {
    const { code, lines } = await runMigrate({ DATABASE_URL: main.url, KEYS_DATABASE_URL: keys.url });
    expect({ code, lines }).toEqual({ code: 0, lines: carriedOut([...keysMigrations, ...migrations]) });
    expect(await hasPendingMigrations({ databaseUrl: main.url, keysDatabaseUrl: keys.url })).toBe(false);
  });

  it('several at once carry out each migration once', async () => {
    const all = await Promise.all([1, 2, 3].map(() => runMigrate({ DATABASE_URL: main.url })));
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0]);
    const lines = all.flatMap((one) => one.lines).filter((line) => line.startsWith('carried out'));
    expect(lines).toHaveLength(migrations.length + 1);
    expect(lines).toEqual(expect.arrayContaining(carriedOut(migrations)));
  });

  it('with the embedded database says that each start of the server does it', async () => {
    const { code, lines } = await runMigrate({});
    expect(code).toBe(0);
    expect(lines).toEqual([expect.stringMatching(/^DATABASE_URL is not set: .*by each start of the server/)]);
  });

  it('in production refuses in one sentence where DATABASE_URL is not set', async () => {
    const { code, stderr } = await runMigrate({ NODE_ENV: 'production' });
    expect(code).toBe(1);
    expect(stderr).toContain('DATABASE_URL is not set');
  });

  it('says in one sentence what it cannot reach, or what refuses it, without the password', async () => {
    const wrong = new URL(main.url);
    wrong.password = 'canary-password';
    const refused = await runMigrate({ DATABASE_URL: wrong.href });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^The database refuses \(.*\): see DATABASE_URL and KEYS_DATABASE_URL\.\n$/);
    const away = await runMigrate({ DATABASE_URL: 'postgres://parley:canary-password@localhost:1/parley' });
    expect(away.code).toBe(1);
    expect(away.stderr).toMatch(/^The database does not answer \(.*ECONNREFUSED.*\): .*DATABASE_URL.*\.\n$/);
    expect(refused.stderr + away.stderr).not.toContain('canary');
  });
});
