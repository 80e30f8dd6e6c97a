import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { PostgresProxy } from '../../support/postgres-proxy.js';
import { ServerProcess } from '../../support/server-process.js';
import { SqlClient } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

let folder: TemporaryFolder;
let lender: TestApp;
let server: ServerProcess;
let sql: SqlClient;
let proxy: PostgresProxy;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  lender = await startApp();
  await lender.stop();
  proxy = await PostgresProxy.start(lender.database.url);
  server = await ServerProcess.start({ beside: lender, folder: folder.path, env: { DATABASE_URL: proxy.url } });
  sql = await SqlClient.connect(lender.database.url);
});
afterAll(async () => {
  await server?.kill();
  await proxy?.close();
  await sql?.close();
  await lender?.close();
  await folder?.remove();
});

const ofJobs = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'parley jobs'";

describe('The job queue', () => {
  it('loses its connections in the middle of a statement, and the server goes on', async () => {
    await sql.rows('BEGIN');
    await sql.rows('LOCK TABLE jobs.job IN ACCESS EXCLUSIVE MODE');
    const waits = async () => (await sql.rows(`SELECT pid ${ofJobs} AND wait_event_type = 'Lock'`)).length > 0;
    await until('a statement of the queue waits', waits, 20_000);
    const port = Number(new URL(proxy.url).port);
    await proxy.close();
    await sql.rows('COMMIT');
    proxy = await PostgresProxy.start(lender.database.url, port);
    const isBack = async () =>
      server.hasEnded || (await sql.rows(`SELECT pid ${ofJobs} AND state = 'idle'`)).length > 0;
    await until('the queue has a connection again', isBack, 20_000);
    expect(server.hasEnded).toBe(false);
    const { data } = await server.person('ada').graphql('{ viewer { id } }');
    expect(data).toMatchObject({ viewer: { id: expect.any(String) } });
  });
});
