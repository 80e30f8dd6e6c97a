import { randomBytes, randomUUID } from 'node:crypto';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import type { Clock } from '../../src/platform/clock.js';
import { createLog, type Log } from '../../src/platform/log.js';
import { Person } from './person.js';
import { signTestToken } from './sign-test-token.js';
import { createDatabase, type TestDatabase } from './test-database.js';
import { testRedisUrl } from './test-redis.js';

export interface StartAppOptions {
  /** Variables of the environment, over those of {@link startApp}. */
  readonly env?: NodeJS.ProcessEnv;
  /** Over the Redis that all test files share; another with `env.REDIS_URL`. Otherwise in-process. */
  readonly redis?: boolean;
  /** A further instance on the same database, Redis and secrets; `env` is taken from it too. Close it before the first. */
  readonly beside?: TestApp;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** Statements that an instance sends now and then by itself, for nobody's request. */
const ownWork = /^(runs\..*|requests\.forget|conversations\.(takeDeleted|revisions|listRevisions|listDigests))$/;

/** A whole server on a free port, with a database of its own. */
export interface TestApp {
  /** Without a slash at the end. */
  readonly url: string;
  /** Where sockets are opened. */
  readonly socketUrl: string;
  readonly database: TestDatabase;
  readonly env: NodeJS.ProcessEnv;
  /** The names of all statements sent so far, BEGIN and COMMIT included; empty it with `statements.length = 0`. */
  readonly statements: string[];
  /** The names of all that it sends for `work`, and not for its own. */
  statementsOf(work: () => Promise<unknown>): Promise<readonly string[]>;
  /** A token made on the spot; `claims` go over those that every token has. */
  token(name?: string, claims?: object): string;
  /** Someone nobody has seen before, or whoever has that name: at every instance the same. */
  person(name?: string): Person;
  /** Stops the server as SIGTERM does, and leaves the database: for a start after it, `beside` this one. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server in this process: real HTTP, sockets, PostgreSQL, and Redis where it is asked for. */
export async function startApp(options: StartAppOptions = {}): Promise<TestApp> {
  const { beside, clock, log = createLog('silent') } = options;
  const database = beside?.database ?? (await createDatabase());
  const env = { ...(beside?.env ?? newEnvironment(database, options.redis ?? false)), ...options.env };
  const statements: string[] = [];
  const onStatement = (name: string) => statements.push(name);
  const start = async () => {
    const app = await createApp(loadConfig(env), { log, onStatement, ...(clock && { clock }) });
    return {
      app,
      url: (await app.listen().catch((error: unknown) => app.stop().then(() => Promise.reject(error)))).url,
    };
  };
  const { app, url } = await start().catch(async (error: unknown) => {
    if (!beside) await database.drop();
    throw error;
  });
  const token = (name = 'ada', claims: object = {}) => signTestToken(env.JWT_SECRETS ?? '', name, claims);
  return {
    ...{ url, database, env, statements, token },
    async statementsOf(work) {
      statements.length = 0;
      await work();
      return statements.filter((name) => !ownWork.test(name));
    },
    socketUrl: `${url.replace(/^http/, 'ws')}/graphql`,
    person: (name = randomUUID()) => new Person(url, token(name)),
    stop: () => app.stop(),
    async close() {
      await app.stop();
      if (!beside) await database.drop();
    },
  };
}

const newEnvironment = (database: TestDatabase, redis: boolean): NodeJS.ProcessEnv => ({
  NODE_ENV: 'test',
  PORT: '0',
  DATABASE_URL: database.url,
  DATABASE_POOL_SIZE: '10',
  JWT_SECRETS: `test:${randomBytes(32).toString('hex')}`,
  ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
  RATE_LIMITS: 'off',
  SHUTDOWN_GRACE: '0',
  ...(redis && { REDIS_URL: testRedisUrl() }),
});
