import { createHash } from 'node:crypto';
import { access, chmod, chown, lchown, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  canEnter,
  findUnprivilegedUser,
  isRoot,
  makeSharedFolder,
  ownerOf,
  type SystemUser,
} from './embedded-postgres-user.js';
import { hasCode } from './system-error.js';

/** Where a database lies, and who runs it. */
export interface PostgresPlace {
  readonly folder: string;
  /** PostgreSQL's own data directory, in `folder`; missing until it was initialised. */
  readonly data: string;
  /** Null: whoever we are. */
  readonly user: SystemUser | null;
  /** Sentences for whoever starts the server. */
  readonly notices: readonly string[];
}

export interface PlaceOptions {
  /** Absolute, links resolved. */
  readonly dataDir: string;
  /** Says which databases are this DATA_DIR's own; it comes from a secret that is kept there. */
  readonly fingerprint: string;
  /** Where to put it, first fit, when root's PostgreSQL user cannot enter DATA_DIR. */
  readonly sharedFolders: readonly string[];
}

/** Lies in a place outside DATA_DIR and says whose it is. */
const markerSchema = z.object({ dataDir: z.string(), fingerprint: z.string() });
type Marker = z.infer<typeof markerSchema>;

/** In DATA_DIR; holds the path of the place, where it is another. */
const pointerFile = (dataDir: string) => join(dataDir, 'postgres-place');
const markerFile = (folder: string) => join(folder, 'parley.json');
const insideOf = (dataDir: string) => join(dataDir, 'postgres');
const dataOf = (folder: string) => join(folder, 'data');

/** Whether a database was ever made for this DATA_DIR, wherever it lies. */
export async function hasPostgresPlace(dataDir: string): Promise<boolean> {
  return (await readPointer(dataDir)) !== null || (await exists(dataOf(insideOf(dataDir))));
}

/** PostgreSQL's own data directory of this DATA_DIR's database, which is looked for and nothing else; null where there is none. */
export async function lookUpPostgresData(dataDir: string): Promise<string | null> {
  const data = dataOf((await readPointer(dataDir)) ?? insideOf(dataDir));
  return (await exists(data)) ? data : null;
}

/**
 * Finds or makes the place of a DATA_DIR's database: inside it, or, where root's unprivileged user cannot enter it, in
 * a shared folder under a name made of its path. The same DATA_DIR finds the same place again, also after it was moved.
 */
export async function findPostgresPlace(options: PlaceOptions): Promise<PostgresPlace> {
  const inside = insideOf(options.dataDir);
  const pointed = await readPointer(options.dataDir);
  if (!isRoot()) {
    if (pointed !== null) {
      throw new Error(`Root made the database of ${options.dataDir} in ${pointed}; start as root, or set DATA_DIR.`);
    }
    await mkdir(inside, { recursive: true, mode: 0o700 });
    return { folder: inside, data: dataOf(inside), user: null, notices: [] };
  }
  const user = (await ownerOf(dataOf(pointed ?? inside))) ?? (await findUnprivilegedUser());
  if (pointed === null && (await openInside(options.dataDir, user))) {
    await giveTo(user, dataOf(inside));
    return { folder: inside, data: dataOf(inside), user, notices: [] };
  }
  const { folder, notices } = await findOutside(options, user, pointed);
  await giveTo(user, dataOf(folder));
  const reason = `PostgreSQL runs as the user ${user.name}, which cannot enter ${options.dataDir}`;
  return { folder, data: dataOf(folder), user, notices: [...notices, `${reason}: its database is in ${folder}.`] };
}

/** Lets `user` pass through DATA_DIR, without reading it, where the folders above let it pass. */
async function openInside(dataDir: string, user: SystemUser): Promise<boolean> {
  if (!(await canEnter(user, join(dataDir, '..')))) return false;
  if (!(await canEnter(user, dataDir))) await chmod(dataDir, ((await stat(dataDir)).mode & 0o700) | 0o011);
  const inside = insideOf(dataDir);
  await mkdir(inside, { recursive: true, mode: 0o711 });
  if (!(await canEnter(user, inside))) await chmod(inside, 0o711);
  return canEnter(user, inside);
}

