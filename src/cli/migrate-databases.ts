import { loadDatabaseConfig } from '../config.js';
import { CommandError, describeDatabaseFailure } from '../describe-failure.js';
import { migrate } from '../migrate.js';

/** `parley migrate`: a line for each migration that was carried out. */
export async function migrateDatabases(host: NodeJS.Process): Promise<void> {
  const { databaseUrl, keysDatabaseUrl } = loadDatabaseConfig();
  if (databaseUrl === null) {
    host.stdout.write(
      'DATABASE_URL is not set: the embedded database is brought up to date by each start of the server, and there is nothing to do.\n',
    );
    return;
  }
  const done = await migrate({ databaseUrl, keysDatabaseUrl }).catch((error: unknown) => {
    throw new CommandError(describeDatabaseFailure(error), { cause: error });
  });
  const lines = done.length > 0 ? done.map((name) => `carried out ${name}`) : ['Nothing to do: all is up to date.'];
  host.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
