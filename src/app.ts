import type { Runs } from './answers/runs.js';
import { type AppParts, joinDomains } from './app-domains.js';
import { startJobs } from './app-jobs.js';
import type { Config } from './config.js';
import { unsaidListSize } from './conversations/conversation.service.js';
import { developer } from './development-token.js';
import { IdentityService } from './identity/identity.service.js';
import { Keyring } from './identity/keyring.js';
import { Scope } from './identity/scope.js';
import { createTokenVerifier, signToken } from './identity/token.js';
import { unsaidPageSize } from './messages/message.service.js';
import { type Clock, systemClock } from './platform/clock.js';
import { ConfiguredKeyEncryption } from './platform/encryption.js';
import type { Log } from './platform/log.js';
import { OpenedTexts } from './platform/opened-texts.js';
import { Closers, openResources, type Resources } from './resources.js';
import { highlightsOfEdge, unsaidSearchSize } from './search/search.service.js';
import { createGraphiQLHandler, graphiQLFolder } from './server/graphiql.js';
import { buildParleySchema } from './server/schema.js';
import { createServer, type Server } from './server/server.js';
import { reportRows } from './usage/usage.service.js';

const openedTextBytes = 64 * 1024 * 1024;
/** After the grace: how long interrupted answers have to settle, and requests in flight to end. */
const settleMs = 5000;
const closeMs = 5000;

export interface AppOptions {
  readonly log: Log;
  readonly clock?: Clock;
  /** Told the name of each statement that is sent. */
  readonly onStatement?: (name: string) => void;
  /** Told once, where the server stands on something that is lost for good: it is to be stopped. */
  readonly onLost?: (error: unknown) => void;
}

/** A whole server, built and joined, not yet listening. */
export interface App {
  /** Sentences for whoever starts it. */
  readonly notices: readonly string[];
  /** Rejects where the port is taken. */
  listen(): Promise<{ readonly url: string }>;
  /** A token for development; null where tokens are made by a login. */
  developmentToken(): Promise<string | null>;
  /** How many answers this instance writes now: what a stop waits for. */
  answersBeingWritten(): number;
  /** Stops in order: no new work, running answers finish or settle, sockets close, then everything else. */
  stop(): Promise<void>;
}

/** Opens everything that the configuration names, and joins it. The only place where objects are built. */
export async function createApp(config: Config, options: AppOptions): Promise<App> {
  const { log, clock = systemClock, onLost = () => undefined } = options;
  const closers = new Closers(log);
  try {
    const resources = await openResources(config, { ...options, clock, closers, onLost });
    return await join(config, resources, { log, clock, closers });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function join(config: Config, resources: Resources, { log, clock, closers }: AppParts): Promise<App> {
  const { database, keys, notices } = resources;
  const keyring = new Keyring(keys, new ConfiguredKeyEncryption(resources.encryptionKeys), clock);
  closers.add('opened keys', async () => keyring.close());
  const scopeDeps = { keyring, openedTexts: new OpenedTexts(openedTextBytes, clock) };
  const verifier = createTokenVerifier({ ...config.tokens, secrets: resources.signingSecrets ?? [] }, clock);
  const identity = new IdentityService({ database, keyring, verifier, clock });
  const domains = joinDomains(config, resources, { log, clock, closers, keyring });
  await startJobs(config, resources, domains.expiry, { log, closers });
  const server = await createServer({
    schema: buildParleySchema(domains.resolvers),
    ...{ log, clock, limits: config.limits, introspection: config.introspection },
    authenticate: (authorization) => identity.authenticate(authorization),
    makeContext: (viewer, requestId) => Scope.open(viewer, requestId, scopeDeps),
    readiness: () => database.isReachable(),
    defaultSizes: {
      'Conversation.messages': unsaidPageSize,
      'Query.conversations': unsaidListSize,
      'Query.search': unsaidSearchSize,
      'SearchEdge.highlights': highlightsOfEdge,
      'Query.usageReport': reportRows,
      // Most messages have few: a whole page may ask for them, and only one message for siblings of siblings.
      'Message.siblings': Math.ceil(config.limits.alternatives / 2),
    },
    bulkMutations: ['appendMessages'],
    graphiql: config.graphiql ? createGraphiQLHandler(graphiQLFolder()) : null,
    allowedOrigins: config.allowedOrigins,
  });
  let stopping: Promise<void> | null = null;
  return {
    notices,
    listen: () => listen(config, resources, server),
    developmentToken: async () => developmentToken(config, resources, clock),
    answersBeingWritten: () => domains.runs.count,
    stop: () => {
      stopping ??= stop(config, server, domains.runs, closers);
      return stopping;
    },
  };
}

async function listen(config: Config, { dataDir }: Resources, server: Server): Promise<{ url: string }> {
  const { port } = await server.listen(config.host, config.port);
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  await dataDir?.announce(url);
  return { url };
}

async function developmentToken(config: Config, resources: Resources, clock: Clock): Promise<string | null> {
  const secret = resources.signingSecrets?.[0];
  if (config.production || !secret) return null;
  const { issuer, audience } = config.tokens;
  return await signToken({ secret, issuer, audience, ...developer(config.production) }, clock);
}

async function stop(config: Config, server: Server, runs: Runs, closers: Closers): Promise<void> {
  server.drain();
  await runs.drain(config.shutdownGraceMs, settleMs);
  await server.close(closeMs);
  await closers.close();
}
