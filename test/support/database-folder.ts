import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js';
import { createLog } from '../../src/platform/log.js';
import { lookUpProcess } from '../../src/platform/process-identity.js';
import { DataDirProcess, killDataDirProcesses } from './data-dir-process.js';
import { makeTemporaryFolder, type TemporaryFolder } from './temporary-folder.js';

/** Where the servers of these tests say they answer. */
export const address = 'http://127.0.0.1:4999';

/** One DATA_DIR a test, with all that runs on it. `tidy` belongs in `afterEach`, `remove` in `afterAll`. */
export class DatabaseFolder {
  readonly root: string;
  dataDir = '';
  #number = 0;
  readonly #temporary: TemporaryFolder;
  readonly #databases: EmbeddedPostgres[] = [];
  readonly #clients: pg.Client[] = [];

  private constructor(temporary: TemporaryFolder) {
    this.#temporary = temporary;
    this.root = temporary.path;
  }

  static async make(): Promise<DatabaseFolder> {
    return new DatabaseFolder(await makeTemporaryFolder());
  }

  /** For `beforeEach`: another, which is not there yet. */
  next(): void {
    this.#number += 1;
    this.dataDir = join(this.root, `data-${this.#number}`);
  }

  async start(options: { durable?: boolean; port?: number } = {}): Promise<EmbeddedPostgres> {
    const { dataDir, sharedFolders } = this;
    const database = await startEmbeddedPostgres({ dataDir, log: createLog('silent'), sharedFolders, ...options });
    this.#databases.push(database);
    return database;
  }

  /** A server in a process of its own, which waits for `go` before it starts its database. */
  spawnServer(): DataDirProcess {
    const { dataDir, sharedFolders } = this;
    return new DataDirProcess({ dataDir, address, postgres: true, sharedFolders });
  }

  async startServer(): Promise<{ server: DataDirProcess; url: string; postgresPid: number }> {
    const server = this.spawnServer();
    server.send('go');
    const { url = '', postgresPid = 0 } = await server.heard('holding');
    return { server, url, postgresPid };
  }

  async connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
    // A connection that its server ends says so here too, and would end the process unheard.
    client.on('error', () => undefined);
    this.#clients.push(client);
    await client.connect();
    return client;
  }

  /** The values of all rows, one after another. */
  async ask(url: string, text: string): Promise<unknown[]> {
    const client = await this.connect(url);
    const { rows } = await client.query({ text, rowMode: 'array' });
    return rows.flat();
  }

  /** Writes what `kept` reads. */
  keep(url: string): Promise<unknown[]> {
    return this.ask(url, "CREATE TABLE kept AS SELECT 'kept' AS what");
  }

  kept(url: string): Promise<unknown[]> {
    return this.ask(url, 'SELECT what FROM kept');
  }

  /** What PostgreSQL wrote to its log. */
  log(): Promise<string> {
    return readFile(join(this.dataDir, 'postgres.log'), 'utf8');
  }

  async tidy(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.end().catch(() => undefined)));
    await Promise.all(this.#databases.splice(0).map((database) => database.stop()));
    await killDataDirProcesses();
  }

  remove(): Promise<void> {
    return this.#temporary.remove();
  }

  private get sharedFolders(): string[] {
    return [join(this.root, 'shared')];
  }
}

export const isAlive = async (pid: number) => (await lookUpProcess(pid)).state !== 'gone';
