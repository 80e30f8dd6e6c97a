import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { platform } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { pause, systemClock } from './clock.js';
import type { PostgresBinaries } from './embedded-postgres-binaries.js';
import { childOptions, type SystemUser } from './embedded-postgres-user.js';
import type { Log } from './log.js';
import { commandLineOf, lookUpProcess, workingFolderOf } from './process-identity.js';
import { hasCode } from './system-error.js';

const run = promisify(execFile);

const pollMs = 20;
/** Recovery after a crash replays a gigabyte of WAL at most. */
const readyMs = 60_000;
/** How long what a killed PostgreSQL left behind (its memory, the last of its processes) is waited for. */
const leftoverMs = 10_000;
const keptLogBytes = 4 * 1024 * 1024;
/** Fast, then immediate (recovery follows at the next start), then what cannot be refused. */
const stopSteps = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 10_000],
  ['SIGKILL', 5_000],
] as const;

export interface PostmasterOptions {
  readonly binaries: PostgresBinaries;
  readonly data: string;
  readonly user: SystemUser | null;
  /** Unset: one that is free. */
  readonly port: number | undefined;
  /** `name=value`, for this start only. */
  readonly settings: readonly string[];
  /** PostgreSQL writes its log here. */
  readonly logFile: string;
  readonly log: Log;
}

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Resolves when it has ended: with how, where nobody stopped it. */
  readonly ended: Promise<PostmasterEnd | null>;
  stop(): Promise<void>;
}

export interface PostmasterEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts PostgreSQL in a process session of its own, so that Ctrl-C in our terminal does not reach it, and resolves when
 * it takes connections. Throws, with the last words of its log, where that takes more than 60 s.
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const startedAtMs = systemClock.monotonic();
  await keepLogShort(options.logFile);
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const said = await sizeOf(options.logFile);
    const child = await spawnPostmaster(options, port);
    if (await isReady(child, options.data, startedAtMs + readyMs)) return watch(child, port, options);
    const ended = hasEnded(child);
    if (!ended) await stopChild(child, options);
    const words = await lastWords(options.logFile, said);
    const leftover = /pre-existing shared memory block|lock file ".*" already exists/.test(words);
    const portTaken = options.port === undefined && attempt <= 3 && /could not bind/.test(words);
    if (ended && leftover && systemClock.monotonic() - startedAtMs < leftoverMs) await pause(systemClock, 250);
    else if (!ended || !portTaken) {
      const how = ended ? 'ended while it started' : `was not ready after ${readyMs / 1000} s`;
      throw new Error(`The embedded PostgreSQL ${how}; the last lines of ${options.logFile}:\n${words}`);
    }
  }
}

/**
 * Ends a PostgreSQL that a killed server left running on `data`, and removes the pid file of one that is dead, a zombie,
 * or whose pid is another program's by now. PostgreSQL itself takes any living pid for a running server and refuses.
 */
export async function endLeftoverPostmaster(data: string, log: Log): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readLines(file))[0]);
  if (await isPostmasterOf(pid, data)) {
    log.warn({ pid }, 'stopping the PostgreSQL that a killed server left running');
    const isGone = async () => !(await isPostmasterOf(pid, data));
    if (!(await end((signal) => process.kill(pid, signal), isGone))) {
      throw new Error(`The PostgreSQL of an earlier start, process ${pid}, does not end; kill it, then start again.`);
    }
  }
  await waitUntil(async () => (await lookUpProcess(pid)).state !== 'ending', leftoverMs);
  await rm(file, { force: true });
}

/** The port of the PostgreSQL that runs on `data`; null where none does. */
export async function findPort(data: string): Promise<number | null> {
  const lines = await readLines(join(data, 'postmaster.pid'));
  const port = Number(lines[3]);
  return port > 0 && (await isPostmasterOf(Number(lines[0]), data)) ? port : null;
}

