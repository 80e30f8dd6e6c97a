import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ParleyError } from '../errors.js';
import { securityHeaders } from './http-answer.js';
import { httpHeadersOf, httpStatusOf } from './http-errors.js';

/** Answers with an error, and closes, a connection that Node made no request of, or that wants to be a socket. */
export function endConnection(socket: Duplex, error: ParleyError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = httpStatusOf(error);
  const body = JSON.stringify({ errors: [{ message: error.message, extensions: error.extensions }] });
  const headers = {
    ...securityHeaders,
    ...httpHeadersOf(error),
    connection: 'close',
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`);
}
