import { declaredStatements } from '../../src/platform/database.js';
import type { SqlClient } from './sql-client.js';

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
  readonly 'Subplan Name'?: string;
}

/** What EXPLAIN (FORMAT JSON) gives. */
export interface Explained {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: Node; readonly 'Execution Time'?: number }];
}

/** How PostgreSQL runs a statement. */
export interface Plan {
  readonly rows: number;
  /** Pages of the database that it touches. */
  readonly buffers: number;
  /** Tables that it reads from end to end. */
  readonly scanned: readonly string[];
  /** To be printed: no test depends on it. */
  readonly ms: number;
}

/** Whatever values it is given. */
export async function genericPlan(sql: SqlClient, text: string): Promise<Plan> {
  return planOf(await sql.row<Explained>(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`));
}

/** A declared statement as the server runs it, under a name, with the plan that `mode` makes PostgreSQL choose. */
export async function measuredPlan(
  sql: SqlClient,
  name: string,
  values: readonly (string | number)[],
  mode: string,
): Promise<Plan> {
  await sql.rows(`SET plan_cache_mode = ${mode}`);
  await sql.rows(`PREPARE measured AS ${declaredStatements().get(name)}`);
  try {
    const execute = `EXECUTE measured (${values.map((value) => `'${value}'`).join(', ')})`;
    // What is read for the first time is counted otherwise.
    await sql.rows(execute);
    return planOf(await sql.row<Explained>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${execute}`));
  } finally {
    await sql.rows('DEALLOCATE measured');
  }
}

/** The same of a statement that changes something: what it changed is taken back. */
export async function measuredChange(
  sql: SqlClient,
  name: string,
  values: readonly (string | number)[],
  mode: string,
): Promise<Plan> {
  await sql.rows(`SET plan_cache_mode = ${mode}`);
  await sql.rows(`PREPARE measured AS ${declaredStatements().get(name)}`);
  const execute = `EXECUTE measured (${values.map((value) => `'${value}'`).join(', ')})`;
  try {
    await sql.rows('BEGIN');
    const startMs = performance.now();
    await sql.rows(execute);
    const ms = performance.now() - startMs;
    await sql.rows('ROLLBACK');
    await sql.rows('BEGIN');
    const explained = await sql.row<Explained>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${execute}`);
    await sql.rows('ROLLBACK');
    const plan = planOf(explained);
    return { ...plan, ms, buffers: plan.buffers + buffersOfChanges(explained['QUERY PLAN'][0].Plan) };
  } finally {
    await sql.rows('DEALLOCATE measured');
  }
}

/** Of the one row that EXPLAIN gives. */
export function planIn([explained]: readonly Explained[]): Plan {
  if (!explained) throw new Error('PostgreSQL explained nothing.');
  return planOf(explained);
}

function planOf({ 'QUERY PLAN': [{ Plan: plan, 'Execution Time': ms = 0 }] }: Explained): Plan {
  const { 'Actual Rows': rows = 0, 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 } = plan;
  return { rows, buffers: hit + read, scanned: scannedBy(plan), ms };
}

/** What the WITH of a statement changes is done at its end, and not counted in its topmost node. */
const buffersOfChanges = ({ Plans: plans = [] }: Node): number =>
  plans
    .filter((node) => node['Node Type'] === 'ModifyTable' && node['Subplan Name']?.startsWith('CTE '))
    .reduce((sum, { 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 }) => sum + hit + read, 0);

const scannedBy = (node: Node): string[] => [
  ...(node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? ''] : []),
  ...(node.Plans ?? []).flatMap(scannedBy),
];
