import { PgBoss } from 'pg-boss';
import { until } from './until.js';

/** Asks for a job now, which the queue's clock would ask for later; resolves when some instance has done it. */
export async function runJob(databaseUrl: string, name: string): Promise<void> {
  const boss = new PgBoss({
    ...{ connectionString: databaseUrl, schema: 'jobs', max: 1 },
    ...{ migrate: false, supervise: false, schedule: false },
  });
  // A connection that is lost with its database: what is asked for then fails by itself.
  boss.on('error', () => undefined);
  await boss.start();
  try {
    // Refused while one waits or is under way.
    const id = await until(`${name} can be asked for`, () => boss.send(name));
    await until(`${name} is done`, async () => {
      const [job] = await boss.findJobs(name, { id });
      if (job?.state === 'failed') throw new Error(`${name} failed.`);
      return job?.state === 'completed';
    });
  } finally {
    await boss.stop();
  }
}
