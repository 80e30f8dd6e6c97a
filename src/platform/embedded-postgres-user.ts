import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { promisify } from 'node:util';
import { hasCode } from './system-error.js';

const run = promisify(execFile);

/** A user of this machine, as whom PostgreSQL runs where we are root: it refuses to be root itself. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Where root puts what an unprivileged user must reach. The last two are for machines where nothing else can be
 * written: what lies there may be removed with age.
 */
export const sharedFolders: readonly string[] = [
  '/var/lib/parley',
  '/opt/parley',
  '/usr/local/parley',
  '/var/tmp/parley',
  '/tmp/parley',
];

export const isRoot = () => process.getuid?.() === 0;

/** The system's own PostgreSQL user, else the one that owns nothing; none is ever made. */
export async function findUnprivilegedUser(): Promise<SystemUser> {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([idOf('-u', name), idOf('-g', name)]);
    if (uid !== null && gid !== null && uid !== 0) return { name, uid, gid };
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a user postgres nor nobody: start as another user, or set DATABASE_URL.',
  );
}

/** Whoever owns an existing database goes on running it, so that a start as root does not take it from its owner. */
export async function ownerOf(path: string): Promise<SystemUser | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || found.uid === 0) return null;
  const { stdout } = await run('id', ['-un', String(found.uid)], { timeout: 10_000 }).catch(() => ({ stdout: '' }));
  return { name: stdout.trim() || `number ${found.uid}`, uid: found.uid, gid: found.gid };
}

/** The options under which a child runs as `user`, or as ourselves; nothing of our environment, which holds secrets. */
export function childOptions(user: SystemUser | null) {
  // Windows' own variables are added by Node.
  const env = platform() === 'win32' ? {} : { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };
  return user === null ? { cwd: '/', env } : { cwd: '/', env, uid: user.uid, gid: user.gid };
}

/** Asked of the system rather than of mode bits: access lists and mounts have a say too. */
export async function canEnter(user: SystemUser | null, folder: string): Promise<boolean> {
  if (user === null) return true;
  try {
    await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...childOptions(user), timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes one of root's shared folders; false where it cannot serve: no such parent, or another user, who could have put
 * programs there, owns it.
 */
export async function makeSharedFolder(user: SystemUser, folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o711 });
    await chmod(folder, 0o711);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EROFS', 'EACCES', 'EPERM', 'ENOTDIR')) return false;
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const found = await lstat(folder);
  const ours = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
  return ours && (await canEnter(user, folder));
}

async function idOf(flag: '-u' | '-g', name: string): Promise<number | null> {
  try {
    const { stdout } = await run('id', [flag, name], { timeout: 10_000 });
    const id = Number.parseInt(stdout, 10);
    return Number.isNaN(id) ? null : id;
  } catch {
    return null;
  }
}
