// Makes dist/ from the sources: the server with TypeScript's compiler, GraphiQL with vite. Run by `npm ci`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

if (Number.parseInt(process.versions.node, 10) < 22) {
  stop(
    `Parley needs Node 22 or newer and this is ${process.version}: install a newer one, or let "npm ci" bring the one it pins (with its optional dependencies and their install scripts).`,
  );
}
process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const installed = createRequire(join(process.cwd(), 'package.json'));

if (canBuild()) {
  await step('server', compileServer);
  await step('GraphiQL', bundleGraphiQL);
} else if (existsSync('dist/src/main.js') && existsSync('dist/graphiql/index.html')) {
  console.log('build: dist/ stays as it is, for the build tools are not installed');
} else {
  stop('dist/ is missing and so are the build tools: run "npm ci", with the development dependencies.');
}

/** False under `npm ci --omit=dev`, which a container runs after it has copied a finished dist/. */
function canBuild() {
  try {
    return ['typescript', 'vite', 'graphiql'].every((name) => installed.resolve(`${name}/package.json`));
  } catch {
    return false;
  }
}

function compileServer() {
  const compiler = join(dirname(installed.resolve('typescript/package.json')), 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json'], { stdio: 'inherit' });
  if (status !== 0) stop('The server does not compile; see above.');
  removeStaleOutput();
}

/** Removes what a deleted or renamed source left behind: an old migration in dist/ would still be run. */
function removeStaleOutput() {
  for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
    const source = file.replace(/\.js(\.map)?$/, '.ts');
    if (source !== file && !file.startsWith(`graphiql${sep}`) && !existsSync(source)) rmSync(join('dist', file));
  }
}

/** Built beside the old bundle and then put in its place, so that a build that fails leaves a page that works. */
async function bundleGraphiQL() {
  const { build } = await import('vite');
  await build({
    configFile: 'web/graphiql/vite.config.ts',
    build: { outDir: join(process.cwd(), 'dist/graphiql.next') },
  });
  compressFiles('dist/graphiql.next');
  rmSync('dist/graphiql', { recursive: true, force: true });
  renameSync('dist/graphiql.next', 'dist/graphiql');
}

/** Writes `x.gz` beside each file that it makes smaller. */
function compressFiles(folder) {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(html|js|css|ttf)$/.test(file)) continue;
    const content = readFileSync(join(folder, file));
    const compressed = gzipSync(content, { level: 9 });
    if (compressed.length < content.length) writeFileSync(join(folder, `${file}.gz`), compressed);
  }
}

async function step(name, work) {
  const startMs = performance.now();
  await work();
  console.log(`build: ${name} ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
