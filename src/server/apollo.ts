import { randomUUID } from 'node:crypto';
import {
  ApolloServer,
  type ApolloServerOptions,
  type ApolloServerPlugin,
  type BaseContext,
  type GraphQLRequestListener,
} from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { type GraphQLSchema, OperationTypeNode } from 'graphql';
import { ParleyError } from '../errors.js';
import type { Log } from '../platform/log.js';
import type { Documents } from './documents.js';
import type { ErrorMask } from './error-masking.js';
import { HttpError, withHttp } from './http-errors.js';
import type { QueryLimits } from './query-limits.js';

export interface ApolloOptions {
  readonly schema: GraphQLSchema;
  readonly log: Log;
  readonly documents: Documents;
  readonly queryLimits: QueryLimits;
  readonly mask: ErrorMask;
}

/** The header under which the door hands Apollo the id of a request. */
export const requestIdHeader = 'x-request-id';

/**
 * Apollo Server as the executor of operations over HTTP, started. No plugin of it looks at single fields: that would
 * cost more than the fields.
 */
export async function startApollo<Context extends object>(options: ApolloOptions): Promise<ApolloServer<Context>> {
  const { schema, log, documents, mask } = options;
  const settings: ApolloServerOptions<Context> = {
    schema,
    nodeEnv: 'production',
    // Whether introspection is on is a rule of `documents`, the same for the socket.
    introspection: true,
    parseOptions: documents.parseOptions,
    validationRules: documents.rules,
    validationOptions: documents.validationOptions,
    documentStore: documents.store,
    includeStacktraceInErrorResponses: false,
    formatError: (_formatted, error) => mask.format(error, mask.requestIdOf(error) ?? randomUUID()),
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    csrfPrevention: true,
    stopOnTerminationSignals: false,
    stringifyResult: (result) => JSON.stringify(result),
    logger: quietLogger(log),
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      limitsPlugin(options),
    ],
  };
  const apollo = new ApolloServer<Context>(settings);
  await apollo.start();
  return apollo;
}

/** Checks an operation once it is known with its variables, and tells the mask whose errors are whose. */
function limitsPlugin({ queryLimits, mask, log }: ApolloOptions): ApolloServerPlugin {
  const requestIdOf = (request: { http?: { headers: Map<string, string> } }) =>
    request.http?.headers.get(requestIdHeader) ?? randomUUID();
  const listener: GraphQLRequestListener<BaseContext> = {
    async didResolveOperation({ document, operation, request }) {
      // Null where the operation's name fits none: the execution says so.
      if (!operation) return;
      if (operation.operation === OperationTypeNode.SUBSCRIPTION) throw withHttp(subscriptionOverHttp());
      try {
        queryLimits.check(document, operation, request.variables ?? {});
      } catch (error) {
        throw error instanceof ParleyError ? withHttp(error) : error;
      }
    },
    async didEncounterErrors({ errors, request }) {
      mask.remember(errors, requestIdOf(request));
    },
  };
  return {
    requestDidStart: async () => listener,
    unexpectedErrorProcessingRequest: async ({ error, requestContext }) => {
      log.error({ error, requestId: requestIdOf(requestContext.request) }, 'An operation failed outside of its fields');
    },
  };
}

const subscriptionOverHttp = () =>
  new HttpError('Subscriptions are served over WebSocket at /graphql (graphql-transport-ws).', 400);

/** What Apollo has to say may quote errors: only that it spoke is kept. */
function quietLogger(log: Log) {
  const ignore = () => {};
  return {
    debug: ignore,
    info: ignore,
    warn: () => log.warn('Apollo Server warned'),
    error: () => log.error('Apollo Server reported an error'),
  };
}
