import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import { type ErrorExtensions, ParleyError } from '../errors.js';
import type { Log } from '../platform/log.js';
import { wrongField } from './wrong-field.js';

export interface ErrorMaskOptions {
  readonly log: Log;
  /** False: messages do not suggest names of the schema either. */
  readonly introspection: boolean;
  /** Named in the refusal of a document that has more. */
  readonly documentTokens: number;
}

/** A message may quote what the client sent, which may be megabytes. */
const maxMessageCodeUnits = 500;

/**
 * The one place where errors become what a client sees, over HTTP and socket alike. A ParleyError passes as it is;
 * what graphql-js or Apollo say of a request is BAD_USER_INPUT; anything else is ours, says nothing, and is logged
 * once under the request id that the client gets. So is a text that could not be opened.
 */
export class ErrorMask {
  private readonly requestIds = new WeakMap<object, string>();
  private readonly logged = new WeakMap<object, string>();

  constructor(private readonly options: ErrorMaskOptions) {}

  /** Apollo formats errors without telling whose they are: what is remembered here, `requestIdOf` knows then. */
  remember(errors: readonly unknown[], requestId: string): void {
    for (const error of errors) if (isObject(error)) this.requestIds.set(error, requestId);
  }

  requestIdOf(error: unknown): string | undefined {
    return isObject(error) ? this.requestIds.get(error) : undefined;
  }

  format(error: unknown, requestId: string): GraphQLFormattedError {
    const publicError = this.toPublic(error, requestId);
    const { locations, path } = error instanceof GraphQLError ? error.toJSON() : {};
    return {
      message: publicError.message,
      ...(locations && { locations }),
      ...(path && { path }),
      extensions: { ...publicError.extensions },
    };
  }

  /** The same error as the catalogue has it; an unknown one is logged. */
  toPublic(error: unknown, requestId: string): ParleyError {
    const cause = rootCause(error);
    if (cause instanceof ParleyError) {
      // The person can do nothing about it; whoever runs the server should look.
      if (cause.code === 'DATA_INTEGRITY') this.logOnce(cause, requestId);
      return cause;
    }
    if (error instanceof GraphQLError && isFaultOfRequest(error, cause)) return this.faultOfRequest(error);
    return new ParleyError('Something went wrong on our side.', {
      code: 'INTERNAL',
      requestId: this.logOnce(cause, requestId),
    });
  }

  private faultOfRequest(error: GraphQLError): ParleyError {
    if (/^Syntax Error: Document contains more tha[nt] \d+ tokens/.test(error.message)) {
      const limit = this.options.documentTokens;
      return new ParleyError(`The document has more than ${limit} tokens; split it into several requests.`, {
        code: 'TOO_COMPLEX',
      });
    }
    const field = wrongField(error);
    const extensions: ErrorExtensions = field ? { code: 'BAD_USER_INPUT', field } : { code: 'BAD_USER_INPUT' };
    return new ParleyError(this.publicMessage(error.message), extensions);
  }

  private publicMessage(message: string): string {
    const text = (this.options.introspection ? message : withoutSuggestion(message)).trim();
    return text.length > maxMessageCodeUnits ? `${text.slice(0, maxMessageCodeUnits).toWellFormed()}…` : text;
  }

  /** One fault can fail many fields; they all quote the same line. */
  private logOnce(cause: unknown, requestId: string): string {
    const known = isObject(cause) ? this.logged.get(cause) : undefined;
    if (known !== undefined) return known;
    if (isObject(cause)) this.logged.set(cause, requestId);
    this.options.log.error({ error: cause, requestId }, 'An operation failed');
    return requestId;
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/**
 * Errors without a path come from before the execution: parsing, validation, variables, HTTP. With a path, only an
 * argument's value can be the client's fault, and those point at the value. The rest is a resolver or its result;
 * graphql-js quotes results in its messages.
 */
function isFaultOfRequest(error: GraphQLError, cause: unknown): boolean {
  if (!(cause instanceof GraphQLError)) return false;
  if (!error.path) return true;
  const node = cause.nodes?.[0];
  return node !== undefined && node.kind !== Kind.FIELD;
}

/**
 * Suggestions stand at the end of what graphql-js says, and are looked for from there: before them may stand megabytes
 * that a client wrote, in which an expression would begin anew at each thing that looks like one.
 */
function withoutSuggestion(message: string): string {
  const start = message.endsWith('?') ? message.lastIndexOf(' Did you mean ') : -1;
  return start === -1 ? message : message.slice(0, start);
}
