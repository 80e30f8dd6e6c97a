import type { IncomingMessage, ServerResponse } from 'node:http';
import { payloadTooLarge } from '../errors.js';
import { HttpError, unsupportedMediaType } from './http-errors.js';

/** The client went away before its request was whole: there is nobody to answer. */
export class RequestAborted extends Error {
  override readonly name = 'RequestAborted';
}

/** A refused body is thrown away up to here while its sender comes to read the refusal. */
const maxDiscardedBytes = 64 * 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws an HttpError 415 for a body that is not JSON in UTF-8, as it is. */
export function checkJsonBody(request: IncomingMessage): void {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  if (type.trim() !== 'application/json') throw unsupportedMediaType('Send the body as application/json.');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    throw unsupportedMediaType('Send the body in UTF-8.');
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw unsupportedMediaType('Send the body without a content-encoding.');
  }
}

/**
 * The whole body, or PAYLOAD_TOO_LARGE as soon as it is known to be longer than `limitBytes`; the rest of it has
 * then not been read.
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw payloadTooLarge(limitBytes);
  if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = () => {
      request.off('data', take).off('end', finish).off('error', abort).off('close', abort);
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= limitBytes) return;
      stop();
      request.pause();
      reject(payloadTooLarge(limitBytes));
    };
    const finish = () => {
      stop();
      const [first] = chunks;
      resolve(first && chunks.length === 1 ? first : Buffer.concat(chunks, bytes));
    };
    const abort = () => {
      stop();
      reject(new RequestAborted());
    };
    request.on('data', take).on('end', finish).on('error', abort).on('close', abort);
  });
}

/** @throws an HttpError 400 that says what is wrong with it. */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw new HttpError('The body is empty; send a JSON object with a query.', 400);
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    const wrong = error instanceof SyntaxError ? 'not whole, valid JSON' : 'not UTF-8';
    throw new HttpError(`The body is ${wrong}.`, 400);
  }
}

/**
 * Ends a response whose request was not read to its end. Closing at once would reset the connection, and the client
 * would never see the answer: so what still comes is thrown away, for a while.
 */
export async function endUnread(
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
  lingerMs: number,
): Promise<void> {
  response.write(body);
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const timer = setTimeout(done, lingerMs);
    request.on('data', discard).on('end', done).on('error', done).on('close', done).resume();

    function discard(chunk: Buffer) {
      bytes += chunk.length;
      if (bytes > maxDiscardedBytes) done();
    }
    function done() {
      clearTimeout(timer);
      request.off('data', discard).off('end', done).off('close', done);
      resolve();
    }
  });
  response.end();
}
