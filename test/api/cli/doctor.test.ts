import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { examine } from '../../../src/doctor/examine.js';
import type { Finding } from '../../../src/doctor/finding.js';
import { startApp, type TestApp } from '../../support/app.js';
import { create } from '../../support/conversations.js';
import { ModelServer } from '../../support/model-server.js';
import { startRedisServer } from '../../support/redis-server.js';
import { SqlClient } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../../support/test-database.js';
import { testRedisUrl } from '../../support/test-redis.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;
let model: ModelServer;
let app: TestApp;
let database: TestDatabase;
let sql: SqlClient;

/** What the model's server says of the models that it has. */
const listing =
  (...ids: readonly string[]): Parameters<ModelServer['replyWith']>[0] =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) }));
  };

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ModelServer.start();
  model.replyWith(listing('scripted', 'other'));
  app = await startApp({ redis: true, env: model.env });
  database = await createDatabase();
  sql = await SqlClient.connect(database.url);
});
afterEach(killParleyProcesses);
afterAll(async () => {
  await sql?.close();
  await database?.drop();
  await app?.close();
  await model?.stop();
  await folder?.remove();
});

async function doctor(env: NodeJS.ProcessEnv, args: readonly string[] = ['--json'], preload?: string) {
  const options = { env: { ...app.env, ...env }, folder: folder.path, ...(preload !== undefined && { preload }) };
  const command = ParleyProcess.cli(['doctor', ...args], options);
  const code = await command.ended();
  return { code, stdout: command.stdout, stderr: command.stderr };
}

/** What the command tells, without a process of its own. */
async function findings(env: NodeJS.ProcessEnv = {}): Promise<readonly Finding[]> {
  const all: Finding[] = [];
  for await (const finding of examine({ ...app.env, ...env })) all.push(finding);
  return all;
}

const faultsOf = (all: readonly Finding[]) => all.filter(({ verdict }) => verdict === 'fault');
const told = (verdict: Finding['verdict'], subject: string, says: RegExp, remedy = /./) =>
  expect.objectContaining({
    ...{ verdict, subject },
    ...{ says: expect.stringMatching(says), remedy: expect.stringMatching(remedy) },
  });

