import type { IncomingMessage } from 'node:http';

/** Who may call from a browser: pages of this server's own origin, and of the origins that are allowed by name. */
export class CrossOrigin {
  private readonly allowed: ReadonlySet<string>;

  constructor(allowedOrigins: readonly string[]) {
    this.allowed = new Set(allowedOrigins);
  }

  /**
   * May this request open a socket? Browsers send cookies and need no preflight for sockets, so a foreign page is
   * stopped here. No Origin means that no browser asks.
   */
  allowsSocket(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    if (this.allowed.has(origin)) return true;
    const url = URL.parse(origin);
    // TLS may end at a proxy, so that the scheme is not known here; the port that is default for it is left out.
    return url !== null && host !== undefined && (host === url.host || host === `${url.host}:${defaultPort(url)}`);
  }

  /** For the answer to a request from a page; nothing for one that is not allowed: the browser then keeps it back. */
  headersFor(request: IncomingMessage): Readonly<Record<string, string>> {
    const { origin } = request.headers;
    if (this.allowed.size === 0) return {};
    if (origin === undefined || !this.allowed.has(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'retry-after, x-request-id',
      'cross-origin-resource-policy': 'cross-origin',
    };
  }

  /** Beside these, for the answer to a preflight. */
  readonly preflightHeaders: Readonly<Record<string, string>> = {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type, apollo-require-preflight, x-apollo-operation-name',
    'access-control-max-age': '86400',
  };
}

const defaultPort = (url: URL) => (url.protocol === 'https:' ? '443' : '80');
