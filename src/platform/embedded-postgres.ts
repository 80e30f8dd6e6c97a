import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { embeddedPostgresBinaries, type PostgresBinaries, runnableBinaries } from './embedded-postgres-binaries.js';
import { PostmasterKeeper } from './embedded-postgres-keeper.js';
import {
  findPostgresPlace,
  hasPostgresPlace,
  lookUpPostgresData,
  type PostgresPlace,
} from './embedded-postgres-place.js';
import { endLeftoverPostmaster, findPort } from './embedded-postgres-process.js';
import { childOptions, sharedFolders } from './embedded-postgres-user.js';
import type { Log } from './log.js';
import { readOrMakeSecret, readSecret } from './secret-file.js';
import { hasCode } from './system-error.js';

const run = promisify(execFile);

const role = 'parley';
const database = 'parley';
const passwordName = 'postgres-password';
const initialiseMs = 120_000;

export interface EmbeddedPostgresOptions {
  /** The caller holds its lock (DataDir): two must never start on the same folder. */
  readonly dataDir: string;
  readonly log: Log;
  /** Unset: one that is free, another at every start. */
  readonly port?: number;
  /** False gives up safety for speed: a crash of the machine may destroy the database. For tests. */
  readonly durable?: boolean;
  /** Where root puts what PostgreSQL's user must reach and cannot in its own place; the first that serves. */
  readonly sharedFolders?: readonly string[];
  /**
   * Set: where PostgreSQL ends by itself it is started again, on the same port; called where that is in vain. Unset: it
   * is only told in the log.
   */
  readonly onLost?: (error: unknown) => void;
}

export interface EmbeddedPostgres {
  /** With the password; a superuser of a cluster that only this machine reaches. */
  readonly url: string;
  /** The process that starts the others; another one when it was started again. */
  readonly pid: number;
  /** PostgreSQL's own data directory. */
  readonly data: string;
  /** Sentences for whoever starts the server, e.g. where the database is if not in DATA_DIR. */
  readonly notices: readonly string[];
  /** Lets nothing be lost, takes 25 s at most. Stopping twice is harmless. */
  stop(): Promise<void>;
}

/** Given at every start, so that an older database follows a newer server. */
const baseSettings: readonly string[] = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=100',
  'shared_buffers=128MB',
  'fsync=on',
  'timezone=UTC',
  'password_encryption=scram-sha-256',
  'log_destination=stderr',
  'logging_collector=off',
  'log_timezone=UTC',
  'lc_messages=C',
  'log_checkpoints=off',
  // People's texts are parameters of statements and are quoted in errors about them; none of that may reach the log.
  'log_min_messages=log',
  'log_min_error_statement=panic',
  'log_error_verbosity=terse',
  'log_statement=none',
  'log_duration=off',
  'log_min_duration_statement=-1',
  'log_min_duration_sample=-1',
  'log_transaction_sample_rate=0',
  'log_parameter_max_length=0',
  'log_parameter_max_length_on_error=0',
];

