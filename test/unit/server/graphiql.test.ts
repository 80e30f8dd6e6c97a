import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createGraphiQLHandler, graphiQLFolder } from '../../../src/server/graphiql.js';
import { HttpError } from '../../../src/server/http-errors.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const script = 'export const answer = 42;';
let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-test-'));
  mkdirSync(join(folder, 'bundle/assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.html'), 'secret');
  writeFileSync(join(folder, 'bundle/index.html'), '<title>page</title>');
  writeFileSync(join(folder, 'bundle/assets/main-1a2b.js'), script);
  writeFileSync(join(folder, 'bundle/assets/main-1a2b.js.gz'), gzipSync(script));
});

afterEach(async () => {
  server?.closeAllConnections();
  if (server) await once(server.close(), 'close');
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** A server that answers 404 to what GraphiQL's handler leaves alone, and errors with their own status. */
async function serve(bundle: string): Promise<(path: string, method?: string, headers?: object) => Promise<Answer>> {
  const handle = createGraphiQLHandler(bundle);
  server = createServer((request, response) => {
    try {
      if (!handle(request, response)) response.writeHead(404).end();
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      response.writeHead(error.status, error.headers).end(error.message);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  // Not fetch: it would tidy the paths up.
  return (path, method = 'GET', headers = {}) =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, method, headers: { ...headers }, agent: false });
      request.on('error', reject).on('response', async (response) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: await text(response) });
      });
      request.end();
    });
}

describe('A file of GraphiQL, served from this machine', () => {
  it('goes out, where it is the page, with headers that let it load and call this server only', async () => {
    const get = await serve(join(folder, 'bundle'));
    const page = await get('/graphiql?from=mail');
    expect(page).toMatchObject({ status: 200, body: '<title>page</title>' });
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    const policy = page.headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
  });

  it('goes out, where it is a script, compressed if that is accepted, and may be kept for ever', async () => {
    const get = await serve(join(folder, 'bundle'));
    const plain = await get('/graphiql/assets/main-1a2b.js');
    expect(plain).toMatchObject({ status: 200, body: script });
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(plain.headers['content-encoding']).toBeUndefined();

    const compressed = await get('/graphiql/assets/main-1a2b.js', 'GET', { 'accept-encoding': 'br, gzip' });
    expect(compressed.headers['content-encoding']).toBe('gzip');
    expect(compressed.headers['content-length']).toBe(String(gzipSync(script).length));
  });

  it('goes out without a body to HEAD, and as 304 to whoever has it already', async () => {
    const get = await serve(join(folder, 'bundle'));
    const head = await get('/graphiql', 'HEAD');
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-length']).toBe('19');
    expect(await get('/graphiql', 'GET', { 'if-none-match': head.headers.etag })).toMatchObject({
      status: 304,
      body: '',
    });
  });
});

describe('What GraphiQL answers', () => {
  it('is nothing but the files of the bundle, by whatever path it is asked', async () => {
    const get = await serve(join(folder, 'bundle'));
    for (const path of [
      '/graphiql/../secret.html',
      '/graphiql/assets/../../secret.html',
      '/graphiql/%2e%2e/secret.html',
      '/graphiql/..%2fsecret.html',
      '/graphiql/assets/..\\..\\secret.html',
      '/graphiql/assets/main-1a2b.js.gz',
      '/graphiql/assets/',
      '/graphiql/__proto__',
    ]) {
      expect([path, await get(path)]).toMatchObject([path, { status: 404, body: '' }]);
    }
  });

  it('is nothing at all outside its own path', async () => {
    const get = await serve(join(folder, 'nothing'));
    for (const path of ['/', '/graphql', '/graphiqlx', '//graphiql']) {
      expect([path, await get(path, 'POST')]).toMatchObject([path, { status: 404, body: '' }]);
    }
  });

  it('is GET and HEAD only', async () => {
    const get = await serve(join(folder, 'bundle'));
    const answer = await get('/graphiql', 'POST');
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  it('is the command that builds it, where it is not built', async () => {
    const get = await serve(join(folder, 'nothing'));
    const answer = await get('/graphiql');
    expect(answer.status).toBe(503);
    expect(answer.body).toContain('npm run build');
  });

  it('is read from the root of the package', () => {
    expect(graphiQLFolder()).toBe(join(import.meta.dirname, '../../../dist/graphiql'));
  });
});
