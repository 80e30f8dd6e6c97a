import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg';
import { systemClock } from './clock.js';

/** A connection that was not used for so long gives a sign of life first. */
const doubtMs = 1000;
/** How long it has for that. */
const signMs = 500;

interface BoundedQuery extends QueryConfig {
  /** The driver reads it, though its types do not know. */
  readonly query_timeout: number;
}

/**
 * A pool whose connections may have been dropped by something on the way, unheard. A silent one would cost each request
 * that gets it the whole timeout of a statement, one after the other, also when PostgreSQL has long been back.
 */
export class LivingPool {
  private readonly usedMs = new WeakMap<PoolClient, number>();
  private isChecking = false;

  constructor(private readonly pool: Pool) {
    pool.on('acquire', (client) => {
      if (this.usedMs.has(client)) return;
      this.used(client);
      // Whoever has a statement on it is told by that; an error that nobody listens for would end the process.
      client.on('error', () => undefined);
    });
    pool.on('release', (_error, client) => this.used(client));
  }

  async query(config: QueryConfig): Promise<QueryResult> {
    const client = await this.connect();
    let failure: unknown;
    try {
      return await client.query(config);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.release(failure instanceof Error ? failure : undefined);
    }
  }

  /** A connection that lives. Whoever takes it gives it back. */
  async connect(): Promise<PoolClient> {
    for (;;) {
      const client = await this.pool.connect();
      if (!this.isInDoubt(client) || (await givesSign(client))) return client;
      client.release(true);
      this.checkIdle();
    }
  }

  /** A connection was lost without a word: those that are idle now may be, too. */
  checkIdle(): void {
    if (this.isChecking) return;
    this.isChecking = true;
    const checks = Array.from({ length: this.pool.idleCount }, () => this.checkOne());
    Promise.all(checks).finally(() => {
      this.isChecking = false;
    });
  }

  private async checkOne(): Promise<void> {
    const client = await this.pool.connect().catch(() => null);
    if (client) client.release(!(await givesSign(client)));
  }

  private used(client: PoolClient): void {
    this.usedMs.set(client, systemClock.monotonic());
  }

  private isInDoubt(client: PoolClient): boolean {
    return systemClock.monotonic() - (this.usedMs.get(client) ?? 0) > doubtMs;
  }
}

async function givesSign(client: PoolClient): Promise<boolean> {
  const sign: BoundedQuery = { text: 'SELECT 1', query_timeout: signMs };
  try {
    await client.query(sign);
    return true;
  } catch {
    return false;
  }
}
