import { connect } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Null where the body is not JSON. */
  readonly json: GraphqlBody | null;
}

export interface GraphqlBody {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphqlBodyError[];
  readonly [name: string]: unknown;
}

export interface GraphqlBodyError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: Record<string, unknown> & { readonly code: string };
}

export async function request(url: string, init: RequestInit = {}): Promise<HttpAnswer> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(60_000), ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) };
}

/** One GraphQL operation by POST, as an application sends it. */
export function post(url: string, body: object | string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return request(url, {
    method: 'POST',
    headers: { authorization: 'Bearer ada', 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Writes bytes to a port as they are, and gives everything that comes back until the server closes. */
export function exchangeBytes(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(10_000, () => socket.destroy(new Error('The server did not close in 10 s.')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

function parsed(text: string): GraphqlBody | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
