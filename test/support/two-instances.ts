import { startApp, type TestApp } from './app.js';
import { patience } from './patience.js';
import { SqlClient } from './sql-client.js';

/** A model's server, and what an instance is told so that it asks there. */
interface Model {
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/** Two instances over one database and one Redis, and a way past them. */
export interface TwoInstances {
  readonly instances: readonly [TestApp, TestApp];
  readonly sql: SqlClient;
  /** The model too. */
  close(): Promise<void>;
}

/** Both ask this model; `env` goes over what they are told otherwise. */
export async function startTwoInstances(model: Model, env: NodeJS.ProcessEnv = {}): Promise<TwoInstances> {
  const first = await startApp({ redis: true, env: { ...model.env, LIMITS: patience, ...env } });
  const second = await startApp({ beside: first });
  const sql = await SqlClient.connect(first.database.url);
  return {
    ...{ instances: [first, second], sql },
    async close() {
      await sql.close();
      await second.close();
      await first.close();
      await model.stop();
    },
  };
}
