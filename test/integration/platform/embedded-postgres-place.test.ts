import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/platform/embedded-postgres.js';
import {
  embeddedPostgresBinaries,
  type PostgresBinaries,
  runnableBinaries,
} from '../../../src/platform/embedded-postgres-binaries.js';
import { findUnprivilegedUser, isRoot, type SystemUser } from '../../../src/platform/embedded-postgres-user.js';
import { createLog } from '../../../src/platform/log.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

let temporary: TemporaryFolder;
let number = 0;
/** Only its owner may pass: as root, PostgreSQL's user may not. */
let closed: string;
let shared: string;
const databases: EmbeddedPostgres[] = [];

beforeAll(async () => {
  temporary = await makeTemporaryFolder();
});

beforeEach(async () => {
  number += 1;
  closed = join(temporary.path, `closed-${number}`);
  shared = join(temporary.path, `shared-${number}`);
  await mkdir(closed, { mode: 0o700 });
});

afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.stop()));
});

afterAll(() => temporary.remove());

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const database = await startEmbeddedPostgres({ dataDir, log: createLog('silent'), sharedFolders: [shared] });
  databases.push(database);
  return database;
}

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query({ text, rowMode: 'array' }).finally(() => client.end());
  return rows.flat();
}

/** Makes a database in `dataDir` that holds one row, and stops it. */
async function make(dataDir: string): Promise<EmbeddedPostgres> {
  const database = await start(dataDir);
  await ask(database.url, "CREATE TABLE kept AS SELECT 'kept' AS what");
  await database.stop();
  return database;
}

const kept = ({ url }: EmbeddedPostgres) => ask(url, 'SELECT what FROM kept');

describe('the database of a DATA_DIR that PostgreSQL’s user can enter', () => {
  it('lies in it, where nothing is to be told', async () => {
    const dataDir = join(temporary.path, 'open');
    const { data, notices } = await start(dataDir);
    expect(data).toBe(join(dataDir, 'postgres', 'data'));
    expect(notices).toEqual([]);
    expect((await stat(dataDir)).mode & 0o066).toBe(0);
  });
});

describe('the database of a DATA_DIR below a folder of mode 0700', () => {
  it('lies where PostgreSQL’s user can enter, and the start says where; the next one finds it', async () => {
    const dataDir = join(closed, 'data');
    const first = await make(dataDir);
    const second = await start(dataDir);
    expect(await kept(second)).toEqual(['kept']);
    expect(second.data).toBe(first.data);
    expect(second.notices).toEqual(first.notices);
    if (isRoot()) {
      const [folder = ''] = await readdir(shared);
      expect(second.notices.join()).toContain(`cannot enter ${dataDir}: its database is in ${join(shared, folder)}.`);
    } else expect(second.notices).toEqual([]);
  });

  it('moves with a DATA_DIR that is moved', async () => {
    await make(join(closed, 'data'));
    await rename(join(closed, 'data'), join(closed, 'moved'));
    expect(await kept(await start(join(closed, 'moved')))).toEqual(['kept']);
    await start(join(closed, 'data'));
    expect(await kept(await start(join(closed, 'moved')))).toEqual(['kept']);
  });

  it('is not shared by a copy of that DATA_DIR', async () => {
    const original = join(closed, 'data');
    const copy = join(closed, 'copy');
    const { data } = await make(original);
    await cp(original, copy, { recursive: true });
    const lies = data.startsWith(original) ? 'kept' : `is a copy of ${original}`;
    const outcome = await start(copy).then(kept, (error) => [String(error)]);
    expect(outcome.join()).toContain(lies);
    expect(await kept(await start(original))).toEqual(['kept']);
  });

  it('is not found by a new DATA_DIR at the same path', async () => {
    const dataDir = join(closed, 'data');
    await make(dataDir);
    await rm(dataDir, { recursive: true });
    const anew = await start(dataDir);
    expect(await ask(anew.url, "SELECT to_regclass('kept')")).toEqual([null]);
  });

  it('is made anew where it was removed, and the start says so', async () => {
    const dataDir = join(closed, 'data');
    const { data } = await make(dataDir);
    await rm(join(data, '..'), { recursive: true });
    const anew = await start(dataDir);
    expect(anew.notices.join().includes('no database of')).toBe(isRoot());
  });

  it('follows when the folder is closed after the database was made in it', async () => {
    const dataDir = join(closed, 'data');
    await chmod(closed, 0o711);
    const first = await make(dataDir);
    expect(first.data).toBe(join(dataDir, 'postgres', 'data'));
    await chmod(closed, 0o700);
    const second = await start(dataDir);
    expect(await kept(second)).toEqual(['kept']);
    expect(second.data === first.data).toBe(!isRoot());
  });
});

describe('the binaries', () => {
  async function installBelow(folder: string): Promise<PostgresBinaries> {
    const installed = await embeddedPostgresBinaries();
    const copy = (path: string) => path.replace(installed.folder, join(folder, 'native'));
    await cp(installed.folder, copy(installed.folder), { recursive: true, verbatimSymlinks: true });
    const { folder: native, postgres, initdb, pgCtl } = installed;
    return {
      version: installed.version,
      folder: copy(native),
      postgres: copy(postgres),
      initdb: copy(initdb),
      pgCtl: copy(pgCtl),
    };
  }

  const user = async (): Promise<SystemUser | null> => (isRoot() ? findUnprivilegedUser() : null);

  it('below a folder of mode 0700 are copied once to where PostgreSQL’s user can run them', async () => {
    const installed = await installBelow(closed);
    const [first, second] = await Promise.all([
      runnableBinaries(await user(), [shared], installed),
      runnableBinaries(await user(), [shared], installed),
    ]);
    expect(second).toEqual(first);
    const again = await runnableBinaries(await user(), [shared], installed);
    expect(again).toEqual(first);
    if (isRoot()) {
      expect(await readdir(shared)).toHaveLength(1);
      expect(first.notices).toEqual([expect.stringContaining(`it runs a copy in ${join(shared, 'postgres-')}`)]);
    } else expect(first).toEqual({ binaries: installed, notices: [] });
  });

  it('whose copy was cut short are copied again', async () => {
    const installed = await installBelow(closed);
    const { binaries } = await runnableBinaries(await user(), [shared], installed);
    const whole = await readFile(binaries.postgres);
    await rm(join(binaries.folder, isRoot() ? 'lib' : 'share'), { recursive: true });
    const again = await runnableBinaries(await user(), [shared], installed);
    expect(again.binaries.folder).toBe(binaries.folder);
    expect((await readFile(again.binaries.postgres)).equals(whole)).toBe(true);
  });

  it('are not taken from a folder that another user made', async () => {
    const installed = await installBelow(closed);
    await mkdir(shared);
    await chmod(shared, 0o777);
    const outcome = runnableBinaries(await user(), [shared], installed);
    const { version } = await outcome.then(({ binaries }) => binaries).catch(() => ({ version: 'none' }));
    expect(version).toBe(isRoot() ? 'none' : installed.version);
    expect(await readdir(shared)).toEqual([]);
  });

  it('that cannot run on this machine are one sentence', async () => {
    const installed = await installBelow(closed);
    await rm(installed.postgres);
    await expect(runnableBinaries(null, [shared], installed)).rejects.toThrow('set DATABASE_URL to a server');
  });
});
