import { createApp } from './app.js';
import { ConfigError, loadConfig } from './config.js';
import { DataDirInUseError } from './platform/data-dir.js';
import { createLog } from './platform/log.js';
import { StartError } from './resources.js';

const oldestNode = 22;

/** Starts the server, tells where it is, and stops it at SIGINT or SIGTERM. */
export async function serve(host: NodeJS.Process): Promise<void> {
  if (Number.parseInt(host.versions.node, 10) < oldestNode) {
    refuse(
      host,
      `Parley needs Node.js ${oldestNode} or newer, and this is ${host.version}: run it by "npm start", which brings one.`,
    );
    return;
  }
  try {
    await start(host);
  } catch (error) {
    const expected = error instanceof ConfigError || error instanceof StartError || error instanceof DataDirInUseError;
    refuse(host, error instanceof Error ? (expected ? error.message : describeStartFailure(error)) : String(error));
  }
}

async function start(host: NodeJS.Process): Promise<void> {
  const config = loadConfig(host.env);
  const log = createLog(config.logLevel);
  const app = await createApp(config, { log });
  const stop = (signal: string) => {
    log.info({ signal }, 'stopping');
    app.stop().then(
      () => host.exit(0),
      () => host.exit(1),
    );
  };
  // A second Ctrl-C does not hurry: what it would cut short is an answer, or the database.
  host.on('SIGINT', () => stop('SIGINT'));
  host.on('SIGTERM', () => stop('SIGTERM'));
  try {
    const { url } = await app.listen();
    log.info({ url }, 'listening');
    if (!config.production) host.stdout.write(welcome(url, await app.developmentToken(), config.graphiql, app.notices));
  } catch (error) {
    await app.stop();
    throw error;
  }
}

function refuse(host: NodeJS.Process, sentence: string): void {
  host.stderr.write(`${sentence}\n`);
  host.exitCode = 1;
}

function describeStartFailure(error: Error): string {
  if ('code' in error && error.code === 'EADDRINUSE') {
    return 'The port is taken by another program: set PORT to another one, e.g. PORT=4001 npm start.';
  }
  return `Parley could not start: ${error.message}`;
}

function welcome(url: string, token: string | null, graphiql: boolean, notices: readonly string[]): string {
  const lines = ['', 'Parley is ready.', ...notices.map((notice) => `  Note: ${notice}`), ''];
  if (token === null) return [...lines, `  GraphQL   ${url}/graphql`, '', ''].join('\n');
  const query = '{"query":"{ viewer { id email } models { id name } }"}';
  return [
    ...lines,
    ...(graphiql ? ['  GraphiQL, ready to use:', `    ${url}/graphiql#${token}`, ''] : []),
    '  From a terminal:',
    `    curl ${url}/graphql -H 'content-type: application/json' -H 'authorization: Bearer ${token}' -d '${query}'`,
    '',
    '  Ask, and watch the answer grow:',
    '    npm run cli -- chat "What can you do?"',
    '',
    '  Ctrl-C stops it.',
    '',
    '',
  ].join('\n');
}