async function findOutside(options: PlaceOptions, user: SystemUser, pointed: string | null) {
  const marker = pointed === null ? null : await readMarker(pointed);
  if (pointed !== null && marker?.fingerprint === options.fingerprint) {
    if (marker.dataDir !== options.dataDir) await adopt(pointed, marker, options);
    return { folder: pointed, notices: [] };
  }
  const folder = await makeOutside(options, user);
  await writeFile(pointerFile(options.dataDir), `${folder}\n`, { mode: 0o600 });
  await moveFromInside(options.dataDir, user, folder);
  const lost = `There is no database of ${options.dataDir} in ${pointed} any more; a new one was made.`;
  return { folder, notices: pointed === null ? [] : [lost] };
}

/** A DATA_DIR that was moved keeps its database; a copy of one that still exists must not take it away. */
async function adopt(folder: string, marker: Marker, { dataDir, fingerprint }: PlaceOptions): Promise<void> {
  if ((await readPointer(marker.dataDir)) === folder) {
    throw new Error(
      `${dataDir} is a copy of ${marker.dataDir}, to which the database in ${folder} belongs; use that one, or an empty DATA_DIR.`,
    );
  }
  await writeFile(markerFile(folder), JSON.stringify({ dataDir, fingerprint }), { mode: 0o600 });
}

async function makeOutside({ dataDir, fingerprint, sharedFolders }: PlaceOptions, user: SystemUser): Promise<string> {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  for (const shared of sharedFolders) {
    if (!(await makeSharedFolder(user, shared))) continue;
    // The name may belong to an earlier DATA_DIR of the same path, whose database is not ours to touch.
    for (let attempt = 1; attempt <= 100; attempt += 1) {
      const folder = join(shared, attempt === 1 ? name : `${name}-${attempt}`);
      await mkdir(folder, { recursive: true });
      await chmod(folder, 0o711);
      const marker = await readMarker(folder);
      if (marker !== null ? marker.fingerprint !== fingerprint : (await readdir(folder)).length > 0) continue;
      await writeFile(markerFile(folder), JSON.stringify({ dataDir, fingerprint }), { mode: 0o600 });
      return folder;
    }
  }
  throw new Error(
    `PostgreSQL does not run as root, and the user ${user.name} can enter neither ${dataDir} nor ${sharedFolders.join(', ')}; set DATA_DIR to a folder that it can enter, or DATABASE_URL to a server.`,
  );
}

/** The folders above DATA_DIR were closed to the user after the database had been made in it. */
async function moveFromInside(dataDir: string, user: SystemUser, folder: string): Promise<void> {
  const from = dataOf(insideOf(dataDir));
  if (!(await exists(from)) || (await exists(dataOf(folder)))) return;
  await rename(from, dataOf(folder)).catch((error: unknown) => {
    throw new Error(
      `The user ${user.name} cannot enter ${dataDir} any more; let it pass, or move ${from} to ${dataOf(folder)}.`,
      { cause: error },
    );
  });
}

/** A database that root copied or restored belongs to root until now. */
async function giveTo(user: SystemUser, data: string): Promise<void> {
  const found = await stat(data).catch(() => null);
  if (found === null || found.uid !== 0) return;
  for (const entry of await readdir(data, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), user.uid, user.gid);
  }
  // Last: a start that is cut short begins again.
  await chown(data, user.uid, user.gid);
}

async function readPointer(dataDir: string): Promise<string | null> {
  const text = await readFile(pointerFile(dataDir), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  });
  return text.trim() === '' ? null : text.trim();
}

async function readMarker(folder: string): Promise<Marker | null> {
  try {
    return markerSchema.parse(JSON.parse(await readFile(markerFile(folder), 'utf8')));
  } catch {
    return null;
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