describe('parley doctor', () => {
  it('finds nothing wrong with a server that works, and says what it looked at', async () => {
    await create(app.person('ada'));
    const { code, stdout, stderr } = await doctor({}, []);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const subjects = [
      'configuration',
      'database',
      'clock',
      'migrations',
      'indexes',
      'statements',
      'keys',
      'redis',
      'model',
    ];
    for (const subject of subjects) expect(stdout).toMatch(new RegExp(`^ok +${subject}: `, 'm'));
    expect(stdout).toMatch(/\nAll is well\.\n$/);
  });

  it('says all that is wrong with the configuration, and looks no further', async () => {
    const all = await findings({ NODE_ENV: 'production', PORT: 'x', JWT_SECRETS: '', ENCRYPTION_KEYS: '' });
    expect(faultsOf(all).map(({ says }) => says.split(' ')[0])).toEqual(
      expect.arrayContaining(['PORT', 'JWT_SECRETS', 'ENCRYPTION_KEYS']),
    );
    expect(new Set(all.map(({ subject }) => subject))).toEqual(new Set(['configuration']));
    expect((await doctor({ PORT: 'x' })).code).toBe(1);
  });

  it('tells a database that does not answer, without its password', async () => {
    const { code, stdout } = await doctor({ DATABASE_URL: 'postgres://parley:canary@127.0.0.1:1/parley' });
    expect(code).toBe(1);
    expect(stdout).not.toContain('canary');
    expect(faultsOf(JSON.parse(stdout))).toEqual([expect.objectContaining({ subject: 'database' })]);
  });

  it('tells migrations that were not carried out', async () => {
    const empty = await createEmptyDatabase();
    try {
      expect(await findings({ DATABASE_URL: empty.url })).toContainEqual(
        told('fault', 'migrations', /not up to date/, /migrate/),
      );
    } finally {
      await empty.drop();
    }
  });

  it('tells an index that is gone, and one that is not valid', async () => {
    await sql.rows('DROP INDEX messages_by_parent');
    await sql.rows("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'messages_by_segment'::regclass");
    const all = faultsOf(await findings({ DATABASE_URL: database.url }));
    await sql.rows('CREATE INDEX messages_by_parent ON messages (owner_id, conversation_id, parent_id)');
    await sql.rows("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'messages_by_segment'::regclass");
    expect(all).toEqual(
      expect.arrayContaining([
        told('fault', 'schema', /messages_by_parent/),
        told('fault', 'indexes', /messages_by_segment is not valid/, /REINDEX INDEX CONCURRENTLY messages_by_segment/),
      ]),
    );
  });

  it('explains every statement as the server runs it, and fails on a sequential scan', async () => {
    await sql.rows(
      `INSERT INTO users (id, issuer, subject, created_at)
       SELECT gen_random_uuid(), 'test', n::text, now() FROM generate_series(1, 20000) AS n`,
    );
    await sql.rows('ANALYZE users');
    expect(faultsOf(await findings({ DATABASE_URL: database.url }))).toEqual([]);
    // It is there by its name, and serves nothing.
    await sql.rows('ALTER TABLE users DROP CONSTRAINT users_issuer_subject');
    await sql.rows('ALTER TABLE users ADD CONSTRAINT users_issuer_subject UNIQUE (created_at, id)');
    const all = faultsOf(await findings({ DATABASE_URL: database.url }));
    expect(all).toContainEqual(told('fault', 'statements', /reads the table users from end to end/, /ANALYZE users/));
  });

  it('tells keys that do not open what is stored', async () => {
    const all = await findings({ ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}` });
    expect(faultsOf(all)).toEqual([expect.objectContaining({ subject: 'keys' })]);
  });

  it("tells a clock that is off the database's", async () => {
    const shifted = 'data:text/javascript,const now=Date.now;Date.now=()=>now()+10000;';
    const { stdout } = await doctor({}, ['--json'], shifted);
    expect(faultsOf(JSON.parse(stdout))).toEqual([told('fault', 'clock', /ahead of the database's/, /time server/)]);
  });

  it('tells a Redis that does not answer, and one that refuses to write when it is full', async () => {
    const gone = await findings({ REDIS_URL: 'redis://127.0.0.1:1' });
    expect(faultsOf(gone)).toEqual([told('fault', 'redis', /does not answer \(.*ECONNREFUSED/, /REDIS_URL/)]);
    const redis = await startRedisServer({
      folder: folder.path,
      settings: ['maxmemory 100mb', 'maxmemory-policy noeviction'],
    });
    try {
      expect(await findings({ REDIS_URL: redis.url })).toContainEqual(
        told('warning', 'redis', /noeviction/, /allkeys-lru/),
      );
    } finally {
      await redis.stop();
    }
    expect(faultsOf(await findings({ REDIS_URL: testRedisUrl() }))).toEqual([]);
  });

  it('tells a model that is not offered, a key that is refused and a server that is away', async () => {
    expect(await findings({ DEFAULT_MODEL: 'unheard-of' })).toContainEqual(
      told('warning', 'model', /does not list unheard-of/),
    );
    model.replyWith((response) => void response.writeHead(401).end());
    expect(await findings()).toContainEqual(told('fault', 'model', /refuses us \(401\)/, /OPENAI_API_KEY/));
    model.replyWith((response) => void response.writeHead(200).end('Hello'));
    expect(await findings()).toContainEqual(told('warning', 'model', /no list of models/));
    model.replyWith(listing('scripted'));
    expect(await findings({ OPENAI_BASE_URL: 'http://127.0.0.1:9999/v1' })).toContainEqual(
      told('fault', 'model', /does not answer/),
    );
  });

  it('tells a login whose keys cannot be read', async () => {
    const all = await findings({ JWT_SECRETS: '', JWT_JWKS_URL: 'http://127.0.0.1:9999/keys' });
    expect(faultsOf(all)).toEqual([told('fault', 'login', /cannot be read/, /JWT_JWKS_URL/)]);
  });

  it('examines the embedded database before its first start, beside a server, and after it', async () => {
    const own = {
      DATABASE_URL: '',
      REDIS_URL: '',
      JWT_SECRETS: '',
      ENCRYPTION_KEYS: '',
      DATA_DIR: join(folder.path, 'data'),
    };
    expect(await findings(own)).toContainEqual(expect.objectContaining({ subject: 'database', verdict: 'note' }));
    const server = ParleyProcess.serve({ env: { ...app.env, ...own, PORT: '0' }, folder: folder.path });
    await server.heard(/Ctrl-C stops it/);
    const beside = await findings(own);
    server.signal('SIGTERM');
    await server.ended();
    for (const all of [beside, await findings(own)]) {
      expect(faultsOf(all)).toEqual([]);
      expect(all).toContainEqual(expect.objectContaining({ subject: 'statements', verdict: 'ok' }));
    }
  });
});
