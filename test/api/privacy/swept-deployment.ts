import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { signToken } from '../../../src/identity/token.js';
import { systemClock } from '../../../src/platform/clock.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/platform/embedded-postgres.js';
import { createLog } from '../../../src/platform/log.js';
import { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SqlClient } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { killParleyProcesses, ParleyProcess } from '../cli/parley-process.js';
import { canary, marker, unheardWord } from './canaries.js';
import { formsIn, sweepFolder } from './sweep.js';
import { WatchedRedis } from './watched-redis.js';

const jwtSecret = randomBytes(48).toString('base64url');
const encryptionKey = randomBytes(32);
const apiKey = `sk-${unheardWord(32)}`;

const settings = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PORT: '0',
  JWT_SECRETS: `2026:${jwtSecret}`,
  ENCRYPTION_KEYS: `2026:${encryptionKey.toString('base64')}`,
  OPENAI_API_KEY: apiKey,
  MIGRATE: 'on',
  LOG_LEVEL: 'trace',
  LIMITS: JSON.stringify({
    ...{
      answersPerOwner: 100,
      sendsPerMinute: 1000,
      conversationsPerMinute: 1000,
      searchesPerMinute: 1000,
      socketsPerOwner: 100,
    },
    // The answers go on for as long as is swept.
    ...{ firstTokenMs: 600_000, betweenTokensMs: 600_000, answerMs: 600_000 },
  }),
};

/** Neither a person's text nor one of these may stand anywhere. */
export const secretWords = [marker, jwtSecret, encryptionKey.toString('base64'), apiKey];

type Parts = Pick<SweptDeployment, 'postgres' | 'redis' | 'model' | 'sql'>;

/** Two instances as in production, on a PostgreSQL and a Redis of their own, of which everything can be searched. */
export class SweptDeployment {
  readonly subjects = [randomUUID(), randomUUID(), randomUUID(), randomUUID()] as const;
  readonly postgres: EmbeddedPostgres;
  readonly redis: WatchedRedis;
  readonly model: ScriptedModel;
  readonly sql: SqlClient;

  private constructor(
    private readonly folder: TemporaryFolder,
    parts: Parts,
    /** Writes the answers. */
    readonly writer: ParleyProcess,
    /** Follows them: what it knows of them came over Redis, or from the database. */
    readonly follower: ParleyProcess,
  ) {
    this.postgres = parts.postgres;
    this.redis = parts.redis;
    this.model = parts.model;
    this.sql = parts.sql;
  }

  static async start(): Promise<SweptDeployment> {
    const folder = await makeTemporaryFolder();
    const sharedFolders = [join(folder.path, 'shared')];
    const log = createLog('silent');
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder.path, 'data'), sharedFolders, log });
    const [redis, model] = [await WatchedRedis.start(folder.path), await ScriptedModel.start()];
    const env = { ...settings, ...model.env, DATABASE_URL: postgres.url, REDIS_URL: redis.url };
    const serve = async () => {
      const server = ParleyProcess.serve({ folder: folder.path, env });
      await server.heard(/"listening"/);
      return server;
    };
    const [writer, follower] = [await serve(), await serve()];
    const sql = await SqlClient.connect(postgres.url);
    return new SweptDeployment(folder, { postgres, redis, model, sql }, writer, follower);
  }

  /** One of four people, at one of the instances; the token holds canaries too. */
  async person(server: ParleyProcess, number: number): Promise<Person> {
    const url = String(server.log().find(({ msg }) => msg === 'listening')?.url);
    const secret = { kid: '2026', secret: Buffer.from(jwtSecret) };
    // A department is no canary: the sums of usage are by department, as the report tells them.
    const claims = { email: `${canary('email')}@example.com`, department: 'research', roles: [canary('role')] };
    const subject = this.subjects[number % this.subjects.length] ?? '';
    const token = await signToken({ secret, issuer: 'parley', audience: 'parley', subject, ...claims }, systemClock);
    return new Person(url, token);
  }

  /**
   * Where one of the words stands, as `place: form`. Places are the files of the database (WAL and log included) and of
   * Redis, all that was said to Redis and over it, and the logs of both instances.
   */
  async sweep(...words: readonly string[]): Promise<string[]> {
    await this.redis.save();
    const said = [
      ['Redis, said', this.redis.seen],
      ['log', [this.writer, this.follower].map(({ stdout, stderr }) => stdout + stderr)],
    ] as const;
    const found = await sweepFolder(this.folder.path, words);
    for (const [place, texts] of said) {
      const text = Buffer.from(texts.join('\n'));
      for (const word of words) found.push(...formsIn(text, word).map((form) => `${place}: ${form}`));
    }
    return found;
  }

  async rows(table: string): Promise<number> {
    return (await this.sql.row<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`)).rows;
  }

  /** `sql` is closed by whoever ends the database, or here. */
  async close(): Promise<void> {
    await killParleyProcesses();
    await this.sql.close();
    await this.postgres.stop();
    await this.redis.stop();
    await this.model.stop();
    await this.folder.remove();
  }
}
