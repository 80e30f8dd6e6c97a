import type { IncomingMessage, ServerResponse } from 'node:http';
import { endUnread } from './request-body.js';

/** Answers one request; what it throws is masked and answered as JSON. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse, requestId: string) => Promise<void>;

export interface Answer {
  readonly status: number;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** So much of an unread body is taken in to keep the connection; more is refused with it. */
const keptBodyBytes = 64 * 1024;

/** On every answer. A handler that sends pages says more. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(value),
  };
}

/** Writes an answer, and lets go of a connection whose request has more to come than is worth reading. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
  lingerMs: number,
): Promise<void> {
  for (const name in headers) response.setHeader(name, headers[name] ?? '');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.statusCode = status;
  if (isReadable(request)) {
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  response.setHeader('connection', 'close');
  await endUnread(request, response, body, lingerMs);
}

function isReadable(request: IncomingMessage): boolean {
  if (request.complete) return true;
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  return !isChunked && Number(request.headers['content-length'] ?? 0) <= keptBodyBytes;
}
