import type { QuotaName } from './limits.js';

/** The one catalogue of error codes. Every error a client sees carries one of these in `extensions.code`. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'TOO_COMPLEX'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNAVAILABLE'
  | 'DATA_INTEGRITY'
  | 'INTERNAL';

/** Why a CONFLICT: an answer is being written, or a key was used before for something else. */
export type ConflictReason = 'ANSWER_IN_PROGRESS' | 'IDEMPOTENCY_KEY_REUSED';

export interface ErrorExtensions {
  readonly code: ErrorCode;
  /** BAD_USER_INPUT: the argument or input field that was wrong, e.g. `input.content`. */
  readonly field?: string;
  readonly reason?: ConflictReason;
  /** RATE_LIMITED: milliseconds after which the same request may succeed. */
  readonly retryAfterMs?: number;
  /** RATE_LIMITED: the quota that has nothing left, where it is one. */
  readonly quota?: QuotaName;
  /** UNAVAILABLE: the same request may succeed later, unchanged. */
  readonly retryable?: boolean;
  /** INTERNAL: quotes the one log line that says what happened. */
  readonly requestId?: string;
}

/**
 * An error that is meant for the client: its message says what to do and holds nothing internal.
 * graphql-js copies `extensions` to the GraphQLError that it makes of it.
 */
export class ParleyError extends Error {
  override readonly name = 'ParleyError';
  readonly extensions: ErrorExtensions;

  constructor(message: string, extensions: ErrorExtensions, options?: ErrorOptions) {
    super(message, options);
    this.extensions = extensions;
  }

  get code(): ErrorCode {
    return this.extensions.code;
  }
}

/** Is it an error of the catalogue, with this code? */
export const isParleyError = (error: unknown, code: ErrorCode): error is ParleyError =>
  error instanceof ParleyError && error.code === code;

export const unauthenticated = (message = 'Send a valid token as "Authorization: Bearer …".') =>
  new ParleyError(message, { code: 'UNAUTHENTICATED' });

export const forbidden = (message: string) => new ParleyError(message, { code: 'FORBIDDEN' });

/** The same words for what never was, what was deleted and what is someone else's. */
export const notFound = (what: string) => new ParleyError(`There is no such ${what}.`, { code: 'NOT_FOUND' });

export const badUserInput = (field: string, message: string) =>
  new ParleyError(message, { code: 'BAD_USER_INPUT', field });

export const conflict = (reason: ConflictReason, message: string) =>
  new ParleyError(message, { code: 'CONFLICT', reason });

export const rateLimited = (what: string, retryAfterMs: number) =>
  new ParleyError(`Too many ${what}; try again in ${Math.ceil(retryAfterMs / 1000)} s.`, {
    code: 'RATE_LIMITED',
    retryAfterMs,
  });

/** @param neverFits one such answer alone may take more than there is in a day */
export const quotaUsedUp = (quota: QuotaName, retryAfterMs: number, neverFits: boolean) =>
  new ParleyError(
    neverFits
      ? `One such answer may take more than the quota ${quota} allows in a day; ask for less, or another model.`
      : `The quota ${quota} has not enough left for an answer; try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
    { code: 'RATE_LIMITED', retryAfterMs, quota },
  );

export const tooComplex = (message: string) => new ParleyError(message, { code: 'TOO_COMPLEX' });

export const payloadTooLarge = (limitBytes: number) =>
  new ParleyError(`The request is larger than ${limitBytes} bytes; send less at once.`, { code: 'PAYLOAD_TOO_LARGE' });

export const unavailable = (cause?: unknown) =>
  new ParleyError(
    'The service cannot answer right now; try again shortly.',
    { code: 'UNAVAILABLE', retryable: true },
    { cause },
  );

export const dataIntegrity = (cause?: unknown) =>
  new ParleyError('A stored text is damaged and cannot be shown.', { code: 'DATA_INTEGRITY' }, { cause });
