import type { Database } from '../../src/platform/database.js';
import type { Instance } from '../integration/answers/instance.js';
import type { SqlClient } from '../support/sql-client.js';

/** What every story of a run stands on. */
export interface Stage {
  readonly database: Database;
  readonly sql: SqlClient;
  /** Without pauses and faults: makes the person, and settles at the end what no writer will. */
  readonly plain: Instance;
}
