import { setTimeout as wait } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { InstanceName } from '../history.js';
import type { Deployment } from './deployment.js';
import type { Instance, Lines } from './instance.js';

/** One kind of fault. */
export interface Fault {
  readonly name: string;
  /** Does it happen to one of the instances? */
  readonly on: 'instance' | 'postgres' | 'redis';
  /** In milliseconds, the least and the most; [0, 0] where it is over at once. */
  readonly lasts: readonly [number, number];
  begin(at: Place): Promise<void> | void;
  end?(at: Place): Promise<void> | void;
}

export interface Place {
  readonly deployment: Deployment;
  readonly instance: Instance;
  readonly random: SeededRandom;
}

const hourMs = 3_600_000;

const ofProcesses: readonly Fault[] = [
  {
    ...{ name: 'kill -9', on: 'instance', lasts: [200, 4000] },
    begin: ({ instance }) => instance.end('SIGKILL'),
    end: ({ instance }) => instance.startAgain(),
  },
  {
    ...{ name: 'SIGSTOP for 20 s', on: 'instance', lasts: [20_000, 20_000] },
    begin: ({ instance }) => instance.signal('SIGSTOP'),
    end: ({ instance }) => instance.signal('SIGCONT'),
  },
  {
    ...{ name: 'SIGTERM', on: 'instance', lasts: [0, 2000] },
    begin: ({ instance }) => instance.end('SIGTERM'),
    end: ({ instance }) => instance.startAgain(),
  },
  {
    ...{ name: 'clock one hour off', on: 'instance', lasts: [8000, 15_000] },
    begin: ({ instance, random }) => instance.moveClock(random.of(hourMs, -hourMs)),
    end: ({ instance }) => instance.moveClock(0),
  },
];

const ofPostgres: readonly Fault[] = [
  {
    ...{ name: 'PostgreSQL stopped -m immediate', on: 'postgres', lasts: [200, 12_000] },
    begin: ({ deployment }) => deployment.postgres.stopImmediately(),
    end: ({ deployment }) => deployment.postgres.startAgain(),
  },
  {
    ...{ name: 'pg_terminate_backend', on: 'postgres', lasts: [0, 0] },
    begin: async ({ deployment }) => {
      await deployment.postgres.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'parley%'",
      );
    },
  },
];

const ofRedis: readonly Fault[] = [
  {
    ...{ name: 'Redis killed', on: 'redis', lasts: [200, 6000] },
    begin: ({ deployment }) => deployment.redis.signal('SIGKILL'),
    end: ({ deployment }) => deployment.redis.startAgain(),
  },
  {
    ...{ name: 'Redis stopped', on: 'redis', lasts: [1000, 8000] },
    begin: ({ deployment }) => deployment.redis.signal('SIGSTOP'),
    end: ({ deployment }) => deployment.redis.signal('SIGCONT'),
  },
  {
    ...{ name: 'Redis FLUSHALL', on: 'redis', lasts: [0, 0] },
    begin: async ({ deployment }) => void (await deployment.redis.command('FLUSHALL')),
  },
  {
    ...{ name: 'Redis pub/sub connections killed', on: 'redis', lasts: [0, 0] },
    begin: async ({ deployment: { redis } }) => {
      for (let times = 1; times <= 3; times += 1) {
        await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await wait(150);
      }
    },
  },
  {
    ...{ name: 'Redis out of memory', on: 'redis', lasts: [2000, 6000] },
    // No write is taken any more, and connections that hold anything are dropped.
    begin: async ({ deployment: { redis } }) => {
      await redis.command('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-clients', '1');
    },
    end: async ({ deployment: { redis } }) => {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-clients', '0');
    },
  },
];

const lineNames: Readonly<Record<keyof Lines, string>> = {
  clients: 'clients',
  redis: 'Redis',
  postgres: 'PostgreSQL',
};

const ofLine = (which: keyof Lines): Fault[] => [
  {
    ...{ name: `line to ${lineNames[which]} cut`, on: 'instance', lasts: [0, 0] },
    begin: ({ instance }) => instance.lines[which].cut(),
  },
  {
    ...{ name: `line to ${lineNames[which]} slow`, on: 'instance', lasts: [2000, 6000] },
    begin: ({ instance, random }) => instance.lines[which].slowDown(random.between(20, 800)),
    end: ({ instance }) => instance.lines[which].heal(),
  },
  {
    // To PostgreSQL for so long that leases run out; they are renewed before anybody may give an answer up.
    ...{ name: `line to ${lineNames[which]} a black hole`, on: 'instance' },
    lasts: which === 'postgres' ? [10_500, 11_200] : [2000, 8000],
    begin: ({ instance }) => instance.lines[which].swallow(),
    end: ({ instance }) => instance.lines[which].heal(),
  },
];

/** All but those of the model, which stand in the questions. */
export const faults: readonly Fault[] = [
  ...ofProcesses,
  ...ofPostgres,
  ...ofRedis,
  ...ofLine('clients'),
  ...ofLine('redis'),
  ...ofLine('postgres'),
];

export const anyName = (random: SeededRandom): InstanceName => random.of<InstanceName>('a', 'b');
