import './run-from-source.mjs';

/**
 * A small server in a process of its own: it holds a DATA_DIR and, where asked, its PostgreSQL. It says what happens in
 * JSON lines on standard output, and does what the lines on its standard input say: `go`, `stop`. When that ends, since
 * whoever started it is gone, it stops as well.
 *
 *     node hold-data-dir.mjs '{"dataDir": "…", "address": "http://…", "postgres": true, "sharedFolders": ["…"]}'
 */
const { createInterface } = await import('node:readline');
const { DataDir } = await import('../../src/platform/data-dir.js');
const { startEmbeddedPostgres } = await import('../../src/platform/embedded-postgres.js');
const { createLog } = await import('../../src/platform/log.js');

const { dataDir, address, postgres, sharedFolders } = JSON.parse(process.argv[2] ?? '{}');
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const commands = createInterface({ input: process.stdin });
const given = (command) =>
  new Promise((resolve) => {
    commands.on('line', (line) => line === command && resolve());
    commands.once('close', resolve);
  });
const go = given('go');
const stop = given('stop');

process.on('SIGINT', () => say({ event: 'interrupted' }));
say({ event: 'waiting' });
await go;

try {
  const folder = await DataDir.open(dataDir);
  await folder.announce(address);
  const log = createLog('silent');
  const database = postgres ? await startEmbeddedPostgres({ dataDir: folder.path, log, sharedFolders }) : null;
  say({ event: 'holding', url: database?.url, postgresPid: database?.pid, notices: database?.notices });
  await stop;
  await database?.stop();
  await folder.close();
  say({ event: 'stopped' });
} catch (error) {
  say({ event: 'refused', message: error.message });
}
process.exit(0);
