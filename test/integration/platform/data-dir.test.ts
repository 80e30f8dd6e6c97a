import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Clock } from '../../../src/platform/clock.js';
import { DataDir, DataDirInUseError, findDataDirHolder } from '../../../src/platform/data-dir.js';
import { lookUpProcess } from '../../../src/platform/process-identity.js';
import { atMost } from '../../support/at-most.js';
import { DataDirProcess, killDataDirProcesses } from '../../support/data-dir-process.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

const address = 'http://127.0.0.1:4999';
const soonMs = 3_000;

let temporary: TemporaryFolder;
let number = 0;
let folder: string;
const others: ChildProcess[] = [];

beforeAll(async () => {
  temporary = await makeTemporaryFolder();
});

beforeEach(() => {
  number += 1;
  folder = join(temporary.path, `data-${number}`);
});

afterEach(async () => {
  await killDataDirProcesses();
  for (const other of others.splice(0)) other.kill('SIGKILL');
});

afterAll(() => temporary.remove());

async function startHolder(): Promise<DataDirProcess> {
  const holder = new DataDirProcess({ dataDir: folder, address });
  holder.send('go');
  await holder.heard('holding');
  return holder;
}

/** Another program, whose pid a dead server may once have had. */
function startOther(program: string, args: readonly string[]): ChildProcess {
  const other = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  others.push(other);
  return other;
}

const leaveLock = async (content: object | string) => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'lock.1'), typeof content === 'string' ? content : JSON.stringify(content));
};

/** Opens and closes it; gives the milliseconds that opening took. */
async function openInMs(clock?: Clock): Promise<number> {
  const startedAtMs = performance.now();
  const opened = await DataDir.open(folder, clock);
  const tookMs = performance.now() - startedAtMs;
  await opened.close();
  return tookMs;
}

/** Waits take no time; where 10 s have gone by, `atPatienceEnd` happens. */
class HurriedClock implements Clock {
  #nowMs = 0;
  readonly #atPatienceEnd: () => void;

  constructor(atPatienceEnd: () => void = () => undefined) {
    this.#atPatienceEnd = atPatienceEnd;
  }

  now() {
    return this.#nowMs;
  }

