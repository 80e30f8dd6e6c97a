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

/** A connection that was taken out of the pool. */
export interface Lease {
  readonly client: PoolClient;
  /** Ends it, rather than giving it back. */
  discard(): void;
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
    const { client } = await this.living(() => this.lease());
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

  /** The first that lives of those that `take` gives. */
  async living<L extends Lease>(take: () => Promise<L>): Promise<L> {
    for (;;) {
      const lease = await take();
      if (!this.isInDoubt(lease.client) || (await givesSign(lease.client))) return lease;
      lease.discard();
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

  private async lease(): Promise<Lease> {
    const client = await this.pool.connect();
    return { client, discard: () => client.release(true) };
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