const fragileSettings: readonly string[] = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/**
 * Starts the PostgreSQL that the package `embedded-postgres` brought on the database in `dataDir`, which is made at the
 * first start. It runs in a process session of its own and lives until `stop`: a server that is killed leaves
 * it running, and the next start stops it first. Throws one sentence, or PostgreSQL's last words, where it cannot.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, port, durable = true, onLost } = options;
  const shared = options.sharedFolders ?? sharedFolders;
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const password = await ownPassword(dataDir);
  const fingerprint = createHash('sha256').update(password).digest('hex');
  const place = await findPostgresPlace({ dataDir, fingerprint, sharedFolders: shared });
  const { data, user } = place;
  const { binaries, notices } = await runnableBinaries(user, shared, await embeddedPostgresBinaries());
  await endLeftoverPostmaster(data, log);
  await ensureInitialised(place, binaries, password, durable);
  const settings = durable ? baseSettings : [...baseSettings, ...fragileSettings];
  const logFile = join(dataDir, 'postgres.log');
  const postmaster = await PostmasterKeeper.start({ binaries, data, user, port, settings, logFile, log, onLost });
  const urlOf = (name: string) => addressOf(password, postmaster.port, name);
  try {
    await ensureDatabase(urlOf('postgres'), dataDir);
  } catch (error) {
    await postmaster.stop();
    throw error;
  }
  log.info({ port: postmaster.port, pid: postmaster.pid }, 'the embedded PostgreSQL is ready');
  return {
    ...{ url: urlOf(database), data, notices: [...place.notices, ...notices] },
    get pid() {
      return postmaster.pid;
    },
    stop: () => postmaster.stop(),
  };
}

/** Where the database of `dataDir` answers that another process has started; null where none has. */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | null> {
  const [data, password] = [await lookUpPostgresData(dataDir), await readSecret(dataDir, passwordName)];
  const port = data === null ? null : await findPort(data);
  return port === null || password === null ? null : addressOf(password, port, database);
}

const addressOf = (password: string, port: number, name: string) =>
  `postgres://${role}:${password}@127.0.0.1:${port}/${name}`;

/** A database without its password was separated from it; a new password would not open it. */
async function ownPassword(dataDir: string): Promise<string> {
  const known = await readSecret(dataDir, passwordName);
  if (known === null && (await hasPostgresPlace(dataDir))) {
    throw new Error(
      `There is a database in ${dataDir}, but its password ${passwordName} is gone; restore it, or set another DATA_DIR.`,
    );
  }
  return known ?? readOrMakeSecret(dataDir, passwordName, () => randomBytes(24).toString('base64url'));
}

/** Made under another name first: what was cut short is never taken for a database. */
async function ensureInitialised(
  place: PostgresPlace,
  binaries: PostgresBinaries,
  password: string,
  durable: boolean,
): Promise<void> {
  await removeDrafts(place.folder);
  const made = (await readFile(join(place.data, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  const major = binaries.version.split('.')[0];
  if (made === major) return;
  if (made !== '') {
    throw new Error(
      `The database in ${place.data} was made by PostgreSQL ${made}, this is ${major}; dump it with the former Parley, or set another DATA_DIR.`,
    );
  }
  const draft = join(place.folder, `draft-${randomBytes(6).toString('hex')}`);
  try {
    await initialise(place, binaries, password, draft, durable);
    await rename(draft, place.data);
  } finally {
    await rm(`${draft}.password`, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function initialise(
  { user }: PostgresPlace,
  binaries: PostgresBinaries,
  password: string,
  draft: string,
  durable: boolean,
): Promise<void> {
  const passwordFile = `${draft}.password`;
  await writeFile(passwordFile, `${password}\n`, { flag: 'wx', mode: 0o600 });
  await mkdir(draft, { mode: 0o700 });
  if (user !== null) {
    await chown(passwordFile, user.uid, user.gid);
    await chown(draft, user.uid, user.gid);
  }
  const args = [
    `--pgdata=${draft}`,
    `--username=${role}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await run(binaries.initdb, args, { ...childOptions(user), timeout: initialiseMs, killSignal: 'SIGKILL' });
  } catch (error) {
    // With what initdb wrote to its standard error.
    throw new Error(`The embedded PostgreSQL could not make a database: ${String(error).trim()}`, { cause: error });
  }
}

/** What a killed start left: half a database, and the file that told initdb the password. */
async function removeDrafts(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('draft-'));
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 })));
}

async function ensureDatabase(url: string, dataDir: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 30_000 });
  // What it would say without a listener ends the process; the statement that fails says it too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  } catch (error) {
    if (!hasCode(error, '28P01')) throw error;
    throw new Error(`The secret ${join(dataDir, passwordName)} is not the password of the database; restore it.`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
