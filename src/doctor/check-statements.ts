import type { Client } from 'pg';
import { declaredStatements } from '../platform/database.js';
import { isError } from '../platform/system-error.js';
import { type Finding, fault, ok, warning } from './finding.js';

/** Asked once, when a server starts: is there any row? */
const askedAtStart = new Set(['conversations.any']);
/** Statistics of a table this large matter; of a smaller one PostgreSQL rightly reads all. */
const manyRows = 10_000;

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Node[];
}

interface Explained {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: Node }];
}

/** Runs the statements that are to be explained where they find their tables. */
export interface ExplainedOn {
  readonly client: Client;
  /** Is it the database of the keys, which has nothing else? */
  readonly holdsKeysOnly: boolean;
  readonly keysAreElsewhere: boolean;
}

/**
 * Does every statement of the server find its rows by an index? Each is prepared under a name and explained with the
 * plan that the server makes PostgreSQL choose, for whatever values.
 */
export async function checkStatements({ client, holdsKeysOnly, keysAreElsewhere }: ExplainedOn): Promise<Finding[]> {
  const isHere = (text: string) =>
    text.includes('keys.data_keys') ? holdsKeysOnly || !keysAreElsewhere : !holdsKeysOnly;
  const statements = [...declaredStatements()].filter(([name, text]) => !askedAtStart.has(name) && isHere(text));
  const faults: Finding[] = [];
  await client.query('SET plan_cache_mode = force_generic_plan');
  for (const [name, text] of statements) {
    faults.push(...(await explain(client, name, text)));
  }
  if (faults.length > 0) return faults;
  return [ok('statements', `All ${statements.length} find their rows by an index.`)];
}

async function explain(client: Client, name: string, text: string): Promise<Finding[]> {
  try {
    const scanned = await findScans(client, name, text);
    return scanned.map((table) => {
      const says = `"${name}" reads the table ${table} from end to end.`;
      return fault('statements', says, `Run: ANALYZE ${table}; and see that none of its indexes was dropped.`);
    });
  } catch (error) {
    // Something that it names is not there; anything else is no property of the statement.
    if (!isError(error) || !('code' in error) || !String(error.code).startsWith('42')) throw error;
    const remedy = 'See that none of its indexes and constraints was dropped.';
    return [fault('statements', `PostgreSQL has no plan for "${name}": ${error.message}.`, remedy)];
  }
}

/** Tables that the statement reads from end to end although they are large, or because there is no index for it. */
async function findScans(client: Client, name: string, text: string): Promise<string[]> {
  const prepared = client.escapeIdentifier(`doctor ${name}`);
  await client.query(`PREPARE ${prepared} AS ${text}`);
  try {
    const values = Array.from({ length: parametersOf(text) }, () => 'NULL').join(', ');
    const execute = `EXPLAIN (FORMAT JSON) EXECUTE ${prepared}${values && ` (${values})`}`;
    const chosen = await scansOf(client, execute);
    if (chosen.length === 0) return [];
    // A small table is rightly read whole; what is read whole even where that is forbidden has no index to use.
    await client.query('SET enable_seqscan = off');
    await client.query('DISCARD PLANS');
    const forced = await scansOf(client, execute);
    const large = await findLarge(client, chosen);
    return [...new Set([...forced, ...large])];
  } finally {
    await client.query('RESET enable_seqscan');
    await client.query(`DEALLOCATE ${prepared}`);
  }
}

const parametersOf = (text: string) =>
  Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));

async function scansOf(client: Client, explain: string): Promise<string[]> {
  const { rows } = await client.query<Explained>(explain);
  return rows.flatMap(({ 'QUERY PLAN': [{ Plan: plan }] }) => scannedBy(plan));
}

const scannedBy = (node: Node): string[] => [
  ...(node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? ''] : []),
  ...(node.Plans ?? []).flatMap(scannedBy),
];

async function findLarge(client: Client, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ relname: string }>(
    'SELECT relname FROM pg_class WHERE relname = ANY ($1) AND reltuples >= $2',
    [tables, manyRows],
  );
  return rows.map(({ relname }) => relname);
}

/** PostgreSQL chooses by what it knows of the tables; one that it has never looked at it knows nothing of. */
export async function checkStatistics(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<{ relname: string }>(
    `SELECT relname FROM pg_stat_user_tables
     WHERE n_live_tup >= $1 AND last_analyze IS NULL AND last_autoanalyze IS NULL`,
    [manyRows],
  );
  return rows.map(({ relname }) =>
    warning(
      'statistics',
      `PostgreSQL has never analysed ${relname}.`,
      `See that autovacuum is on, and run: ANALYZE ${relname};`,
    ),
  );
}
