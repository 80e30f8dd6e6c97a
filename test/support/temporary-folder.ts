import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of a test file's own, with a watcher that clears it, and the databases that run in it, whatever happens. */
export interface TemporaryFolder {
  readonly path: string;
  /** Resolves when nothing of it is left. */
  remove(): Promise<void>;
}

/** Other users may pass through it, not read it: as root, PostgreSQL runs as one of them. */
export async function makeTemporaryFolder(): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'parley-test-')));
  await chmod(path, 0o711);
  const sweeper = spawn(process.execPath, [join(import.meta.dirname, 'sweep.mjs'), path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return { path, remove: () => finish(sweeper) };
}

async function finish(sweeper: ChildProcess): Promise<void> {
  const ended = once(sweeper, 'exit');
  sweeper.stdin?.end();
  await ended;
}
