import { randomBytes } from 'node:crypto';
import type { MarkedDeleted } from '../../../src/conversations/conversation-removal.repository.js';
import { Keyring } from '../../../src/identity/keyring.js';
import { systemClock } from '../../../src/platform/clock.js';
import { Database } from '../../../src/platform/database.js';
import { ConfiguredKeyEncryption } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { Expiry } from '../../../src/privacy/expiry.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

/** A database with people and conversations that had their time; whoever starts it closes it. */
export class ExpiringDatabase {
  readonly keyring: Keyring;
  /** The names of the statements of all that expires, BEGIN and COMMIT included. */
  readonly statements: string[] = [];
  private readonly databases: Database[] = [];

  private constructor(
    private readonly own: TestDatabase,
    readonly database: Database,
    readonly sql: SqlClient,
  ) {
    this.keyring = new Keyring(database, new ConfiguredKeyEncryption([{ id: 'k', key: randomBytes(32) }]), systemClock);
    this.databases.push(database);
  }

  static async start(): Promise<ExpiringDatabase> {
    const own = await createDatabase();
    return new ExpiringDatabase(own, await connect(own.url, 'parley-tests'), await SqlClient.connect(own.url));
  }

  async close(): Promise<void> {
    this.keyring.close();
    await this.sql.close();
    await Promise.all(this.databases.map((database) => database.close()));
    await this.own.drop();
  }

  /** What one instance would run; `name` is how PostgreSQL knows its connections. */
  async expiry(
    options: {
      readonly serverDays?: number | null;
      readonly name?: string;
      readonly onDeleted?: (ownerId: string, deleted: MarkedDeleted) => void;
    } = {},
  ): Promise<Expiry> {
    const { serverDays = 30, name = 'parley-expiry', onDeleted = () => undefined } = options;
    const database = await connect(this.own.url, name, (statement) => this.statements.push(statement));
    this.databases.push(database);
    return new Expiry({ database, keyring: this.keyring, log: createLog('silent'), serverDays, onDeleted });
  }

  async person(days: number | null = null): Promise<string> {
    const id = newId();
    await this.sql.rows(
      `INSERT INTO users (id, issuer, subject, created_at, retention_days) VALUES ($1, 'test', $1::uuid::text, now(), $2)`,
      [id, days],
    );
    await this.keyring.ensure(id);
    return id;
  }

  /** Conversations of somebody, unused for so many days, every fourth of them archived; or temporary and expired. */
  async plant(ownerId: string, count: number, unusedDays: number, expired = false): Promise<void> {
    await this.sql.rows(
      `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
         leaf_position, leaf_segment, message_count, expires_at, created_at, updated_at)
       SELECT $1, gen_random_uuid(), false, n % 4 = 0, 1, 0, 0, 0, 0, 0,
         CASE WHEN $4 THEN now() - n * interval '1 ms' END, now() - interval '1 year',
         now() - $3 * interval '1 day' - n * interval '1 s'
       FROM generate_series(1, $2::integer) AS n`,
      [ownerId, count, unusedDays, expired],
    );
  }

  /** How many are there, and how many were marked deleted. */
  async count(ownerId: string): Promise<{ there: number; deleted: number }> {
    return await this.sql.row(
      `SELECT count(*) FILTER (WHERE deleted_at IS NULL)::integer AS there,
         count(*) FILTER (WHERE deleted_at IS NOT NULL)::integer AS deleted
       FROM conversations WHERE owner_id = $1`,
      [ownerId],
    );
  }

  /** What was written down of somebody, oldest first. */
  async audited(ownerId: string): Promise<readonly AuditedBatch[]> {
    const { pseudonym } = await this.keyring.of(ownerId);
    return await this.sql.rows(
      `SELECT action, details->>'reason' AS reason, (details->>'count')::integer AS count,
         ARRAY(SELECT jsonb_array_elements_text(details->'conversations')) AS conversations
       FROM audit_events WHERE chain = $1 ORDER BY number`,
      [pseudonym],
    );
  }
}

export interface AuditedBatch {
  readonly action: string;
  readonly reason: string;
  readonly count: number;
  readonly conversations: readonly string[];
}

/** A busy machine takes longer than a server lets anybody wait. */
const connect = (url: string, applicationName: string, onStatement: (name: string) => void = () => undefined) =>
  Database.connect(
    {
      ...{ url, applicationName, poolSize: 3, entities: [], onStatement },
      timeouts: { connectMs: 5000, statementMs: 10_000, lockMs: 5000 },
    },
    createLog('silent'),
  );
