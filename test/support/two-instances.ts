import { startApp, type TestApp } from './app.js';
import { ModelServer } from './model-server.js';
import { patience } from './patience.js';
import { SqlClient } from './sql-client.js';

/** Two instances over one database and one Redis, the model that both ask, and a way past them. */
export interface TwoInstances {
  readonly model: ModelServer;
  readonly instances: readonly [TestApp, TestApp];
  readonly sql: SqlClient;
  close(): Promise<void>;
}

export async function startTwoInstances(): Promise<TwoInstances> {
  const model = await ModelServer.start();
  const env = { OPENAI_BASE_URL: model.baseUrl, DEFAULT_MODEL: 'scripted', LIMITS: patience };
  const first = await startApp({ redis: true, env });
  const second = await startApp({ beside: first });
  const sql = await SqlClient.connect(first.database.url);
  return {
    ...{ model, instances: [first, second], sql },
    async close() {
      await sql.close();
      await second.close();
      await first.close();
      await model.stop();
    },
  };
}
