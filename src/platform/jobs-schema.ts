import type { Client } from 'pg';
import { getConstructionPlans, getMigrationPlans } from 'pg-boss';

/** Where the job queue keeps its tables, in the database of everything else. */
export const jobsSchema = 'jobs';

/** Brings the tables of the job queue up to date; gives the names of what was carried out. One at a time: the caller sees to it. */
export async function migrateJobs(client: Client): Promise<string[]> {
  const version = await findVersion(client);
  const plan = planFrom(version);
  if (plan === null) return [];
  await client.query(plan);
  return [`JobQueue${await findVersion(client)}`];
}

/** Are they not there yet, or of an older version than this server's? */
export async function hasPendingJobs(client: Client): Promise<boolean> {
  return planFrom(await findVersion(client)) !== null;
}

async function findVersion(client: Client): Promise<number | null> {
  const { rows } = await client.query<{ is_there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS is_there', [
    `${jobsSchema}.version`,
  ]);
  if (!rows[0]?.is_there) return null;
  const { rows: versions } = await client.query<{ version: number }>(`SELECT version FROM ${jobsSchema}.version`);
  return versions[0]?.version ?? null;
}

/** What leads from a version to the library's; null where that is it. */
function planFrom(version: number | null): string | null {
  if (version === null) return getConstructionPlans(jobsSchema);
  try {
    return getMigrationPlans(jobsSchema, version);
  } catch {
    // There is none that begins there.
    return null;
  }
}