async function isPostmasterOf(pid: number, data: string): Promise<boolean> {
  const { state } = await lookUpProcess(pid);
  if (state !== 'living') return false;
  if (platform() === 'win32') return true;
  const [program, ...args] = await commandLineOf(pid);
  if (program === undefined || basename(program) !== 'postgres') return false;
  return args.includes(data) || (await workingFolderOf(pid)) === (await realpath(data).catch(() => data));
}

async function spawnPostmaster(options: PostmasterOptions, port: number): Promise<ChildProcess> {
  const settings = [...options.settings, `port=${port}`].flatMap((setting) => ['-c', setting]);
  const output = await open(options.logFile, 'a', 0o600);
  try {
    const child = spawn(options.binaries.postgres, ['-D', options.data, ...settings], {
      ...childOptions(options.user),
      detached: true,
      windowsHide: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    child.on('error', (error) => options.log.error({ error }, 'the embedded PostgreSQL could not be run'));
    // What it is doing must not keep a process alive that has nothing else to do.
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

/** Ready is what PostgreSQL writes in the last line of its pid file; to ask by connecting would fill its log. */
async function isReady(child: ChildProcess, data: string, untilMs: number): Promise<boolean> {
  while (!hasEnded(child) && systemClock.monotonic() < untilMs) {
    const lines = await readLines(join(data, 'postmaster.pid'));
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await pause(systemClock, pollMs);
  }
  return false;
}

function watch(child: ChildProcess, port: number, options: PostmasterOptions): Postmaster {
  let stopping: Promise<void> | null = null;
  const howItEnded = ({ exitCode: code, signalCode: signal }: ChildProcess) =>
    stopping === null ? { code, signal } : null;
  const ended = new Promise<PostmasterEnd | null>((resolve) => {
    if (hasEnded(child)) resolve(howItEnded(child));
    else child.once('exit', () => resolve(howItEnded(child)));
  });
  const stop = () => {
    stopping ??= stopChild(child, options);
    return stopping;
  };
  return { pid: child.pid ?? 0, port, ended, stop };
}

async function stopChild(child: ChildProcess, { binaries, data, log }: PostmasterOptions): Promise<void> {
  if (hasEnded(child)) return;
  if (platform() === 'win32') {
    // There are no signals; what `kill` does there is the last resort.
    await run(binaries.pgCtl, ['stop', '-D', data, '-m', 'fast', '-t', '10']).catch(() => undefined);
  }
  const ended = await end(
    (signal) => child.kill(signal),
    async () => hasEnded(child),
  );
  if (!ended) log.error({ pid: child.pid }, 'the embedded PostgreSQL does not end');
}

/** Each signal has its time; false where the process outlived them all. */
async function end(kill: (signal: NodeJS.Signals) => void, isGone: () => Promise<boolean>): Promise<boolean> {
  for (const [signal, waitMs] of stopSteps) {
    try {
      kill(signal);
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
    if (await waitUntil(isGone, waitMs)) return true;
  }
  return false;
}

async function waitUntil(isTrue: () => Promise<boolean>, waitMs: number): Promise<boolean> {
  const untilMs = systemClock.monotonic() + waitMs;
  while (!(await isTrue())) {
    if (systemClock.monotonic() >= untilMs) return false;
    await pause(systemClock, pollMs);
  }
  return true;
}

const hasEnded = (child: ChildProcess) =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

/** Another program may take it before PostgreSQL does: the caller tries again. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function keepLogShort(file: string): Promise<void> {
  if ((await sizeOf(file)) > keptLogBytes) await rename(file, `${file}.1`);
}

async function lastWords(file: string, fromByte: number): Promise<string> {
  const text = (await readFile(file).catch(() => Buffer.alloc(0))).subarray(fromByte).toString('utf8');
  const lines = text.trim().split('\n').slice(-10);
  return lines.join('\n') || 'it said nothing';
}

const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

const readLines = (file: string) =>
  readFile(file, 'utf8').then(
    (text) => text.split('\n'),
    () => [],
  );
