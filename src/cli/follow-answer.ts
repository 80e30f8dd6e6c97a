import { createClient, type FormattedExecutionResult } from 'graphql-ws';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { CommandError } from '../describe-failure.js';
import { type GraphqlClient, refusalOf, unauthenticated } from './graphql-client.js';
import { type Patience, ServerAway } from './patience.js';
import type { ServerAccess } from './server-access.js';

/** An answer as far as it is known. */
export interface AnswerText {
  readonly content: string;
  readonly reasoning: string;
}

const finishedSchema = z.object({
  content: z.string(),
  reasoning: z.string().nullable(),
  status: z.string(),
  finishReason: z.string().nullable(),
  error: z.object({ message: z.string() }).nullable(),
});
/** An answer as it is stored. */
export type FinishedAnswer = z.infer<typeof finishedSchema>;

const deltaSchema = z.object({
  offset: z.int(),
  text: z.string(),
  reasoningOffset: z.int().nullable(),
  reasoning: z.string().nullable(),
  cursor: z.string(),
});
const eventSchema = z.discriminatedUnion('__typename', [
  deltaSchema.extend({ __typename: z.literal('AnswerDelta') }),
  z.object({ __typename: z.literal('AnswerFinished'), message: finishedSchema }),
]);
const closeSchema = z.object({ code: z.int(), reason: z.string() });

const document = `subscription Follow($messageId: ID!, $after: String) {
  answer(messageId: $messageId, after: $after) {
    __typename
    ... on AnswerDelta { offset text reasoningOffset reasoning cursor }
    ... on AnswerFinished { message { content reasoning status finishReason error { message } } }
  }
}`;

const connectMs = 10_000;
/** A connection that says nothing is asked whether it is still there, and given up where it does not say so. */
const pingMs = 10_000;
const pongMs = 5000;
const forbidden = 4403;

/**
 * Follows an answer to its end: `onText` is given all of it that is known, each time it grows. A connection that is lost
 * is opened again, and goes on where the text ends. Throws a CommandError where the server refuses or stays away.
 */
export async function followAnswer(
  client: GraphqlClient,
  messageId: string,
  onText: (text: AnswerText) => void,
): Promise<FinishedAnswer> {
  const patience = client.newPatience();
  const progress = new Progress(patience, onText);
  for (;;) {
    try {
      return await listen(client.options.access, messageId, progress);
    } catch (error) {
      await patience.beforeNext(error);
    }
  }
}

/** What outlives a connection: the text so far, and the cursor that continues it. */
class Progress {
  cursor: string | null = null;
  private text: AnswerText = { content: '', reasoning: '' };

  constructor(
    private readonly patience: Patience,
    private readonly onText: (text: AnswerText) => void,
  ) {}

  apply(delta: z.infer<typeof deltaSchema>): void {
    const { content, reasoning } = this.text;
    const reasoningOffset = delta.reasoningOffset ?? reasoning.length;
    if (delta.offset > content.length || reasoningOffset > reasoning.length) {
      // Something was missed, which the protocol rules out: from the beginning, then.
      this.cursor = null;
      throw new ServerAway('text is missing');
    }
    this.text = {
      content: content.slice(0, delta.offset) + delta.text,
      reasoning: reasoning.slice(0, reasoningOffset) + (delta.reasoning ?? ''),
    };
    this.cursor = delta.cursor;
    this.patience.succeeded();
    this.onText(this.text);
  }
}

/** One connection: resolves at the answer's end. Throws {@link ServerAway} where it is lost before. */
function listen(access: ServerAccess, messageId: string, progress: Progress): Promise<FinishedAnswer> {
  const client = connect(access);
  const variables = { messageId, after: progress.cursor };
  const finished = new Promise<FinishedAnswer>((resolve, reject) => {
    client.subscribe<{ answer: unknown }>(
      { query: document, variables },
      {
        next(result) {
          try {
            const end = read(result, progress);
            if (end) resolve(end);
          } catch (error) {
            reject(error);
          }
        },
        error: (error) => reject(lossOf(error)),
        complete: () => reject(new ServerAway('the subscription ended too early')),
      },
    );
  });
  return finished.finally(() => client.dispose());
}

function read({ data, errors }: FormattedExecutionResult<{ answer: unknown }, unknown>, progress: Progress) {
  if (errors?.[0]) throw refusalOf(errors[0]);
  const event = eventSchema.safeParse(data?.answer).data;
  if (event?.__typename === 'AnswerFinished') return event.message;
  if (event) progress.apply(event);
  return null;
}

function connect(access: ServerAccess) {
  let silence: NodeJS.Timeout | undefined;
  const client = createClient({
    url: async () => (await access.url()).replace(/^http/, 'ws'),
    connectionParams: async () => {
      const token = await access.token();
      return token === null ? {} : { authorization: `Bearer ${token}` };
    },
    webSocketImpl: BoundedWebSocket,
    // Its own retry would begin again with the first cursor.
    retryAttempts: 0,
    connectionAckWaitTimeout: connectMs,
    keepAlive: pingMs,
    on: {
      ping: (received) => {
        if (!received) silence = setTimeout(() => client.terminate(), pongMs);
      },
      pong: (received) => {
        if (received) clearTimeout(silence);
      },
      closed: () => clearTimeout(silence),
    },
  });
  return client;
}

class BoundedWebSocket extends WebSocket {
  constructor(address: string, protocol: string) {
    super(address, protocol, { handshakeTimeout: connectMs });
  }
}

/** What the end of a connection means: errors of the operation, a closing frame, or whatever happened on the way. */
function lossOf(error: unknown): Error {
  if (Array.isArray(error)) return refusalOf(error[0]);
  const close = closeSchema.safeParse(error).data;
  // A token that expires while it is used is replaced at the next connection, or refused there.
  if (close?.code === forbidden && close.reason !== 'Token expired') return unauthenticated(close.reason);
  if (close) return new ServerAway(`the connection was closed, ${close.code}`);
  if (error instanceof CommandError) return error;
  return new ServerAway(error instanceof Error && error.message ? error.message : 'the connection was lost');
}
