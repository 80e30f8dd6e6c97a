import type { Limits } from '../limits.js';

/** What of the limits is checked at the door, before an operation runs. */
export type ServerLimits = Pick<
  Limits,
  | 'bodyBytes'
  | 'bulkBodyBytes'
  | 'documentBytes'
  | 'documentTokens'
  | 'documentDepth'
  | 'documentAliases'
  | 'documentRootFields'
  | 'documentCost'
  | 'pageSize'
  | 'idsPerRequest'
  | 'socketFrameBytes'
  | 'socketInitMs'
  | 'subscriptionsPerSocket'
  | 'socketsPerOwner'
>;

/** Waits of the server, in milliseconds: each is how long something may take before it is given up. */
export interface ServerTimings {
  /** From a connection's first byte to the end of a request's headers. */
  readonly headersMs: number;
  /** From a connection's first byte to the end of a request's body. */
  readonly requestMs: number;
  /** A kept-alive connection without a request; longer than the minute after which most proxies let go. */
  readonly keepAliveMs: number;
  /** A connection on which nothing moves while an answer is written to it. */
  readonly stalledMs: number;
  /** How long a refused body is still thrown away, so that its sender comes to read the refusal. */
  readonly lingerMs: number;
  /** The check of what the server needs, behind /health/ready. */
  readonly readinessMs: number;
  readonly socketPingMs: number;
  /**
   * A socket's peer that neither sent anything, nor answered a ping, nor took any of the bytes that wait for it, is
   * dead. Not less than a person needs to come back to a tab that stopped reading: what waits costs little, and it
   * reads on where it stopped.
   */
  readonly socketSilenceMs: number;
  /** From our closing frame to the peer's. */
  readonly socketCloseMs: number;
}

export const defaultTimings: ServerTimings = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 65_000,
  stalledMs: 120_000,
  lingerMs: 2000,
  readinessMs: 2000,
  socketPingMs: 12_000,
  socketSilenceMs: 120_000,
  socketCloseMs: 5000,
};
