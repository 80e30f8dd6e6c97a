import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './until.js';

/** A real Redis that keeps nothing on the disk; whoever starts it stops it. */
export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  /** `SIGKILL` is a crash; after `SIGSTOP` it accepts connections and never answers, until `SIGCONT`. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** A test's temporary folder: what is left of a killed test is found by it. */
  readonly folder: string;
  /** Unset: one that is free. Give it to start a Redis again where one was. */
  readonly port?: number;
  /** Further lines of redis.conf. */
  readonly settings?: readonly string[];
}

export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  const configFile = join(options.folder, `redis-${port}.conf`);
  const settings = ['bind 127.0.0.1', `port ${port}`, 'save ""', 'appendonly no', `dir ${options.folder}`];
  // A process of Redis names itself anew; its folder must stay in that name.
  settings.push('proc-title-template "{title} {config-file} {listen-addr}"', ...(options.settings ?? []));
  await writeFile(configFile, settings.map((line) => `${line}\n`).join(''));
  const child = spawn('redis-server', [configFile], { stdio: ['ignore', 'ignore', 'inherit'] });
  const failed = once(child, 'error').then(([error]: unknown[]) => {
    throw new Error('There is no redis-server on this machine: "npm test" says how to get one.', { cause: error });
  });
  await Promise.race([failed, until('Redis answers', () => hasEnded(child) || answers(port))]);
  if (hasEnded(child)) throw new Error(`Redis did not start on port ${port}.`);
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    signal: (name) => child.kill(name),
    stop: () => end(child),
  };
}

/** A port of the loopback on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A port was asked for, and none was given.');
  return address.port;
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.end('PING\r\n');
    const [reply]: unknown[] = await once(socket, 'data');
    return String(reply).startsWith('+PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  // SIGKILL reaches a stopped process too, and there is nothing to save.
  child.kill('SIGKILL');
  await ended;
}
