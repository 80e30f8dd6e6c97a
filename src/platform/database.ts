import type { Pool, QueryConfig } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { isParleyError, ParleyError, unavailable } from '../errors.js';
import { instantFromPostgres } from './instant.js';
import { LivingPool } from './living-pool.js';
import type { Log } from './log.js';
import { isError } from './system-error.js';

/** SQL under a name: PostgreSQL parses and plans it once a connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** What runs a statement: the pool, or one transaction. */
export interface Querier {
  query<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

/** The visible first argument of whatever must happen as a whole: it alone has a COMMIT behind it. */
export interface Transaction extends Querier {
  readonly isTransaction: true;
}

/** UNAVAILABLE, for a reason that matters here. */
class Away extends ParleyError {
  constructor(cause: unknown) {
    const { message, extensions } = unavailable();
    super(message, extensions, { cause });
  }
}

/** The database said nothing, and that took time: whoever waited for the same need not try. */
export class DatabaseSilent extends Away {}

export const isSilent = (error: unknown) => error instanceof DatabaseSilent;

/** The connection was lost while COMMIT was under way: what was done may stand or not. */
export class CommitOutcomeUnknown extends Away {}

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly entities: NonNullable<DataSourceOptions['entities']>;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly timeouts: DatabaseTimeouts;
  /** Told the name of each statement that is sent; BEGIN, COMMIT and ROLLBACK included. */
  readonly onStatement?: (name: string) => void;
}

/** How long each wait may take, in milliseconds. */
export interface DatabaseTimeouts {
  readonly connectMs: number;
  readonly statementMs: number;
  readonly lockMs: number;
}

const statementNames = new Map<string, string>();

/** Declares a statement; its name is given once in the whole program. */
export function statement(name: string, text: string): Statement {
  const other = statementNames.get(name);
  if (other !== undefined && other !== text) throw new Error(`There are two statements named ${name}.`);
  statementNames.set(name, text);
  return { name, text };
}

/** The one of that name, for those whose names are put together of what is asked for. */
export function declaredStatement(name: string): Statement {
  const text = statementNames.get(name);
  if (text === undefined) throw new Error(`There is no statement ${name}.`);
  return { name, text };
}

/** Every statement declared so far, for what explains or counts them. */
export function declaredStatements(): ReadonlyMap<string, string> {
  return statementNames;
}

const timestamptz = 1184;
const int8 = 20;
const typeParsers = {
  getTypeParser: (oid: number) => {
    if (oid === timestamptz) return instantFromPostgres;
    if (oid === int8) return Number;
    return undefined;
  },
};

/** PostgreSQL, with bounds on every wait. Whoever connects it closes it. */
export class Database implements Querier {
  private readonly living: LivingPool;
  private closed: Promise<void> | null = null;

  private constructor(
    readonly dataSource: DataSource,
    private readonly pool: Pool,
    private readonly log: Log,
    private readonly timeouts: DatabaseTimeouts,
    private readonly onStatement: (name: string) => void,
    /** Connections that are being closed are no loss. */
    private readonly life: { closing: boolean },
  ) {
    this.living = new LivingPool(pool);
  }

  static async connect(options: DatabaseOptions, log: Log): Promise<Database> {
    const pg = await import('pg');
    const types = {
      getTypeParser: (oid: number, format: 'text' | 'binary') =>
        typeParsers.getTypeParser(oid) ?? pg.default.types.getTypeParser(oid, format),
    };
    const life = { closing: false };
    const dataSource = new DataSource({
      type: 'postgres',
      url: options.url,
      entities: options.entities,
      nativeDriver: false,
      logging: false,
      poolErrorHandler: (error: unknown) => {
        if (!life.closing) log.warn({ error }, 'idle database connection lost');
      },
      extra: {
        application_name: options.applicationName,
        max: options.poolSize,
        connectionTimeoutMillis: options.timeouts.connectMs,
        statement_timeout: options.timeouts.statementMs,
        // PostgreSQL's own bound comes first; this is for one that says nothing.
        query_timeout: options.timeouts.statementMs + 500,
        lock_timeout: options.timeouts.lockMs,
        idle_in_transaction_session_timeout: 10_000,
        keepAlive: true,
        // A system's own first probe comes after two hours.
        keepAliveInitialDelayMillis: 10_000,
        // Custom plans of the hot reads cost more to make than to run; every index look-up here is right for any value.
        options: '-c timezone=UTC -c plan_cache_mode=force_generic_plan',
        types,
      },
    });
    await dataSource.initialize();
    const { timeouts, onStatement = () => undefined } = options;
    return new Database(dataSource, poolOf(dataSource), log, timeouts, onStatement, life);
  }

