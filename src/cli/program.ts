import { Command, InvalidArgumentError } from 'commander';
import { variables } from '../config-variables.js';
import { describeFailure } from '../describe-failure.js';

/** The command `parley`. Each command's code is loaded when it is asked for: a token needs no database driver. */
export async function runProgram(host: NodeJS.Process): Promise<void> {
  // A reader that has seen enough, such as `head`, is no failure; only a server goes on without one.
  let isServing = false;
  const leave = () => {
    if (!isServing) host.exit(0);
  };
  for (const stream of [host.stdout, host.stderr]) stream.on('error', leave);
  const serve = async () => {
    isServing = true;
    await (await import('../serve.js')).serve(host);
  };
  try {
    await makeProgram(host, serve).parseAsync(host.argv);
  } catch (error) {
    host.stderr.write(`${describeFailure(error)}\n`);
    host.exitCode = 1;
  }
}

function makeProgram(host: NodeJS.Process, serve: () => Promise<void>): Command {
  const program = new Command('parley')
    .description('The conversation server behind LLM chat products, and what goes with it.')
    .addHelpText('after', `\n${programExamples}`)
    .addHelpText('after', ({ command }) => `\n${variableTable(command)}`);
  addServe(program, serve);
  addMigrate(program, host);
  addToken(program, host);
  addChat(program, host);
  addDoctor(program, host);
  return program;
}

function addServe(program: Command, serve: () => Promise<void>): void {
  program
    .command('serve')
    .description('Starts the server, as "npm start" does.')
    .addHelpText('after', `\n${serveExamples}`)
    .addHelpText('after', ({ command }) => `\n${variableTable(command)}`)
    .action(serve);
}

function addMigrate(program: Command, host: NodeJS.Process): void {
  program
    .command('migrate')
    .description('Brings the database at DATABASE_URL, and that at KEYS_DATABASE_URL, up to date.')
    .addHelpText('after', `\n${migrateExamples}`)
    .action(async () => {
      const { migrateDatabases } = await import('./migrate-databases.js');
      await migrateDatabases(host);
    });
}

function addToken(program: Command, host: NodeJS.Process): void {
  program
    .command('token')
    .description('Prints a token that this deployment accepts, for development and scripts.')
    .option('--sub <subject>', 'who it is (default: the developer for whom "npm start" prints a token)', readClaim)
    .option('--email <email>', 'the claim email', readClaim)
    .option('--dept <department>', 'the claim dept', readClaim)
    .option('--role <role>', 'one of the claim roles; may be given several times', gather)
    .option('--days <days>', 'how long it is valid, 365 at most', readDays, 30)
    .addHelpText('after', `\n${tokenExamples}`)
    .action(async (options) => {
      const { printToken } = await import('./print-token.js');
      await printToken(host, options);
    });
}

function addChat(program: Command, host: NodeJS.Process): void {
  program
    .command('chat')
    .description('Asks, and shows the answer while it grows. Without a question: one after another, until Ctrl-D.')
    .argument('[question...]', 'what to ask; else it is read from standard input')
    .option('--conversation <id>', 'goes on with an earlier conversation')
    .option('--model <id>', 'the model that answers (default: that of the conversation, or of the server)')
    .option('--url <address>', 'where the server is (default: the one that runs here)')
    .option('--token <token>', 'who asks (default: a token signed with the secrets here)')
    .option('--retry <seconds>', 'how long a lost server is waited for', readRetrySeconds, 30)
    .addHelpText('after', `\n${chatExamples}`)
    .action(async (words: string[], options) => {
      const { chat } = await import('./chat.js');
      await chat(host, words.join(' '), options);
    });
}

function addDoctor(program: Command, host: NodeJS.Process): void {
  program
    .command('doctor')
    .description('Examines what a server stands on, and says what to do about what is wrong. Changes nothing.')
    .option('--json', 'prints the findings as JSON')
    .addHelpText('after', `\n${doctorExamples}`)
    .action(async (options) => {
      const { runDoctor } = await import('./doctor.js');
      await runDoctor(host, options);
    });
}

const gather = (role: string, roles: readonly string[] = []) => [...roles, readClaim(role)];

function readClaim(text: string): string {
  if (text.trim() !== '' && text.length <= 255) return text;
  throw new InvalidArgumentError('Give 1 to 255 characters.');
}

function readDays(text: string): number {
  const days = Number(text);
  if (days > 0 && days <= 365) return days;
  throw new InvalidArgumentError('Give a number of days above 0, 365 at most.');
}

function readRetrySeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('Give a number of seconds from 0 to 3600.');
}

/** Every variable that the server reads, with what it means and what holds where it is not set. */
function variableTable(command: Command): string {
  const helper = command.createHelp();
  helper.prepareContext({ helpWidth: command.configureOutput().getOutHelpWidth?.() ?? 80 });
  const width = Math.max(...variables.map(({ name }) => name.length));
  const lines = variables.map(({ name, meaning, whenUnset }) =>
    helper.formatItem(name, width, `${meaning} (unset: ${whenUnset})`, helper),
  );
  return ['Configuration (variables of the environment):', ...lines].join('\n');
}

const programExamples = `In a clone of Parley each command is run by npm, with two dashes before what is meant for it:
  $ npm run cli -- chat "What can you do?"
  $ npm run cli -- help token

Examples:
  $ parley serve                            starts the server
  $ parley migrate                          brings its database up to date
  $ parley token --sub ada --days 7         prints a token for somebody
  $ parley chat "What can you do?"          asks, and shows the answer while it grows
  $ parley doctor                           examines what the server stands on`;

const serveExamples = `Examples:
  $ parley serve
  $ PORT=4001 DATA_DIR=/var/lib/parley parley serve
  $ OPENAI_BASE_URL=http://127.0.0.1:11434/v1 DEFAULT_MODEL=llama3.2 parley serve`;

const migrateExamples = `Needs no other variable. It may run beside a server, and several at once: one works, the others wait.
With the embedded database there is nothing to do: each start of the server brings it up to date.

Examples:
  $ DATABASE_URL=postgres://parley:secret@db.example.com:5432/parley parley migrate`;

const tokenExamples = `The token alone goes to standard output. It is signed with the first of JWT_SECRETS or, outside production,
with the secret in DATA_DIR. Where JWT_JWKS_URL is set, your login makes the tokens.

Examples:
  $ parley token --sub ada --email ada@example.com --dept research --role admin --role auditor
  $ TOKEN=$(npm run --silent cli -- token --sub ada --days 1)`;

const chatExamples = `Ctrl-C stops the answer and keeps what was written; a second one quits at once.
The answer goes to standard output, everything else to standard error.

Examples:
  $ parley chat "What can you do?"
  $ parley chat --conversation cnv_0199a9c2b7f07c0e8f5d3a1b2c4d5e6f
  $ git diff | parley chat
  $ parley chat --url https://parley.example.com --token "$TOKEN" --model gpt-5 "Hello"`;

const doctorExamples = `It looks at the configuration, the database (version, clock, migrations, indexes, and how every statement of the
server finds its rows), Redis, the login's keys, the model's server and the encryption keys. The exit code is 1 where
something is at fault. Beside a server it takes two connections; with the embedded database it may run at any time.

Examples:
  $ parley doctor
  $ parley doctor --json | jq '.[] | select(.verdict != "ok")'`;
