import { APIConnectionError, APIConnectionTimeoutError, type APIError } from 'openai';
import { ModelError, type ModelErrorCode } from './model.js';

/** A call that was not answered with a stream. */
export interface Failure {
  readonly error: ModelError;
  /** The model has not begun on it, so the same call may be made again without being charged twice. */
  readonly unanswered: boolean;
  /** The pause that the provider asks for; null where it names none. */
  readonly retryAfterMs: number | null;
  /** What the provider said, shortened: to be searched, never to be shown or logged. */
  readonly said: string;
}

type Sentence = readonly [code: ModelErrorCode, retryable: boolean, message: string];

const sentences = {
  key: ['PROVIDER_REFUSED', false, "The model refused this server's key; whoever runs the server has to renew it."],
  credit: ['PROVIDER_REFUSED', false, 'The account that pays for the model has no credit left.'],
  address: [
    'PROVIDER_REFUSED',
    false,
    'There is no such model at the address that this server has for it; whoever runs the server has to correct that.',
  ],
  tooLong: [
    'PROVIDER_REFUSED',
    false,
    'The conversation is too long for this model; start a new one or choose another model.',
  ],
  content: ['PROVIDER_REFUSED', false, "The provider's content filter refused this conversation."],
  request: ['PROVIDER_REFUSED', false, 'The model refused this request.'],
  busy: ['PROVIDER_BUSY', true, 'The model has too much to do at the moment; try again shortly.'],
  timeout: ['PROVIDER_TIMEOUT', true, "The model's server gave up waiting for the model; try again."],
  failed: ['PROVIDER_ERROR', true, 'The model failed; try again.'],
  unreachable: ['PROVIDER_UNREACHABLE', true, 'The model cannot be reached at the moment; try again shortly.'],
} as const satisfies Record<string, Sentence>;

/** The kinds of connection error after which nothing can have been sent. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The failure that a provider reports in the middle of its stream. */
export const failedMidway = (): ModelError => errorOf(sentences.failed, null);

/** What answers at the configured address is a web page. */
export const notAModel = (): ModelError => errorOf(sentences.address, null);

/** Sorts what the SDK threw instead of a stream. */
export function describeFailure(thrown: APIError, nowMs: number): Failure {
  if (thrown instanceof APIConnectionError) return describeConnectionFailure(thrown);
  const status = thrown.status ?? null;
  if (status === null)
    return { error: errorOf(sentences.failed, null), unanswered: false, retryAfterMs: null, said: '' };
  const said = (JSON.stringify(thrown.error) ?? '').slice(0, 4096);
  const outOfCredit = status === 402 || said.includes('insufficient_quota');
  return {
    error: errorOf(outOfCredit ? sentences.credit : sentenceOf(status, said), status),
    unanswered: (status === 429 && !outOfCredit) || status === 503,
    retryAfterMs: retryAfterMs(thrown.headers, nowMs),
    said,
  };
}

function describeConnectionFailure(thrown: APIConnectionError): Failure {
  const codes = codesOf(thrown);
  const timedOut = thrown instanceof APIConnectionTimeoutError && !codes.includes('UND_ERR_CONNECT_TIMEOUT');
  return {
    error: errorOf(timedOut ? sentences.timeout : sentences.unreachable, null),
    // One code for certain failure is not enough where a host has several addresses: all of them must have failed so.
    unanswered: codes.length > 0 && codes.every((code) => neverConnected.has(code)),
    retryAfterMs: null,
    said: '',
  };
}

function sentenceOf(status: number, said: string): Sentence {
  if (status === 401 || status === 403) return sentences.key;
  if (status === 404 || (status >= 300 && status < 400)) return sentences.address;
  if (status === 408 || status === 504) return sentences.timeout;
  if (status === 429 || status === 503) return sentences.busy;
  if (status >= 500) return sentences.failed;
  if (/content_filter|content_policy/.test(said)) return sentences.content;
  if (status === 413 || /context.{0,20}(length|size|window)|prompt is too long/i.test(said)) return sentences.tooLong;
  return sentences.request;
}

/** The codes of an error and of what caused it; where several addresses were tried, of each. */
function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== 'object' || error === null || depth > 5) return [];
  const code: unknown = Reflect.get(error, 'code');
  const tried: unknown = Reflect.get(error, 'errors');
  const inner: unknown[] = Array.isArray(tried) ? tried : [Reflect.get(error, 'cause')];
  return [...(typeof code === 'string' ? [code] : []), ...inner.flatMap((each) => codesOf(each, depth + 1))];
}

/** Milliseconds from `retry-after-ms`, or from `retry-after` as seconds or as a date (RFC 9110, 10.2.3). */
function retryAfterMs(headers: Headers | undefined, nowMs: number): number | null {
  const exact = headers?.get('retry-after-ms');
  const said = headers?.get('retry-after');
  const ms = exact
    ? Number(exact)
    : said
      ? /^[\d.]+$/.test(said)
        ? Number(said) * 1000
        : Date.parse(said) - nowMs
      : null;
  return ms !== null && Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function errorOf([code, retryable, message]: Sentence, status: number | null): ModelError {
  return new ModelError(code, message, { retryable, status });
}
