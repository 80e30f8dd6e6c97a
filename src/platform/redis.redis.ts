import { Cluster, Redis, type RedisOptions } from 'ioredis';

export type RedisConnection = Redis | Cluster;

export interface RedisAddress {
  /** Several: the first nodes to ask of a cluster. */
  readonly urls: readonly string[];
  readonly commandTimeoutMs: number;
}

const options: RedisOptions = {
  lazyConnect: true,
  connectTimeout: 1000,
  // A peer that is given up does not say goodbye.
  disconnectTimeout: 250,
  // A subscriber only listens: without probes it would never learn that something between has dropped its connection.
  keepAlive: 10_000,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  // Reconnects for ever, soon at first.
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1000),
};

/** A connection to Redis, or to a cluster where `urls` names several nodes. Not yet connected; whoever makes it closes it. */
export function createRedis({ urls, commandTimeoutMs }: RedisAddress): RedisConnection {
  const [first, ...others] = urls;
  if (first === undefined) throw new Error('There is no Redis address.');
  if (others.length === 0) return new Redis(first, { ...options, commandTimeout: commandTimeoutMs });
  const { username, password, protocol } = new URL(first);
  return new Cluster([...urls], {
    lazyConnect: true,
    enableOfflineQueue: false,
    shardedSubscribers: true,
    redisOptions: {
      ...options,
      commandTimeout: commandTimeoutMs,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
}

/** Connects in the background: while Redis is away Parley works on without it. */
export function connectRedis(redis: RedisConnection, onError: (error: unknown) => void): void {
  redis.on('error', onError);
  redis.connect().catch(onError);
}
