import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { hasCode } from './system-error.js';

/**
 * The secret that `folder` keeps under `name` in a file of mode 0600; made by `make` where there is none. It is on the
 * disk, whole, before this resolves, since data sealed under a key must never outlive it. Where two processes make
 * it at once, both get the same one. Needs no lock.
 */
export async function readOrMakeSecret(folder: string, name: string, make: () => string): Promise<string> {
  const known = await readSecret(folder, name);
  if (known !== null) return known;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = secretFile(folder, name);
  const draft = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    await writeDurably(draft, make());
    await publish(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(folder);
  const made = await readSecret(folder, name);
  if (made === null) throw new Error(`The secret ${file} vanished while it was made; start again.`);
  return made;
}

/** Null where there is no such secret. Throws where its file is empty: to make a new one would hide a loss. */
export async function readSecret(folder: string, name: string): Promise<string | null> {
  const file = secretFile(folder, name);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  const secret = text.trim();
  if (secret === '') throw new Error(`The secret ${file} is empty; restore it, or remove it to have a new one made.`);
  if (platform() !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
  return secret;
}

function secretFile(folder: string, name: string): string {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new Error('The name of a secret is lower-case letters, digits and dashes.');
  return join(folder, name);
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A hard link appears whole or not at all, and never replaces the one that another process was faster to make. */
async function publish(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
    // A file system without hard links (exFAT, some shares): whole as well, only without the arbitration.
    await rename(draft, file);
  }
}

/** Without it a power cut may forget the name of a file whose bytes are safe. */
async function syncFolder(folder: string): Promise<void> {
  if (platform() === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
