// Runs the tests: `npm test` all of them, with what they need; `npm test -- test/unit` those below a path.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const help = `npm test                     everything: build, types, style, and all tests
npm test -- test/unit        the tests below a path, without types and style
npm test -- -t "one cursor"  the tests whose title says that; any option of Jest's will do

The tests bring their own PostgreSQL. They need a Redis server and a Chromium: as root they are installed with
apt-get, otherwise the line to type is printed.`;

const args = process.argv.slice(2);
process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

if (args.includes('--help') || args.includes('-h')) {
  console.log(help);
} else if (!existsSync('node_modules/.package-lock.json')) {
  installAndStartAgain();
} else {
  checkNode();
  await installSystemPrograms();
  if (isBuildStale()) step('build');
  if (args.length === 0) {
    step('typecheck');
    step('lint');
  }
  runJest();
}

/** `npm ci` brings the pinned Node as well, under which npm then runs this. */
function installAndStartAgain() {
  say('npm ci');
  if (npm(['ci']).status !== 0) stop('"npm ci" failed; see above.');
  process.exitCode = npm(['test', '--', ...args]).status ?? 1;
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  // Parts of the tests are processes of their own, which run TypeScript as it stands.
  if (major > 22 || (major === 22 && minor >= 18)) return;
  stop(
    `The tests need Node 22.18 or newer and this is ${process.version}: install a newer one, or let "npm ci" bring the one it pins (with its optional dependencies and their install scripts).`,
  );
}

async function installSystemPrograms() {
  const { systemPrograms } = await import('../test/support/system-programs.ts');
  const missing = systemPrograms.filter((program) => !program.isThere());
  if (missing.length === 0) return;
  const packages = missing.map((program) => program.package);
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    say(`installing ${packages.join(' and ')} with apt-get, which takes a minute or two`);
    apt(['update', '-q']);
    apt(['install', '-q', '-y', '--no-install-recommends', ...packages]);
  } else {
    stop(`The tests need ${missing.map(({ name }) => name).join(' and ')}. Type:\n  ${lineToType(packages)}`);
  }
  const stillMissing = missing.filter((program) => !program.isThere()).map(({ name }) => name);
  if (stillMissing.length > 0) stop(`apt-get has no ${stillMissing.join(' and no ')} here; install it by hand.`);
}

function lineToType(packages) {
  if (process.platform === 'darwin') return `brew install ${packages.join(' ').replace('redis-server', 'redis')}`;
  return `sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`;
}

function apt(command) {
  // No service is started: the tests start a Redis of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const { status, stdout, stderr } = spawnSync('apt-get', command, { env, encoding: 'utf8', timeout: 600_000 });
  if (status !== 0) stop(`apt-get ${command[0]} failed:\n${`${stdout}${stderr}`.split('\n').slice(-15).join('\n')}`);
}

function isOnPath(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Some tests run what was built, as a user does. A folder is newer too when a file in it is gone. */
function isBuildStale() {
  const built = ['dist/src/main.js', 'dist/graphiql/index.html'];
  if (!built.every((file) => existsSync(file))) return true;
  const sources = [
    'src',
    'migrations',
    'web',
    'ormconfig.ts',
    'tsconfig.json',
    'package-lock.json',
    'scripts/build.mjs',
  ];
  return Math.max(...sources.map(newestMs)) > Math.min(...built.map((file) => statSync(file).mtimeMs));
}

function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function step(script) {
  const startMs = performance.now();
  if (npm(['run', '--silent', script]).status !== 0) stop(`"npm run ${script}" failed; see above.`);
  say(`${script} ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

function runJest() {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jest = spawn(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', ...args], { stdio: 'inherit' });
  // From a terminal Jest gets the signal as well; it ends first, and says how.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
  jest.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

function npm(command) {
  return spawnSync('npm', command, { stdio: 'inherit', shell: process.platform === 'win32' });
}

function say(message) {
  console.log(`test: ${message}`);
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
