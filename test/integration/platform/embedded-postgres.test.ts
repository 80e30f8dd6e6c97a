import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { atMost } from '../../support/at-most.js';
import { DatabaseFolder, isAlive } from '../../support/database-folder.js';

const firstStartMs = 15_000;

let folder: DatabaseFolder;

beforeAll(async () => {
  folder = await DatabaseFolder.make();
});

beforeEach(() => folder.next());

afterEach(() => folder.tidy());

afterAll(() => folder.remove());

/** What `ps` says of processes, one a line. */
const ps = async (...args: readonly string[]) => (await promisify(execFile)('ps', args)).stdout.split('\n');

describe('the embedded PostgreSQL', () => {
  it('starts from nothing, keeps everything for the next start, and is quick both times', async () => {
    const beganAtMs = performance.now();
    const first = await folder.start();
    await folder.keep(first.url);
    expect(performance.now() - beganAtMs).toBeLessThan(atMost(firstStartMs));
    await first.stop();
    expect(await isAlive(first.pid)).toBe(false);
    const second = await folder.start();
    expect(await folder.kept(second.url)).toEqual(['kept']);
    expect(performance.now() - beganAtMs).toBeLessThan(atMost(2 * firstStartMs));
  });

  it('is PostgreSQL 18 in UTF-8 and UTC, durable, and open to this machine only', async () => {
    const { url } = await folder.start();
    const settings = ['server_encoding', 'TimeZone', 'fsync', 'max_connections', 'listen_addresses', 'shared_buffers'];
    const values = settings.map((name) => `current_setting('${name}')`).join(', ');
    expect(await folder.ask(url, `SELECT ${values}`)).toEqual(['UTF8', 'UTC', 'on', '100', '127.0.0.1', '128MB']);
    expect(await folder.ask(url, 'SELECT uuid_extract_version(uuidv7())')).toEqual([7]);
    expect(await folder.ask(url, "SELECT upper('é'), 'B' < 'a', current_database()")).toEqual(['É', true, 'parley']);
  });

  it('gives up durability for speed where it is told to', async () => {
    const { url } = await folder.start({ durable: false });
    expect(await folder.ask(url, "SELECT current_setting('fsync'), current_setting('synchronous_commit')")).toEqual([
      'off',
      'off',
    ]);
  });

  it('asks for its password, which is readable for its owner only', async () => {
    const { url } = await folder.start();
    const file = join(folder.dataDir, 'postgres-password');
    const password = (await readFile(file, 'utf8')).trim();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(password).toHaveLength(32);
    await expect(folder.connect(url.replace(password, 'guessed'))).rejects.toThrow('password authentication failed');
    const stored = await folder.ask(url, 'SELECT rolpassword FROM pg_authid WHERE rolname = current_user');
    expect(stored).toEqual([expect.stringContaining('SCRAM-SHA-256')]);
  });

  it('runs as an unprivileged user where we are root, as ourselves elsewhere', async () => {
    const { pid, data } = await folder.start();
    const { uid } = await stat(data);
    const us = process.getuid?.();
    expect(us === 0 ? uid !== 0 : uid === us).toBe(true);
    expect(Number((await ps('-o', 'uid=', '-p', `${pid}`))[0])).toBe(uid);
  });

  it('is not given our environment, where secrets are', async () => {
    const { pid } = await folder.start();
    const shown = (await ps('eww', '-o', 'command=', '-p', `${pid}`)).join('\n');
    expect(shown).toContain(' LC_ALL=C');
    const ours = Object.keys(process.env).filter((name) => !['LC_ALL', 'PATH', 'TZ'].includes(name));
    expect(ours.filter((name) => shown.includes(` ${name}=`))).toEqual([]);
  });
});

describe('the log of the embedded PostgreSQL', () => {
  it('never holds a text: not of a statement, a parameter, or an error about them', async () => {
    const canary = 'canary4711';
    const { url } = await folder.start();
    const client = await folder.connect(url);
    await client.query('CREATE TABLE texts (text text UNIQUE CHECK (length(text) < 40), number integer)');
    await client.query('INSERT INTO texts VALUES ($1, 1)', [canary]);
    const wrong: [string, unknown[]][] = [
      ['INSERT INTO texts VALUES ($1, 1)', [canary]],
      ['INSERT INTO texts VALUES ($1, 1)', [canary.repeat(5)]],
      ['INSERT INTO texts VALUES (NULL, $1)', [canary]],
      [`SELECT '${canary}'::integer`, []],
      [`SELECT ${canary} FROM`, []],
      ['SELECT pg_sleep(10), $1::text', [canary]],
    ];
    await client.query("SET statement_timeout = '100ms'");
    for (const [text, values] of wrong) await expect(client.query(text, values)).rejects.toThrow();
    await client.query("DO $$ BEGIN RAISE WARNING 'canary4711'; END $$");
    const log = await folder.log();
    expect(log).toContain('database system is ready to accept connections');
    expect(log).not.toContain(canary);
  });
});

describe('stopping the embedded PostgreSQL', () => {
  it('ends it within its bound though clients hold transactions, and twice is harmless', async () => {
    const database = await folder.start();
    const client = await folder.connect(database.url);
    await client.query('BEGIN');
    await client.query('CREATE TABLE half_done ()');
    await Promise.all([database.stop(), database.stop()]);
    expect(await isAlive(database.pid)).toBe(false);
    await database.stop();
    expect(await folder.log()).toContain('database system is shut down');
  });

  it('is done by us alone: Ctrl-C in the terminal does not reach it', async () => {
    const { server, url, postgresPid } = await folder.startServer();
    const client = await folder.connect(url);
    server.interrupt();
    await server.heard('interrupted');
    await client.query('SELECT 1');
    expect(await folder.ask(url, 'SELECT 1')).toEqual([1]);
    expect(await folder.log()).not.toContain('shutdown request');
    server.send('stop');
    await server.heard('stopped');
    expect(await isAlive(postgresPid)).toBe(false);
    expect(await folder.log()).toContain('received fast shutdown request');
  });
});
