import { chmod, mkdir, realpath, stat } from 'node:fs/promises';
import { type Clock, systemClock } from './clock.js';
import { DataDirLock } from './data-dir-lock.js';
import { readOrMakeSecret } from './secret-file.js';

export { type DataDirHolder, DataDirInUseError, findDataDirHolder } from './data-dir-lock.js';

/**
 * The folder that holds everything a server keeps outside a database of its own: the embedded database, generated
 * secrets, spooled files. One living process holds it at a time.
 */
export class DataDir {
  /** Absolute, links resolved. */
  readonly path: string;
  readonly #lock: DataDirLock;
  #closing: Promise<void> | null = null;

  private constructor(path: string, lock: DataDirLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder where it is missing (mode 0700) and takes its lock.
   * Throws DataDirInUseError where a living process holds it; one that is being killed is waited for, 10 s at most.
   */
  static async open(path: string, clock: Clock = systemClock): Promise<DataDir> {
    const folder = await makePrivateFolder(path);
    return new DataDir(folder, await DataDirLock.take(folder, clock));
  }

  /** Tells a second start, and the command line, where this server answers, e.g. `http://127.0.0.1:4000`. */
  announce(address: string): Promise<void> {
    return this.#lock.announce(address);
  }

  /** As `readOrMakeSecret`, in this folder. */
  secret(name: string, make: () => string): Promise<string> {
    return readOrMakeSecret(this.path, name, make);
  }

  /** Gives the folder to the next start. Closing twice is harmless. */
  close(): Promise<void> {
    this.#closing ??= this.#lock.release();
    return this.#closing;
  }
}

/**
 * One that exists keeps its execute bits, so that the database's user may pass through; what others could read or
 * write is taken back.
 */
async function makePrivateFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const folder = await realpath(path);
  const { mode } = await stat(folder);
  if ((mode & 0o066) !== 0) await chmod(folder, mode & 0o711);
  return folder;
}
