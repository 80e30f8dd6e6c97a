import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { dirname, extname, join, sep } from 'node:path';
import { HttpError, methodNotAllowed } from './http-errors.js';
import { pathOf } from './routes.js';

/**
 * Answers a request for GraphiQL and says true; says false, with nothing done, for everything else.
 * @throws an HttpError 405 for another method than GET and HEAD, 503 where there is no bundle.
 */
export type GraphiQLHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

interface Asset {
  readonly body: Buffer;
  /** The same bytes for a client that accepts gzip; null where the build found nothing to win. */
  readonly gzip: Buffer | null;
  readonly headers: OutgoingHttpHeaders;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ttf': 'font/ttf',
};

/**
 * The page may load and call nothing but this server, so a token in it can go nowhere else. The editor (Monaco) writes
 * styles at run time and carries fonts and pictures in its style sheet.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const securityHeaders: OutgoingHttpHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/**
 * Serves GraphiQL under `/graphiql` from `folder`, the bundle that the build wrote. The files are read once, here:
 * a request only looks its path up, so no path can lead to anything else.
 */
export function createGraphiQLHandler(folder: string): GraphiQLHandler {
  const assets = readAssets(folder);
  return (request, response) => {
    const path = pathOf(request);
    if (path !== '/graphiql' && !path.startsWith('/graphiql/')) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed('GET, HEAD');
    if (assets.size === 0) throw notBuilt();
    const asset = assets.get(path);
    if (asset) sendAsset(request, response, asset);
    return asset !== undefined;
  };
}

const notBuilt = () =>
  new HttpError('GraphiQL is not built: run `npm run build`, then start the server again.', 503, {}, 'UNAVAILABLE');

/** Where the build puts the bundle, seen from the compiled code and from the sources alike. */
export function graphiQLFolder(from: string = import.meta.dirname): string {
  let folder = from;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`No package.json stands in or above ${from}.`);
    folder = parent;
  }
  return join(folder, 'dist', 'graphiql');
}

/** By path of the request; empty where there is no bundle. */
function readAssets(folder: string): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  if (!existsSync(join(folder, 'index.html'))) return assets;
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const contentType = contentTypes[extname(file)];
    if (contentType) assets.set(`/graphiql/${file.replaceAll(sep, '/')}`, readAsset(join(folder, file), contentType));
  }
  const page = assets.get('/graphiql/index.html');
  if (page) assets.set('/graphiql', page).set('/graphiql/', page);
  return assets;
}

function readAsset(file: string, contentType: string): Asset {
  const body = readFileSync(file);
  const gzip = existsSync(`${file}.gz`) ? readFileSync(`${file}.gz`) : null;
  const headers = {
    ...securityHeaders,
    'content-type': contentType,
    // Weak, for it stands for the compressed bytes as well.
    etag: `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    // The names of all but the page hold a hash of their content.
    'cache-control': file.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
    vary: 'accept-encoding',
  };
  return { body, gzip, headers };
}

function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  if (request.headers['if-none-match']?.includes(String(asset.headers.etag))) {
    response.writeHead(304, asset.headers).end();
    return;
  }
  const gzip = acceptsGzip(request) ? asset.gzip : null;
  const body = gzip ?? asset.body;
  const encoding = gzip ? { 'content-encoding': 'gzip' } : {};
  // Node leaves the body out of an answer to HEAD by itself.
  response.writeHead(200, { ...asset.headers, ...encoding, 'content-length': body.length }).end(body);
}

/** A weight of 0, which would refuse it, is sent by nobody. */
const acceptsGzip = (request: IncomingMessage) => /\bgzip\b/i.test(String(request.headers['accept-encoding'] ?? ''));
