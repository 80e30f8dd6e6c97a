import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

/**
 * Runs beside a test file, in a process session of its own, until its standard input ends: when the tests are over, and
 * just so when they are killed. Then no process that was started on something in the folder given is left (PostgreSQL,
 * a server), and not the folder.
 */
const folder = process.argv[2];
if (!folder?.includes('parley-test-')) throw new Error('Give the temporary folder of a test.');
process.stdin.resume();
process.stdin.once('end', () => {
  // One that is killed may just have started another.
  for (let round = 1; round <= 20 && killAll() > 0; round += 1);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

/** How many there were. */
function killAll() {
  let found = 0;
  for (const line of execFileSync('ps', ['-eo', 'pid=,stat=,args='], { encoding: 'utf8' }).split('\n')) {
    const [, pid, state, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (!pid || state?.startsWith('Z') || !args?.includes(`${folder}/`)) continue;
    found += 1;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
  return found;
}
