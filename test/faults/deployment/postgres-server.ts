import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/platform/embedded-postgres.js';
import { createLog } from '../../../src/platform/log.js';
import { freePort } from '../../support/redis-server.js';
import { SqlClient } from '../../support/sql-client.js';

/** One PostgreSQL with its usual safety, on one port, that can be stopped as `pg_ctl -m immediate` does, and started again. */
export class PostgresServer {
  private constructor(
    private running: EmbeddedPostgres,
    private readonly start: () => Promise<EmbeddedPostgres>,
  ) {}

  static async start(folder: string): Promise<PostgresServer> {
    const port = await freePort();
    const sharedFolders = [join(folder, 'shared')];
    const options = { dataDir: join(folder, 'data'), sharedFolders, port, log: createLog('silent') };
    const start = () => startEmbeddedPostgres(options);
    return new PostgresServer(await start(), start);
  }

  get url(): string {
    return this.running.url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** No checkpoint, no farewell: the next start recovers from the WAL. */
  stopImmediately(): void {
    process.kill(this.running.pid, 'SIGQUIT');
  }

  async startAgain(): Promise<void> {
    this.running = await this.start();
  }

  /** Past all lines; null while it does not answer. */
  async ask<Row>(text: string, values: readonly unknown[] = []): Promise<Row[] | null> {
    let sql: SqlClient | null = null;
    try {
      sql = await SqlClient.connect(this.url);
      return await sql.rows<Row>(text, values);
    } catch {
      return null;
    } finally {
      await sql?.close().catch(() => undefined);
    }
  }

  stop(): Promise<void> {
    return this.running.stop();
  }
}
