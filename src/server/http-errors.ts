import { HeaderMap } from '@apollo/server';
import { GraphQLError } from 'graphql';
import { type ErrorCode, ParleyError } from '../errors.js';

/** The statuses of errors that stop a request before it runs; an operation that ran is answered with 200. */
const statuses: Readonly<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  RATE_LIMITED: 429,
  TOO_COMPLEX: 400,
  PAYLOAD_TOO_LARGE: 413,
  UNAVAILABLE: 503,
  DATA_INTEGRITY: 500,
  INTERNAL: 500,
};

/** An error of the catalogue with the HTTP status, and headers in lower case, that say more than its code does. */
export class HttpError extends ParleyError {
  constructor(
    message: string,
    readonly status: number,
    readonly headers: Readonly<Record<string, string>> = {},
    code: ErrorCode = 'BAD_USER_INPUT',
  ) {
    super(message, { code });
  }
}

export const methodNotAllowed = (allow: string) =>
  new HttpError(`Send ${allow.replaceAll(',', ' or')} here.`, 405, { allow });

export const unsupportedMediaType = (message: string) => new HttpError(message, 415, { accept: 'application/json' });

export const nothingHere = () => new HttpError('There is nothing at this address.', 404, {}, 'NOT_FOUND');

export const httpStatusOf = (error: ParleyError): number =>
  error instanceof HttpError ? error.status : statuses[error.code];

export function httpHeadersOf(error: ParleyError): Readonly<Record<string, string>> {
  if (error instanceof HttpError) return error.headers;
  switch (error.code) {
    case 'UNAUTHENTICATED':
      return { 'www-authenticate': 'Bearer' };
    case 'RATE_LIMITED':
      return { 'retry-after': String(Math.ceil((error.extensions.retryAfterMs ?? 1000) / 1000)) };
    case 'UNAVAILABLE':
      return { 'retry-after': '1' };
    default:
      return {};
  }
}

/** The same error as Apollo reads status and headers from it. */
export function withHttp(error: ParleyError): GraphQLError {
  const headers = new HeaderMap(Object.entries(httpHeadersOf(error)));
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { ...error.extensions, http: { status: httpStatusOf(error), headers } },
  });
}
