import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { signTestToken } from '../../support/sign-test-token.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import type { History, InstanceName } from '../history.js';
import { Instance } from './instance.js';
import { PostgresServer } from './postgres-server.js';
import { RedisInTrouble } from './redis-in-trouble.js';
import { SpeakingModel } from './speaking-model.js';

interface Parts {
  readonly folder: TemporaryFolder;
  readonly postgres: PostgresServer;
  readonly redis: RedisInTrouble;
  readonly model: SpeakingModel;
  readonly instances: Readonly<Record<InstanceName, Instance>>;
  readonly secrets: string;
}

const limits = {
  // A model that stalls is given up soon, so that many do in a few minutes.
  ...{ firstTokenMs: 6000, betweenTokensMs: 5000 },
  // The server takes a socket for dead after two minutes; those of cut lines count until then.
  socketsPerOwner: 2000,
};

const day = 24 * 3600;

/** Two instances with all that they stand on, each line between them breakable. Whoever starts it closes it. */
export class Deployment {
  readonly postgres: PostgresServer;
  readonly redis: RedisInTrouble;
  readonly model: SpeakingModel;
  readonly instances: Parts['instances'];

  private constructor(private readonly parts: Parts) {
    this.postgres = parts.postgres;
    this.redis = parts.redis;
    this.model = parts.model;
    this.instances = parts.instances;
  }

  static async start(history: History): Promise<Deployment> {
    const folder = await makeTemporaryFolder();
    try {
      const [postgres, redis, model] = await Promise.all([
        PostgresServer.start(folder.path),
        RedisInTrouble.start(folder.path),
        SpeakingModel.start(history),
      ]);
      const secrets = `faults:${randomBytes(32).toString('hex')}`;
      const token = (name = '') => tokenOf(secrets, name);
      const env = environmentOf(postgres, model, secrets);
      const start = (name: InstanceName) =>
        Instance.start({
          ...{ name, folder: folder.path, beside: { env, token } },
          ...{ postgresPort: postgres.port, redisPort: redis.port },
          onEndedByItself: (where) =>
            history.add({ type: 'left', where: `instance ${where}`, what: 'ends by itself', before: 0, after: 1 }),
        });
      // The first one migrates.
      const a = await start('a');
      const instances = { a, b: await start('b') };
      return new Deployment({ folder, postgres, redis, model, instances, secrets });
    } catch (error) {
      await folder.remove();
      throw error;
    }
  }

  /** The logs of the instances are in it, as long as the deployment is open. */
  get folder(): string {
    return this.parts.folder.path;
  }

  /** At every instance, whatever its clock says. */
  tokenOf(person: string): string {
    return tokenOf(this.parts.secrets, person);
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.instances).map((instance: Instance) => instance.close()));
    await Promise.all([this.model.stop(), this.redis.stop(), this.postgres.stop()]);
    await this.parts.folder.remove();
  }

  /** Lets lines that healed a moment ago deliver what was on them. */
  async settleLines(): Promise<void> {
    for (const { lines } of Object.values(this.instances)) {
      for (const line of [lines.clients, lines.redis, lines.postgres]) line.heal();
    }
    await wait(500);
  }
}

function tokenOf(secrets: string, name: string): string {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return signTestToken(secrets, name, { iat: nowSeconds - day, exp: nowSeconds + day });
}

const environmentOf = (postgres: PostgresServer, model: SpeakingModel, secrets: string): NodeJS.ProcessEnv => ({
  NODE_ENV: 'test',
  HOST: '127.0.0.1',
  PORT: '0',
  DATABASE_URL: postgres.url,
  DATABASE_POOL_SIZE: '10',
  MIGRATE: 'on',
  JWT_SECRETS: secrets,
  ENCRYPTION_KEYS: `faults:${randomBytes(32).toString('base64')}`,
  RATE_LIMITS: 'off',
  SHUTDOWN_GRACE: '3',
  LIMITS: JSON.stringify(limits),
  ...model.env,
});
