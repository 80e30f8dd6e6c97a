import { z } from 'zod';
import { CommandError } from '../describe-failure.js';
import { systemClock } from '../platform/clock.js';
import { Patience, ServerAway } from './patience.js';
import type { ServerAccess } from './server-access.js';

/** What the server refused, in its own words. */
export class Refusal extends CommandError {
  override readonly name = 'Refusal';

  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

const errorSchema = z.object({
  message: z.string(),
  extensions: z.object({ code: z.string() }).catch({ code: 'UNKNOWN' }),
});
const replySchema = z.object({ data: z.unknown().optional(), errors: z.array(errorSchema).min(1).optional() });

export interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface GraphqlClientOptions {
  readonly access: ServerAccess;
  /** How long a server that is away is tried again. */
  readonly patienceMs: number;
  readonly onAway: () => void;
}

const requestMs = 15_000;

/** One server's GraphQL over HTTP. */
export class GraphqlClient {
  constructor(readonly options: GraphqlClientOptions) {}

  newPatience(): Patience {
    return new Patience(systemClock, this.options.patienceMs, this.options.onAway);
  }

  /**
   * Sends an operation until it is answered, so it must be one that does no harm when it arrives twice: a query, or a
   * mutation with an idempotency key. Throws a {@link Refusal}, or a CommandError where nobody answers.
   */
  async request<Data>(operation: Operation, schema: z.ZodType<Data>): Promise<Data> {
    const patience = this.newPatience();
    for (;;) {
      try {
        return await this.requestOnce(operation, schema);
      } catch (error) {
        await patience.beforeNext(error);
      }
    }
  }

  /** The same, tried once. Throws {@link ServerAway} where nobody answers. */
  async requestOnce<Data>(operation: Operation, schema: z.ZodType<Data>): Promise<Data> {
    const url = await this.options.access.url();
    const token = await this.options.access.token();
    const { status, text } = await post(url, operation, token);
    const reply = replySchema.safeParse(parseJson(text)).data;
    if (!reply && status >= 502 && status <= 504) throw new ServerAway(`HTTP ${status}`);
    if (!reply) throw new CommandError(`What answers at ${url} is not Parley (HTTP ${status}); see --url.`);
    const [error] = reply.errors ?? [];
    if (error) throw refusalOf(error);
    return schema.parse(reply.data);
  }
}

/** What an error of a server's means for whoever waits for its answer. `error` is as GraphQL has it. */
export function refusalOf(error: unknown): Error {
  const parsed = errorSchema.safeParse(error).data;
  if (!parsed) return new CommandError('The server refused, in words that cannot be read.');
  const { message, extensions } = parsed;
  if (extensions.code === 'UNAVAILABLE') return new ServerAway(message);
  if (extensions.code === 'UNAUTHENTICATED') return unauthenticated(message);
  return new Refusal(message, extensions.code);
}

export const unauthenticated = (message: string) =>
  new Refusal(`The server does not accept the token: ${message} Name another with --token.`, 'UNAUTHENTICATED');

async function post(url: string, { query, variables }: Operation, token: string | null) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(requestMs),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    // fetch says only that it failed; what happened is in the cause.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer';
    throw new ServerAway(code, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
