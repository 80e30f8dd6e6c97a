import { loadLocalConfig } from '../config.js';
import { CommandError } from '../describe-failure.js';
import { forTerminal } from './answer-printer.js';
import { ChatSession, findConversation } from './chat-session.js';
import { GraphqlClient } from './graphql-client.js';
import { Interrupts } from './interrupts.js';
import { ServerAway } from './patience.js';
import { readPipedQuestion, readTypedQuestion } from './read-question.js';
import { findServer, type ServerAccessOptions } from './server-access.js';

export interface ChatOptions extends ServerAccessOptions {
  readonly conversation?: string;
  readonly model?: string;
  /** Seconds. */
  readonly retry: number;
}

/** `parley chat`: one question, given or piped in, or one after another at a terminal. */
export async function chat(host: NodeJS.Process, given: string, options: ChatOptions): Promise<void> {
  const interrupts = new Interrupts(host);
  const access = findServer(loadLocalConfig(), options);
  const tell = (sentence: string) => host.stderr.write(`${sentence}\n`);
  const client = new GraphqlClient({
    access,
    patienceMs: options.retry * 1000,
    onAway: () => tell(`\nThe server is away; it is tried again for ${options.retry} s.`),
  });
  const conversation = await findConversation(client, options.conversation ?? null).catch(async (error: unknown) => {
    throw error instanceof ServerAway ? nobodyThere(await access.url(), error) : error;
  });
  const session = new ChatSession({ client, interrupts, tell, out: host.stdout }, options.model ?? null, conversation);
  try {
    if (given.trim() !== '') host.exitCode = await session.ask(given);
    else if (!host.stdin.isTTY) host.exitCode = await session.ask(await readPipedQuestion(host.stdin));
    else await converse(host, session, tell, conversation);
  } finally {
    const { conversationId: id } = session;
    if (id !== null) tell(`\nConversation ${id}; go on with: npm run cli -- chat --conversation ${id}`);
  }
}

async function converse(
  host: NodeJS.Process,
  session: ChatSession,
  tell: (sentence: string) => void,
  conversation: { readonly title: string; readonly activeAnswerId: string | null } | null,
): Promise<void> {
  if (conversation) tell(forTerminal(conversation.title));
  tell('Ctrl-C stops an answer, Ctrl-D ends the chat.\n');
  if (conversation?.activeAnswerId) await session.follow(conversation.activeAnswerId);
  const history: string[] = [];
  for (;;) {
    const question = await readTypedQuestion(host, history);
    if (question === null) return;
    if (question.trim() === '') continue;
    history.unshift(...question.split('\n').reverse());
    tell('');
    await session.ask(question).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      tell(error.message);
    });
    tell('');
  }
}

const nobodyThere = (url: string, { message }: ServerAway) =>
  new CommandError(
    `No server answers at ${new URL(url).origin} (${message}): start one with "npm start", or name another with --url.`,
  );
