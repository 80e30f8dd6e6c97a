import pg from 'pg';

/** A plain connection to a test's database, for what the API does not show; whoever connects it closes it. */
export class SqlClient {
  private constructor(private readonly client: pg.Client) {}

  static async connect(url: string): Promise<SqlClient> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000, application_name: 'test' });
    // A connection that is lost says so here too, and would end the process unheard.
    client.on('error', () => undefined);
    await client.connect();
    return new SqlClient(client);
  }

  async rows<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.client.query({ text, values: [...values] })).rows as Row[];
  }

  /** The one row that a statement gives. */
  async row<Row>(text: string, values: readonly unknown[] = []): Promise<Row> {
    const [row, ...more] = await this.rows<Row>(text, values);
    if (row === undefined || more.length > 0) throw new Error('The statement did not give one row.');
    return row;
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

/** The UUID in a public id. */
export const uuidOf = (publicId: string): string =>
  publicId.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** How many connections of this database wait for a lock. Ask on another connection than the one that holds it. */
export async function waitingForLocks(sql: SqlClient): Promise<number> {
  const { count } = await sql.row<{ count: number }>(
    `SELECT count(*)::integer AS count FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return count;
}
