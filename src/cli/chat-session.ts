import { z } from 'zod';
import { CommandError } from '../describe-failure.js';
import { newId } from '../platform/ids.js';
import { AnswerPrinter, forTerminal } from './answer-printer.js';
import { type FinishedAnswer, followAnswer } from './follow-answer.js';
import type { GraphqlClient, Operation } from './graphql-client.js';
import { type Interrupts, interruptedCode } from './interrupts.js';

const foundSchema = z.object({
  conversation: z
    .object({ id: z.string(), title: z.string(), activeAnswer: z.object({ id: z.string() }).nullable() })
    .nullable(),
});
const sentSchema = z.object({
  sendMessage: z.object({ conversation: z.object({ id: z.string() }), answer: z.object({ id: z.string() }) }),
});

const sendDocument = `mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) { conversation { id } answer { id } }
}`;
const cancelDocument = 'mutation Cancel($messageId: ID!) { cancelAnswer(messageId: $messageId) { message { id } } }';
const findDocument = 'query Find($id: ID!) { conversation(id: $id) { id title activeAnswer { id } } }';
const greetDocument = 'query Greet { viewer { id } }';

export interface FoundConversation {
  readonly id: string;
  readonly title: string;
  readonly activeAnswerId: string | null;
}

/**
 * The conversation to go on with; null for a new one. Tried once, so that whoever starts without a server, or with a
 * token that is not accepted, hears so before they have typed a question.
 */
export async function findConversation(client: GraphqlClient, id: string | null): Promise<FoundConversation | null> {
  if (id === null) {
    await client.requestOnce({ query: greetDocument, variables: {} }, z.unknown());
    return null;
  }
  const { conversation } = await client.requestOnce({ query: findDocument, variables: { id } }, foundSchema);
  if (!conversation)
    throw new CommandError('There is no such conversation; leave --conversation out to begin a new one.');
  return { id: conversation.id, title: conversation.title, activeAnswerId: conversation.activeAnswer?.id ?? null };
}

export interface ChatSessionDeps {
  readonly client: GraphqlClient;
  readonly interrupts: Interrupts;
  /** Says something beside the answers. */
  readonly tell: (sentence: string) => void;
  /** The answers. */
  readonly out: NodeJS.WriteStream;
}

/** One conversation in a terminal. */
export class ChatSession {
  conversationId: string | null;

  constructor(
    private readonly deps: ChatSessionDeps,
    private readonly model: string | null,
    conversation: FoundConversation | null,
  ) {
    this.conversationId = conversation?.id ?? null;
  }

  /** Sends a question and shows its answer; gives the exit code that says how it went. */
  ask(content: string): Promise<number> {
    return this.show(async () => {
      const { conversationId, model } = this;
      const input = { conversationId, content, model, idempotencyKey: newId() };
      const { sendMessage } = await this.deps.client.request({ query: sendDocument, variables: { input } }, sentSchema);
      this.conversationId = sendMessage.conversation.id;
      return sendMessage.answer.id;
    });
  }

  /** Shows an answer that is being written. */
  follow(answerId: string): Promise<number> {
    return this.show(async () => answerId);
  }

  private async show(begin: () => Promise<string>): Promise<number> {
    const { client, interrupts, tell, out } = this.deps;
    const cancel = new AbortController();
    const interrupted = () => {
      tell('\nStopping the answer; Ctrl-C again quits at once.');
      cancel.abort();
    };
    return await interrupts.during(interrupted, async () => {
      const answerId = await begin();
      if (cancel.signal.aborted) void this.cancel(answerId);
      else cancel.signal.addEventListener('abort', () => void this.cancel(answerId));
      const printer = new AnswerPrinter(out);
      const answer = await followAnswer(client, answerId, (text) => printer.show(text));
      if (!printer.finish(answer))
        tell(`\nThe end of it was not stored; what is kept has ${answer.content.length} characters.`);
      return this.tellEnd(answer, cancel.signal.aborted);
    });
  }

  private async cancel(messageId: string): Promise<void> {
    const operation: Operation = { query: cancelDocument, variables: { messageId } };
    await this.deps.client.request(operation, z.unknown()).catch((error: unknown) => {
      this.deps.tell(`The answer could not be stopped: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  private tellEnd({ status, finishReason, error }: FinishedAnswer, isInterrupted: boolean): number {
    const { tell } = this.deps;
    const why = error ? forTerminal(error.message) : 'the server does not say why.';
    switch (status) {
      case 'COMPLETE':
        if (finishReason !== null && finishReason !== 'stop') tell(`\nThe model ended it with "${finishReason}".`);
        return 0;
      case 'CANCELLED':
        tell('\nCancelled: what was written is kept.');
        return isInterrupted ? interruptedCode : 1;
      case 'INTERRUPTED':
        tell(`\nInterrupted, what was written is kept: ${why}`);
        return 1;
      case 'FAILED':
        tell(`\nFailed: ${why}`);
        return 1;
      default:
        tell(`\nThe answer ended as ${status}.`);
        return 1;
    }
  }
}
