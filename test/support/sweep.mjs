import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

/**
 * Runs beside a test file, in a process session of its own, until its standard input ends: when the tests are over, and
 * just so when they are killed. Then no PostgreSQL or Redis that works below the folder given, and not the folder, is left.
 */
const folder = process.argv[2];
if (!folder?.includes('parley-test-')) throw new Error('Give the temporary folder of a test.');
process.stdin.resume();
process.stdin.once('end', () => {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  for (const line of lines) {
    const [, pid, args] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    if (!pid || !args.includes(`${folder}/`) || !/\/(?:postgres|initdb) |^redis-server /.test(args)) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});
