import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ApolloServer, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import { getOperationAST, OperationTypeNode } from 'graphql';
import { payloadTooLarge } from '../errors.js';
import type { Viewer } from '../identity/viewer.js';
import { requestIdHeader } from './apollo.js';
import type { Documents } from './documents.js';
import type { ErrorMask } from './error-masking.js';
import { type HttpHandler, send } from './http-answer.js';
import { methodNotAllowed, withHttp } from './http-errors.js';
import { rootFieldNames } from './query-shape.js';
import { checkJsonBody, parseJson, RequestAborted, readBody } from './request-body.js';
import type { ServerLimits } from './server-limits.js';

export interface GraphqlHttpOptions<Context extends object> {
  readonly apollo: ApolloServer<Context>;
  readonly documents: Documents;
  readonly mask: ErrorMask;
  readonly authenticate: (authorization: string | undefined) => Promise<Viewer>;
  readonly makeContext: (viewer: Viewer, requestId: string) => Promise<Context>;
  readonly limits: Pick<ServerLimits, 'bodyBytes' | 'bulkBodyBytes'>;
  /** The mutations whose bodies may be `bulkBodyBytes` long. */
  readonly bulkMutations: readonly string[];
  readonly lingerMs: number;
}

/** What of a request's headers Apollo looks at. */
const apolloHeaders = ['accept', 'content-type', 'apollo-require-preflight', 'x-apollo-operation-name'] as const;

interface Admitted {
  readonly viewer: Viewer;
  readonly body: unknown;
}

/**
 * GraphQL over HTTP: who asks and the body are checked here, the rest is Apollo's. A refusal goes through Apollo too,
 * so that there is one way in which answers are written, negotiated and masked.
 */
export function graphqlOverHttp<Context extends object>(options: GraphqlHttpOptions<Context>): HttpHandler {
  const { apollo, documents, mask, makeContext, lingerMs } = options;

  async function answer(httpGraphQLRequest: HTTPGraphQLRequest, context: () => Promise<Context>) {
    const { status = 200, headers, body } = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest, context });
    if (body.kind !== 'complete') throw new Error('Apollo Server answered in parts, which nothing here asks for.');
    return { status, headers: Object.fromEntries(headers), body: body.string };
  }

  return async (request, response, requestId) => {
    const refused = (error: unknown) => withHttp(mask.toPublic(error, requestId));
    const admitted = await admit(request, response, options).catch((error: unknown) => {
      if (error instanceof RequestAborted) throw error;
      return refused(error);
    });
    if (admitted instanceof Error) {
      const refusal = () => Promise.reject(admitted);
      return send(request, response, await answer(refusalRequest(request), refusal), lingerMs);
    }
    const { viewer, body } = admitted;
    const graphqlRequest = toApollo(request, body, requestId);
    const context = async () => {
      try {
        const source = sourceOf(graphqlRequest);
        if (source !== null) documents.checkSize(source);
        return await makeContext(viewer, requestId);
      } catch (error) {
        throw refused(error);
      }
    };
    await send(request, response, await answer(graphqlRequest, context), lingerMs);
  };
}

/** Before anything is read, who asks: a stranger's body is not worth the memory. */
async function admit<Context extends object>(
  request: IncomingMessage,
  response: ServerResponse,
  { authenticate, documents, limits, bulkMutations }: GraphqlHttpOptions<Context>,
): Promise<Admitted> {
  if (request.method !== 'GET' && request.method !== 'POST') throw methodNotAllowed('GET, POST');
  const viewer = await authenticate(request.headers.authorization);
  if (request.method === 'GET') return { viewer, body: undefined };
  checkJsonBody(request);
  const bytes = await readBody(request, response, limits.bulkBodyBytes);
  const body = parseJson(bytes);
  if (bytes.length > limits.bodyBytes && !isBulk(body, documents, bulkMutations)) {
    throw payloadTooLarge(limits.bodyBytes);
  }
  return { viewer, body };
}

/** Does the operation do nothing but what takes many messages at once? */
function isBulk(body: unknown, documents: Documents, bulkMutations: readonly string[]): boolean {
  const { query, operationName } = body instanceof Object ? { query: null, operationName: null, ...body } : {};
  if (typeof query !== 'string') return false;
  try {
    const document = documents.parse(query);
    const operation = getOperationAST(document, typeof operationName === 'string' ? operationName : null);
    if (operation?.operation !== OperationTypeNode.MUTATION) return false;
    return [...rootFieldNames(document, operation)].every((name) => bulkMutations.includes(name));
  } catch {
    return false;
  }
}

function toApollo(request: IncomingMessage, body: unknown, requestId: string): HTTPGraphQLRequest {
  const headers = new HeaderMap([[requestIdHeader, requestId]]);
  for (const name of apolloHeaders) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  const url = request.url ?? '';
  const search = url.includes('?') ? url.slice(url.indexOf('?')) : '';
  return { method: request.method ?? 'GET', headers, search, body };
}

/** A request that Apollo takes without a look, to answer it with what the context throws. */
function refusalRequest({ headers: { accept } }: IncomingMessage): HTTPGraphQLRequest {
  const headers = new HeaderMap([['content-type', 'application/json']]);
  if (accept !== undefined) headers.set('accept', accept);
  return { method: 'POST', headers, search: '', body: {} };
}

function sourceOf({ method, search, body }: HTTPGraphQLRequest): string | null {
  if (method === 'GET') return new URLSearchParams(search).get('query');
  return body instanceof Object && 'query' in body && typeof body.query === 'string' ? body.query : null;
}
