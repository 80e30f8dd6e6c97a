// Runs the fault suite: `npm run test:faults`; `-- --help` says what it takes.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
if (!existsSync('dist/src/main.js')) {
  console.error('dist/ is missing: run "npm run build" first.');
  process.exit(1);
}
// Types are stripped on the way, as in the other processes that tests start from the source.
const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];
const suite = ['--import', './test/support/run-from-source.mjs', 'test/faults/main.ts'];
const child = spawn(process.execPath, [...flags, ...suite, ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
