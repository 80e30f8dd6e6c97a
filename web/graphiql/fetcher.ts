import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { type ExecutionResult, GraphQLError, Kind, type OperationDefinitionNode, parse } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { followNewest } from './newest-event.js';
import { rememberIds } from './newest-ids.js';
import { onTokenChange, readToken, refuseToken } from './token.js';

const endpoint = new URL('/graphql', location.href);
const socketEndpoint = new URL(endpoint.href.replace(/^http/, 'ws'));

/** The socket's close codes for a token that is not, or no longer, accepted. */
const refusals = [4401, 4403];

/** Sends queries and mutations over HTTP and subscriptions over the WebSocket, with the token of the moment. */
export function createFetcher(): Fetcher {
  const socket = createSocket();
  return (params, options) => {
    const operation = chosenOperation(params);
    const request = { ...params, operationName: operation?.name?.value ?? params.operationName };
    return operation?.operation === 'subscription'
      ? followNewest(socket, request)
      : send(request, options?.headers ?? {});
  };
}

function createSocket(): Client {
  let usedToken: string | null = null;
  const client = createClient({
    url: socketEndpoint.href,
    connectionParams() {
      usedToken = readToken();
      return usedToken ? { authorization: `Bearer ${usedToken}` } : {};
    },
    // The same token would be refused again; a cut connection is tried again, from the first variables on.
    shouldRetry: (reason) => !isRefusal(reason) || usedToken !== readToken(),
    retryAttempts: 8,
    retryWait: (attempts) => new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** attempts, 4000))),
    on: {
      closed: (event) => {
        if (isRefusal(event) && usedToken) refuseToken(usedToken);
      },
    },
  });
  // A new token needs a new socket; what runs is then subscribed again.
  onTokenChange(() => {
    if (readToken() !== usedToken) client.terminate();
  });
  return client;
}

/**
 * The operation that is meant. GraphiQL tells a name, but for a moment after a change of tabs still that of the tab
 * before; a document with one operation needs none.
 */
function chosenOperation({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined {
  try {
    const operations = parse(query).definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
    return operations.length === 1 ? operations[0] : operations.find((each) => each.name?.value === operationName);
  } catch {
    return undefined; // The server says what is wrong with it.
  }
}

/** What a person wrote into the editor of headers goes last: it may replace even the token. */
async function send(params: FetcherParams, headers: Record<string, unknown>): Promise<ExecutionResult> {
  const token = readToken();
  const response = await fetch(endpoint, {
    method: 'POST',
    credentials: 'omit',
    body: JSON.stringify(params),
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    },
  }).catch(() => null);
  if (!response) return failed('The server cannot be reached.');
  if (response.status === 401 && token) refuseToken(token);
  const result: ExecutionResult | null = await response.json().catch(() => null);
  if (!result) return failed(`The server answered ${response.status} and no JSON.`);
  rememberIds(result.data);
  return result;
}

const failed = (message: string): ExecutionResult => ({ errors: [new GraphQLError(message)] });

const isRefusal = (reason: unknown): boolean => reason instanceof CloseEvent && refusals.includes(reason.code);