  monotonic() {
    if (this.#nowMs >= 10_000) this.#atPatienceEnd();
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void) {
    this.#nowMs += delayMs;
    const timer = setImmediate(action);
    return () => clearImmediate(timer);
  }
}

describe('a DATA_DIR', () => {
  it('is made for its owner only', async () => {
    const opened = await DataDir.open(join(folder, 'nested'));
    expect((await stat(opened.path)).mode & 0o777).toBe(0o700);
    await opened.close();
  });

  it('is taken back from others where they could read or write it', async () => {
    await mkdir(folder);
    await chmod(folder, 0o777);
    const opened = await DataDir.open(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o711);
    await opened.close();
  });

  it('is there again for the next start once it was closed, and closing twice is harmless', async () => {
    for (let start = 1; start <= 3; start += 1) {
      const opened = await DataDir.open(folder);
      await opened.announce(address);
      await Promise.all([opened.close(), opened.close()]);
      expect(await findDataDirHolder(folder)).toBeNull();
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toHaveLength(1);
  });

  it('can be removed under a running server without harm to the one that begins there anew', async () => {
    const first = await DataDir.open(folder);
    await rm(folder, { recursive: true });
    const second = await startHolder();
    await first.close();
    expect((await findDataDirHolder(folder))?.pid).toBe(second.pid);
  });
});

describe('the lock of a DATA_DIR', () => {
  it('refuses while a living process holds it, in one sentence that names its pid and its address', async () => {
    const holder = await startHolder();
    const refused = DataDir.open(folder);
    await expect(refused).rejects.toBeInstanceOf(DataDirInUseError);
    await expect(refused).rejects.toMatchObject({ pid: holder.pid, address });
    await expect(refused).rejects.toThrow(`process ${holder.pid} answers at ${address}`);
    expect(await findDataDirHolder(folder)).toEqual({ pid: holder.pid, address });
  });

  it('refuses while the holder is suspended: it lives', async () => {
    const holder = await startHolder();
    holder.suspend();
    await expect(DataDir.open(folder)).rejects.toMatchObject({ pid: holder.pid });
  });

  it('refuses a second opening by the process that holds it', async () => {
    const opened = await DataDir.open(folder);
    await expect(DataDir.open(folder)).rejects.toThrow(`process ${process.pid} is just starting`);
    await opened.close();
  });
});

describe('the lock that a dead holder left', () => {
  it('does not hinder the next start after the holder was killed', async () => {
    const holder = await startHolder();
    await holder.kill();
    expect(await findDataDirHolder(folder)).toBeNull();
    expect(await openInMs()).toBeLessThan(atMost(soonMs));
  });

  it('does not hinder it where the pid belongs to another program by now', async () => {
    const other = startOther('sleep', ['60']);
    await leaveLock({ pid: other.pid, startedAt: 'an earlier time', address, released: false });
    expect(await openInMs()).toBeLessThan(atMost(soonMs));
  });

  it('does not hinder it where only a zombie of the holder is left', async () => {
    // The shell becomes a program that never reads how its child ended.
    const parent = startOther('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60']);
    const [said] = parent.stdout ? await once(parent.stdout, 'data') : [];
    const pid = Number(String(said));
    const found = await until('the child is known', async () => {
      const facts = await lookUpProcess(pid);
      return facts.state === 'living' && facts;
    });
    await leaveLock({ pid, startedAt: found.startedAt, address, released: false });
    await expect(DataDir.open(folder)).rejects.toMatchObject({ pid });
    process.kill(pid, 'SIGKILL');
    await until('the child is dead', async () => (await lookUpProcess(pid)).state === 'gone');
    expect(() => process.kill(pid, 0)).not.toThrow();
    expect(await openInMs()).toBeLessThan(atMost(soonMs));
  });

  it('is waited for 10 s where it was not yet written whole', async () => {
    await leaveLock('');
    const hurried = new HurriedClock();
    await openInMs(hurried);
    expect(hurried.monotonic()).toBeGreaterThanOrEqual(10_000);
    expect(hurried.monotonic()).toBeLessThan(11_000);
  });
});

describe('several starts', () => {
  it('at the same instant in one process: exactly one wins, over no lock and over a dead one', async () => {
    for (let round = 1; round <= 40; round += 1) {
      folder = join(temporary.path, `race-${round}`);
      if (round % 2 === 0) await leaveLock({ pid: 999_999_999, startedAt: null, address, released: false });
      const results = await Promise.allSettled(Array.from({ length: 12 }, () => DataDir.open(folder)));
      const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      expect(opened).toHaveLength(1);
      expect(refusals.every((reason) => reason instanceof DataDirInUseError)).toBe(true);
      await opened[0]?.close();
    }
  });

  it('of which one is so slow that the lock goes from hand to hand meanwhile: that one does not win', async () => {
    const other = startOther('sleep', ['60']);
    const found = await lookUpProcess(other.pid ?? 0);
    const holder = { pid: other.pid, startedAt: found.state === 'living' && found.startedAt, address, released: false };
    await leaveLock('');
    const slow = new HurriedClock(() => {
      // The second holder has come and gone by the time the slow start takes the number after the first.
      writeFileSync(join(folder, 'lock.3'), JSON.stringify(holder));
      rmSync(join(folder, 'lock.1'), { force: true });
    });
    await expect(DataDir.open(folder, slow)).rejects.toMatchObject({ pid: other.pid });
    expect(await readdir(folder)).toEqual(['lock.3']);
  });

  it('at the same instant in several processes, after a crash: exactly one wins', async () => {
    const killed = await startHolder();
    await killed.kill();
    const rivals = Array.from({ length: 4 }, () => new DataDirProcess({ dataDir: folder, address }));
    await Promise.all(rivals.map((rival) => rival.heard('waiting')));
    for (const rival of rivals) rival.send('go');
    const heard = await Promise.all(rivals.map((rival) => rival.heard('holding', 'refused')));
    expect(heard.filter(({ event }) => event === 'holding')).toHaveLength(1);
  });
});

describe('a secret in a DATA_DIR', () => {
  it('is made once, kept, and readable for its owner only', async () => {
    const first = await DataDir.open(folder);
    expect(await first.secret('jwt-secret', () => 'made first')).toBe('made first');
    expect((await stat(join(folder, 'jwt-secret'))).mode & 0o777).toBe(0o600);
    await first.close();
    const second = await DataDir.open(folder);
    expect(await second.secret('jwt-secret', () => 'made again')).toBe('made first');
    await second.close();
  });

  it('is the same for all who make it at the same instant, and no draft of it stays', async () => {
    const opened = await DataDir.open(folder);
    const made = await Promise.all(Array.from({ length: 20 }, (_, maker) => opened.secret('key', () => `by ${maker}`)));
    expect(new Set(made).size).toBe(1);
    expect(await readFile(join(folder, 'key'), 'utf8')).toBe(`${made[0]}\n`);
    expect((await readdir(folder)).filter((name) => name.startsWith('key'))).toEqual(['key']);
    await opened.close();
  });

  it('is never replaced by who was slower to make it', async () => {
    const opened = await DataDir.open(folder);
    const slower = await opened.secret('key', () => {
      writeFileSync(join(folder, 'key'), 'by the faster\n');
      return 'by the slower';
    });
    expect(slower).toBe('by the faster');
    await opened.close();
  });

  it('is taken back from others who could read it', async () => {
    const opened = await DataDir.open(folder);
    await writeFile(join(folder, 'key'), 'restored from a backup\n', { mode: 0o644 });
    expect(await opened.secret('key', () => 'new')).toBe('restored from a backup');
    expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600);
    await opened.close();
  });

  it('that is empty is refused, since a new one would hide the loss', async () => {
    const opened = await DataDir.open(folder);
    await writeFile(join(folder, 'key'), '');
    await expect(opened.secret('key', () => 'new')).rejects.toThrow('is empty; restore it');
    await opened.close();
  });

  it('has a name that cannot lead out of the folder', async () => {
    const opened = await DataDir.open(folder);
    await expect(opened.secret('../key', () => 'new')).rejects.toThrow('lower-case letters');
    await opened.close();
  });
});
