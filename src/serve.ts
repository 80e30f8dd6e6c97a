import { type App, createApp } from './app.js';
import { type Config, loadConfig } from './config.js';
import { ConfigError } from './config-reader.js';
import { describeDatabaseFailure, describeFailure } from './describe-failure.js';
import { systemClock } from './platform/clock.js';
import { DataDirInUseError } from './platform/data-dir.js';
import { createLog, type Log } from './platform/log.js';
import { hasCode } from './platform/system-error.js';
import { StartError } from './resources.js';
import { StopRequest } from './stop-request.js';

/** Beyond the grace of running answers: all that is closed after them has its own bound, and this is above their sum. */
const lastResortMs = 60_000;

/**
 * Starts the server, tells where it is, serves until a signal or a fault, stops in order, and ends the process: with 0
 * after a signal, 1 after a fault or where it could not start.
 */
export async function serve(host: NodeJS.Process): Promise<void> {
  try {
    await run(host);
  } catch (error) {
    await write(host.stderr, `${describeStartFailure(error)}\n`);
    host.exit(1);
  }
}

async function run(host: NodeJS.Process): Promise<void> {
  const config = loadConfig();
  const log = createLog(config.logLevel);
  const stop = new StopRequest(host, log);
  void stop.asked.then(() => {
    systemClock.after(config.shutdownGraceMs + lastResortMs, () => {
      log.fatal('stopping takes too long, ending now');
      host.exit(1);
    });
  });
  const onLost = (error: unknown) => stop.fail(error);
  const app = await createApp(config, { log, onLost }).catch((error: unknown) => {
    // A Ctrl-C reaches what a start runs too, such as the program that makes a database: that is no failure.
    if (stop.isAsked) return null;
    throw error;
  });
  try {
    if (app && !stop.isAsked) await announce(host, app, config, log);
    await stop.asked;
    if (app) tellWhatIsWaitedFor(host, app.answersBeingWritten(), config, log);
  } finally {
    await app?.stop().catch((error: unknown) => stop.fail(error));
  }
  log.info('stopped');
  stop.exit();
}

async function announce(host: NodeJS.Process, app: App, config: Config, log: Log): Promise<void> {
  const { url } = await app.listen();
  log.info({ url }, 'listening');
  if (!config.production) host.stdout.write(welcome(url, await app.developmentToken(), config.graphiql, app.notices));
}

function tellWhatIsWaitedFor(host: NodeJS.Process, answers: number, config: Config, log: Log): void {
  if (answers === 0) return;
  const graceSeconds = config.shutdownGraceMs / 1000;
  log.info({ answers, graceSeconds }, 'waiting for answers that are being written');
  if (config.production) return;
  const what = answers === 1 ? 'one answer is' : `${answers} answers are`;
  host.stdout.write(`\nStopping: ${what} being written and may take ${graceSeconds} s to finish (SHUTDOWN_GRACE).\n\n`);
}

function describeStartFailure(error: unknown): string {
  const listening = error instanceof Error && 'syscall' in error && error.syscall === 'listen' ? error : null;
  const port = listening && 'port' in listening ? String(listening.port) : '';
  if (listening && hasCode(error, 'EADDRINUSE')) {
    return `Port ${port} is taken by another program: stop that, or set PORT to another one, e.g. PORT=4001 npm start.`;
  }
  if (listening && hasCode(error, 'EACCES')) {
    return `This user may not listen on port ${port}: set PORT to one above 1023, e.g. PORT=4000 npm start.`;
  }
  if (listening) return `Parley cannot listen (${listening.message}): see HOST and PORT.`;
  const foreseen = [ConfigError, StartError, DataDirInUseError].some((kind) => error instanceof kind);
  return foreseen ? describeFailure(error) : `Parley could not start: ${describeDatabaseFailure(error)}`;
}

/** Resolves when it is out: the process ends next. */
const write = (stream: NodeJS.WriteStream, text: string) =>
  new Promise<void>((resolve) => stream.write(text, () => resolve()));

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
