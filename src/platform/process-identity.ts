import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { promisify } from 'node:util';
import { hasCode } from './system-error.js';

const run = promisify(execFile);

/** `startedAt` tells a process from a later one with the same pid; null where the system does not say. */
export type ProcessFacts =
  | { readonly state: 'gone' }
  /** Killed, but still letting go of its sockets and files. */
  | { readonly state: 'ending' }
  | { readonly state: 'living'; readonly startedAt: string | null };

/** PF_EXITING of Linux: the process is past its last instruction. */
const exitingFlag = 0x4;
/** SIGKILL in the pending masks of /proc/<pid>/status: signal 9 is bit 8. */
const pendingKill = 0x100n;

/**
 * What can be known of a process. A zombie is gone: only its entry waits for a parent that may never come to read it.
 * Never rejects.
 */
export async function lookUpProcess(pid: number): Promise<ProcessFacts> {
  if (!Number.isSafeInteger(pid) || pid < 1 || !isSignallable(pid)) return { state: 'gone' };
  if (platform() === 'linux') return lookUpInProc(pid);
  if (platform() === 'win32') return { state: 'living', startedAt: null };
  return lookUpWithPs(pid);
}

/** The arguments a process was started with; empty where they cannot be read. Never rejects. */
export async function commandLineOf(pid: number): Promise<readonly string[]> {
  if (platform() === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return text.split('\0').filter((argument) => argument !== '');
  }
  const { stdout } = await ps(pid, ['-o', 'command=']);
  return stdout
    .trim()
    .split(/\s+/)
    .filter((argument) => argument !== '');
}

/** The folder a process works in; null where it cannot be read. Never rejects. */
export async function workingFolderOf(pid: number): Promise<string | null> {
  return platform() === 'linux' ? readlink(`/proc/${pid}/cwd`).catch(() => null) : null;
}

/** EPERM is an answer too: it lives, and is someone else's. */
function isSignallable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

async function lookUpInProc(pid: number): Promise<ProcessFacts> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return { state: 'gone' };
  // The name, in parentheses, may itself hold spaces and parentheses; the fields after the last one are plain.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, flags, startTicks] = [fields[0], Number(fields[6]), fields[19]];
  if (state === 'Z' || state === 'X') {
    // The first thread of a killed program may be a zombie while others still hold its sockets.
    const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
    return threads.length > 1 ? { state: 'ending' } : { state: 'gone' };
  }
  if ((flags & exitingFlag) !== 0 || (await isKillPending(pid))) return { state: 'ending' };
  // Ticks count from the start of the machine, so they say nothing without it.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return { state: 'living', startedAt: startTicks === undefined ? null : `${boot.trim()}/${startTicks}` };
}

async function isKillPending(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const masks = status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm);
  return [...masks].some(([, mask]) => (BigInt(`0x${mask}`) & pendingKill) !== 0n);
}

async function lookUpWithPs(pid: number): Promise<ProcessFacts> {
  const { stdout, found } = await ps(pid, ['-o', 'stat=', '-o', 'lstart=']);
  if (!found) return { state: 'living', startedAt: null };
  const [, state, startedAt] = /^\s*(\S+)\s+(.*\S)\s*$/.exec(stdout) ?? [];
  if (state === undefined || state.startsWith('Z')) return { state: 'gone' };
  return { state: 'living', startedAt: startedAt ?? null };
}

/** `found` is false where there is no such program, or it gave no answer. */
async function ps(pid: number, format: readonly string[]): Promise<{ stdout: string; found: boolean }> {
  try {
    const options = { env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }, timeout: 5_000 };
    const { stdout } = await run('ps', [...format, '-p', String(pid)], options);
    return { stdout, found: true };
  } catch (error) {
    // It exits with 1 and says nothing when the process has just ended.
    return { stdout: '', found: hasCode(error, '1') };
  }
}
