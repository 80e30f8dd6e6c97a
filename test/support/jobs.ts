import { PgBoss } from 'pg-boss';
import { until } from './until.js';

/** Asks for a job now; it waits for whichever instance comes first. Gives its id. */
export const askForJob = (databaseUrl: string, name: string): Promise<string> =>
  withQueue(databaseUrl, (boss) => ask(boss, name));

/** Asks for a job now, which the queue's clock would ask for later; resolves when some instance has done it. */
export const runJob = (databaseUrl: string, name: string): Promise<void> =>
  withQueue(databaseUrl, async (boss) => {
    const id = await ask(boss, name);
    await until(`${name} is done`, async () => {
      const [job] = await boss.findJobs(name, { id });
      if (job?.state === 'failed') throw new Error(`${name} failed.`);
      return job?.state === 'completed';
    });
  });

/** Refused while one waits or is under way. */
const ask = (boss: PgBoss, name: string) => until(`${name} can be asked for`, () => boss.send(name));

async function withQueue<T>(databaseUrl: string, work: (boss: PgBoss) => Promise<T>): Promise<T> {
  const boss = new PgBoss({
    ...{ connectionString: databaseUrl, schema: 'jobs', max: 1 },
    ...{ migrate: false, supervise: false, schedule: false },
  });
  // A connection that is lost with its database: what is asked for then fails by itself.
  boss.on('error', () => undefined);
  await boss.start();
  try {
    return await work(boss);
  } finally {
    await boss.stop();
  }
}
