import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Clock, pause } from './clock.js';
import { lookUpProcess } from './process-identity.js';
import { hasCode } from './system-error.js';

/** How long a holder that was killed, or has not written its name yet, is waited for. */
const patienceMs = 10_000;
const pollMs = 25;

const holderSchema = z.object({
  pid: z.number().int(),
  startedAt: z.string().nullable(),
  /** Where the holder answers; null until it does. */
  address: z.string().nullable(),
  released: z.boolean(),
});
type Holder = z.infer<typeof holderSchema>;

/** Who holds a data folder now. */
export interface DataDirHolder {
  readonly pid: number;
  readonly address: string | null;
}

/** Another process that lives holds the folder; the message is one sentence for the person who started this one. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';
  readonly pid: number;
  readonly address: string | null;

  constructor(folder: string, holder: DataDirHolder) {
    const where = holder.address === null ? 'is just starting' : `answers at ${holder.address}`;
    super(
      `Parley already runs on ${folder}: process ${holder.pid} ${where}; use that one, stop it, or set another DATA_DIR.`,
    );
    this.pid = holder.pid;
    this.address = holder.address;
  }
}

/**
 * A lock that a crash cannot leave locked. Its files are numbered: `lock.1`, `lock.2`, …; whoever *created* the one
 * with the highest number holds the folder. Taking over from a dead holder means creating the next number, which the
 * file system grants to one process only, so that two starts that find the same dead holder cannot both win. The
 * highest number never falls (a release leaves its file behind, marked as released), or a slow starter that
 * still aims at an old number could pass for the newest.
 */
export class DataDirLock {
  readonly #folder: string;
  readonly #number: number;
  #holder: Holder;

  private constructor(folder: string, number: number, holder: Holder) {
    this.#folder = folder;
    this.#number = number;
    this.#holder = holder;
  }

  /** Throws DataDirInUseError where a living process holds the folder. */
  static async take(folder: string, clock: Clock): Promise<DataDirLock> {
    const own = await lookUpProcess(process.pid);
    const startedAt = own.state === 'living' ? own.startedAt : null;
    const mine: Holder = { pid: process.pid, startedAt, address: null, released: false };
    const patientUntilMs = clock.monotonic() + patienceMs;
    for (;;) {
      const top = await highestNumber(folder);
      const verdict = await judge(folder, top);
      if (verdict.kind === 'held') throw new DataDirInUseError(folder, verdict.holder);
      const patient = clock.monotonic() < patientUntilMs;
      if (verdict.kind === 'changed' || (verdict.kind === 'unclear' && patient)) {
        if (!patient) throw new Error(`The locks in ${folder} change all the time; another program writes there.`);
        await pause(clock, pollMs);
      } else if (await createLock(folder, top + 1, mine)) {
        return new DataDirLock(folder, top + 1, mine);
      }
    }
  }

  /** Tells later starts where this process answers. */
  async announce(address: string): Promise<void> {
    await this.#write({ ...this.#holder, address });
  }

  async release(): Promise<void> {
    await this.#write({ ...this.#holder, released: true });
  }

  async #write(holder: Holder): Promise<void> {
    this.#holder = holder;
    const file = lockFile(this.#folder, this.#number);
    // Someone removed the folder under a running server, and perhaps another one has begun in a new folder.
    const written = parseHolder(await readFile(file, 'utf8').catch(() => ''));
    if (written?.pid !== holder.pid || written.startedAt !== holder.startedAt) return;
    await writeFile(`${file}.new`, JSON.stringify(holder), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

/** The living process that holds `folder`; null where there is none. Takes no lock. */
export async function findDataDirHolder(folder: string): Promise<DataDirHolder | null> {
  const verdict = await judge(folder, await highestNumber(folder));
  return verdict.kind === 'held' ? verdict.holder : null;
}

type Verdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly holder: DataDirHolder }
  /** It is being written, or its holder is about to be gone. */
  | { readonly kind: 'unclear' }
  /** It was removed in the meantime: there is a newer one. */
  | { readonly kind: 'changed' };

async function judge(folder: string, number: number): Promise<Verdict> {
  if (number === 0) return { kind: 'free' };
  const text = await readFile(lockFile(folder, number), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (text === null) return { kind: 'changed' };
  const holder = parseHolder(text);
  if (holder === null) return { kind: 'unclear' };
  if (holder.released) return { kind: 'free' };
  const found = await lookUpProcess(holder.pid);
  if (found.state === 'ending') return { kind: 'unclear' };
  // Another start time is another program, which got the pid of a dead holder.
  const same =
    found.state === 'living' && (found.startedAt ?? holder.startedAt) === (holder.startedAt ?? found.startedAt);
  return same ? { kind: 'held', holder: { pid: holder.pid, address: holder.address } } : { kind: 'free' };
}

/** Only after a look at the folder *with* our file in it is it ours. */
async function createLock(folder: string, number: number, holder: Holder): Promise<boolean> {
  const file = lockFile(folder, number);
  try {
    await writeFile(file, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
  const highest = await highestNumber(folder);
  if (highest !== number) {
    await rm(file, { force: true });
    return false;
  }
  await removeOlder(folder, number);
  return true;
}

async function removeOlder(folder: string, number: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, older] = /^lock\.(\d+)(?:\.new)?$/.exec(name) ?? [];
    if (older !== undefined && Number(older) < number) await rm(join(folder, name), { force: true });
  }
}

async function highestNumber(folder: string): Promise<number> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  const numbers = names.map((name) => Number(/^lock\.(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

function parseHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const lockFile = (folder: string, number: number) => join(folder, `lock.${number}`);