  async query<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    this.onStatement(statement.name);
    try {
      const result = await this.living.query(named(statement, values));
      return result.rows as Row[];
    } catch (error) {
      throw this.told(error);
    }
  }

  /**
   * Runs `work` between BEGIN and COMMIT on one connection; whatever it throws rolls back.
   * @throws CommitOutcomeUnknown where the connection was lost during COMMIT; see {@link transactionOnce}.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    // Not by a query runner: a data source that is closed gives those connections to others in the middle of transactions.
    const client = await this.living.connect().catch((error: unknown) => {
      throw this.told(error);
    });
    const send = async (name: string, config: string | QueryConfig) => {
      this.onStatement(name);
      return await client.query(config);
    };
    let isKnown = true;
    try {
      await send('BEGIN', 'BEGIN');
      const result = await work({
        isTransaction: true,
        query: async <Row>(statement: Statement, values: readonly unknown[]) =>
          (await send(statement.name, named(statement, values))).rows as Row[],
      });
      await send('COMMIT', this.commit).catch((error: unknown) => {
        throw isConnectionLoss(error) ? new CommitOutcomeUnknown(error) : error;
      });
      return result;
    } catch (error) {
      isKnown = !isConnectionLoss(error) && (await rollback(send));
      throw this.told(error);
    } finally {
      // A connection that is not in a known state ends, rather than being given to the next.
      client.release(!isKnown);
    }
  }

  /** Earlier given up than other statements, as the transaction then runs once more. */
  private get commit(): QueryConfig & { readonly query_timeout: number } {
    return { text: 'COMMIT', query_timeout: Math.max(this.timeouts.statementMs - 1000, 1000) };
  }

  /** What the caller is told of an error; a silent loss is a reason to look after all connections. */
  private told(error: unknown): unknown {
    if (isSilence(error instanceof CommitOutcomeUnknown ? error.cause : error)) this.living.checkIdle();
    return translate(error);
  }

  /**
   * For a transaction that carries its own ids and an idempotency key: when the outcome of COMMIT is unknown, it runs
   * once more. The unique key then waits for the first to end and tells which it was; a plain look-up could not. So it
   * does where PostgreSQL ended it to break a deadlock.
   * @throws CommitOutcomeUnknown where that was not to be had either
   */
  async transactionOnce<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.transaction(work);
    } catch (error) {
      if (isDeadlock(error)) return await this.transaction(work);
      if (!(error instanceof CommitOutcomeUnknown)) throw error;
      this.log.warn('outcome of a commit unknown, running the transaction again');
      return await this.transaction(work).catch((again: unknown) => {
        throw isParleyError(again, 'UNAVAILABLE') ? new CommitOutcomeUnknown(again) : again;
      });
    }
  }

  /** Does it answer? */
  async isReachable(): Promise<boolean> {
    return (await this.query(pingStatement, [])).length === 1;
  }

  /** Connections open, idle and waited for. */
  get poolState(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  /** Lets transactions end, and begins none. Twice does no harm. */
  close(): Promise<void> {
    this.life.closing = true;
    this.closed ??= this.dataSource.destroy();
    return this.closed;
  }
}

const pingStatement = statement('ping', 'SELECT 1');

const named = (statement: Statement, values: readonly unknown[]): QueryConfig => ({
  name: statement.name,
  text: statement.text,
  values: [...values],
});

const rollback = (send: (name: string, text: string) => Promise<unknown>): Promise<boolean> =>
  send('ROLLBACK', 'ROLLBACK').then(
    () => true,
    () => false,
  );

function poolOf(dataSource: DataSource): Pool {
  const driver: object = dataSource.driver;
  if ('master' in driver) return driver.master as Pool;
  throw new Error('The data source has no PostgreSQL pool.');
}

/** SQLSTATE classes and codes after which the same request may succeed later: connection, resources, shutdown, waits. */
const passing = /^(08|53|57P0|57014|55P03|40001|40P01|25006|25P03)/;
const socketCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EADDRNOTAVAIL'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN'],
]);
const silences = /^(timeout expired|Connection terminated due to connection timeout|Query read timeout)/;
const driverSentences =
  /^(timeout exceeded when trying to connect|timeout expired|Connection terminated|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|The client is not queryable)/;

function codeOf(error: unknown): string {
  return isError(error) && 'code' in error ? String(error.code) : '';
}

/** Is the connection itself in doubt, so that nothing more can be said on it? */
function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (error instanceof CommitOutcomeUnknown || socketCodes.has(code) || /^(08|57P0)/.test(code)) return true;
  return isError(error) && driverSentences.test(error.message);
}

const isDeadlock = (error: unknown) => isError(error) && codeOf(error.cause) === '40P01';
const isSilence = (error: unknown) => isError(error) && silences.test(error.message);

function translate(error: unknown): unknown {
  if (error instanceof ParleyError) return error;
  if (isSilence(error)) return new DatabaseSilent(error);
  return isConnectionLoss(error) || passing.test(codeOf(error)) ? unavailable(error) : error;
}
