import { execFile, spawn } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { address, DatabaseFolder, isAlive } from '../../support/database-folder.js';
import { until } from '../../support/until.js';

let folder: DatabaseFolder;

beforeAll(async () => {
  folder = await DatabaseFolder.make();
});

beforeEach(() => folder.next());

afterEach(() => folder.tidy());

afterAll(() => folder.remove());

/** What `ps` says of processes, one a line. */
const ps = async (...args: readonly string[]) => (await promisify(execFile)('ps', args)).stdout.split('\n');

/** The pid of the initdb that makes this test's database. */
async function findInitdb(): Promise<number | null> {
  const line = (await ps('-eo', 'pid=,args=')).find(
    (one) => one.includes('/initdb ') && one.includes(`${folder.dataDir}/`),
  );
  return line === undefined ? null : Number.parseInt(line, 10);
}

describe('a start after a kill -9', () => {
  it('of the server alone stops the PostgreSQL that still lives, and nothing is lost', async () => {
    const { server, url, postgresPid } = await folder.startServer();
    await folder.keep(url);
    await server.kill();
    expect(await isAlive(postgresPid)).toBe(true);
    const next = await folder.startServer();
    expect(await isAlive(postgresPid)).toBe(false);
    expect(await folder.kept(next.url)).toEqual(['kept']);
    next.server.send('stop');
    await next.server.heard('stopped');
  });

  it('of the server and PostgreSQL recovers, and nothing is lost', async () => {
    const { server, url, postgresPid } = await folder.startServer();
    await folder.keep(url);
    process.kill(postgresPid, 'SIGKILL');
    await server.kill();
    const next = await folder.start();
    expect(await folder.kept(next.url)).toEqual(['kept']);
    expect(await folder.log()).toContain('automatic recovery in progress');
  });
});

describe('a start over what a dead PostgreSQL left', () => {
  it('waits while one of its processes still works on a statement', async () => {
    const first = await folder.start();
    await folder.keep(first.url);
    const busy = await folder.connect(first.url);
    await busy.query("SET statement_timeout = '2s'");
    const statement = busy.query('SELECT sum(n) FROM generate_series(1, 1000000000) AS n').catch(() => undefined);
    await until('the statement runs', async () => {
      const active = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 1%'";
      return (await folder.ask(first.url, `${active} AND pid <> pg_backend_pid()`)).length > 0;
    });
    process.kill(first.pid, 'SIGKILL');
    const next = await folder.start();
    expect(await folder.kept(next.url)).toEqual(['kept']);
    await statement;
  });

  it('goes on where only its zombie is left, which nobody reads', async () => {
    const { server, url, postgresPid } = await folder.startServer();
    await folder.keep(url);
    server.suspend();
    process.kill(postgresPid, 'SIGKILL');
    await until('it is dead', async () => !(await isAlive(postgresPid)));
    expect(() => process.kill(postgresPid, 0)).not.toThrow();
    const next = await folder.start();
    expect(await folder.kept(next.url)).toEqual(['kept']);
  });

  it('goes on where its pid is another program by now, and leaves that one alone', async () => {
    const first = await folder.start();
    await folder.keep(first.url);
    await first.stop();
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      await writeFile(join(first.data, 'postmaster.pid'), `${other.pid}\n${first.data}\n1\n5432\n\n127.0.0.1\n`);
      const next = await folder.start();
      expect(await folder.kept(next.url)).toEqual(['kept']);
      expect(await isAlive(other.pid ?? 0)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('begins anew where the first start was cut short, and no file with the password stays', async () => {
    const server = folder.spawnServer();
    server.send('go');
    await until('initdb runs', findInitdb);
    await server.kill();
    const { url, data } = await folder.start();
    expect(await folder.ask(url, 'SELECT 1')).toEqual([1]);
    expect(await readdir(join(data, '..'))).toEqual(['data']);
  });
});

describe('a start that cannot be', () => {
  it('while another lives refuses, names its address, and leaves its database alone', async () => {
    const { server, url, postgresPid } = await folder.startServer();
    const second = folder.spawnServer();
    second.send('go');
    const { message } = await second.heard('refused');
    expect(message).toContain(`process ${server.pid} answers at ${address}`);
    expect(await isAlive(postgresPid)).toBe(true);
    expect(await folder.ask(url, 'SELECT 1')).toEqual([1]);
  });

  it('since initdb was killed says so, keeps no file with the password, and the next one succeeds', async () => {
    const failing = folder.start();
    const failed = expect(failing).rejects.toThrow('could not make a database');
    process.kill(await until('initdb runs', findInitdb), 'SIGKILL');
    await failed;
    expect(await readdir(join(folder.dataDir, 'postgres'))).toEqual([]);
    expect(await folder.ask((await folder.start()).url, 'SELECT 1')).toEqual([1]);
  });

  it('on a port that is taken gives the last words of PostgreSQL', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const bound = taken.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    await expect(folder.start({ port })).rejects.toThrow(
      /ended while it started; the last lines of .*Address already in use/s,
    );
    taken.close();
  });

  it('on a database of another major version says which it is', async () => {
    const first = await folder.start();
    await first.stop();
    await writeFile(join(first.data, 'PG_VERSION'), '15\n');
    await expect(folder.start()).rejects.toThrow('was made by PostgreSQL 15, this is 18');
  });

  it('on a database that was parted from its password says what to restore', async () => {
    const first = await folder.start();
    await first.stop();
    await writeFile(join(folder.dataDir, 'postgres-password'), 'another\n');
    await expect(folder.start()).rejects.toThrow('is not the password of the database; restore it');
    await rm(join(folder.dataDir, 'postgres-password'));
    await expect(folder.start()).rejects.toThrow('its password postgres-password is gone');
  });
});
