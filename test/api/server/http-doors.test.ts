import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { exchangeBytes, post, request } from '../../support/http-client.js';
import { ManualClock } from '../../support/manual-clock.js';
import { refusedSocket, SocketClient } from '../../support/socket-client.js';
import { until } from '../../support/until.js';
import { type SmallServer, startSmallServer, stopSmallServers } from './small-server.js';

const friend = 'https://chat.example.com';

let small: SmallServer;
beforeAll(async () => {
  small = await startSmallServer({
    allowedOrigins: [friend],
    graphiql: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': 'its own' }).end('<html>');
      return true;
    },
    routes: [
      { path: '/later', methods: ['POST'], handle: async (_request, response) => void response.end('{}') },
      {
        path: '/broken',
        handle: async () => {
          throw new Error('password=hunter2');
        },
      },
    ],
  });
});
afterEach(() => stopSmallServers(small));
afterAll(() => stopSmallServers());

describe('The addresses of the server', () => {
  it.each([
    ['GET', '/nowhere', 404, 'NOT_FOUND'],
    ['GET', '/graphql/', 404, 'NOT_FOUND'],
    ['GET', '//', 404, 'NOT_FOUND'],
    ['GET', '/../etc/passwd', 404, 'NOT_FOUND'],
    ['PUT', '/graphql', 405, 'BAD_USER_INPUT'],
    ['GET', '/later', 405, 'BAD_USER_INPUT'],
    ['POST', '/health/live', 405, 'BAD_USER_INPUT'],
    ['GET', '/broken', 500, 'INTERNAL'],
  ])('%s %s is answered with an error as JSON', async (method, path, status, code) => {
    const answer = await request(small.origin + path, { method });
    expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.text).not.toContain('hunter2');
  });

  it('every answer says that it is not to be sniffed, framed, referred or kept', async () => {
    for (const path of ['/nowhere', '/graphql', '/health/live']) {
      const { headers } = await request(small.origin + path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    }
  });

  it('/ leads to GraphiQL where it is on, and GraphiQL says its own headers', async () => {
    const root = await request(`${small.origin}/`);
    expect([root.status, root.headers.get('location')]).toEqual([302, '/graphiql']);
    const page = await request(`${small.origin}/graphiql/index.js?x`);
    expect([page.status, page.headers.get('content-security-policy')]).toEqual([200, 'its own']);
  });

  it('/ and /graphiql are not there where it is off', async () => {
    const plain = await startSmallServer();
    for (const path of ['/', '/graphiql']) expect((await request(plain.origin + path)).status).toBe(404);
  });

  it('what is no HTTP is answered as JSON too', async () => {
    expect(await exchangeBytes(small.port, 'HELO there\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*application\/json/s);
    const long = `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;
    expect(await exchangeBytes(small.port, long)).toMatch(/^HTTP\/1\.1 431 .*application\/json/s);
  });

  it('what is no WebSocket, or wants one elsewhere, is answered as JSON too', async () => {
    const upgrade = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`;
    expect(await exchangeBytes(small.port, upgrade('/graphql'))).toMatch(/^HTTP\/1\.1 400 .*application\/json/s);
    expect(await exchangeBytes(small.port, upgrade('/nowhere'))).toMatch(/^HTTP\/1\.1 404 .*application\/json/s);
  });

  it('an offer to speak HTTP/2 does not disturb a request', async () => {
    const body = '{"query": "{ hello }"}';
    const answer = await exchangeBytes(
      small.port,
      `POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\nContent-Type: application/json\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*Hello ada/s);
  });
});

describe('Health', () => {
  it('is live without asking anything, and ready as far as what it needs is', async () => {
    let ready = true;
    const clock = new ManualClock();
    const moody = await startSmallServer({ clock, readiness: async () => ready });
    expect((await request(`${moody.origin}/health/live`)).json).toEqual({ status: 'live' });
    expect((await request(`${moody.origin}/health/ready`)).json).toEqual({ status: 'ready' });
    ready = false;
    expect((await request(`${moody.origin}/health/ready`)).status).toBe(200);
    await clock.advance(1000);
    const answer = await request(`${moody.origin}/health/ready`);
    expect([answer.status, answer.json]).toEqual([503, { status: 'not ready' }]);
    expect((await request(`${moody.origin}/health/live`)).status).toBe(200);
    expect((await request(`${moody.origin}/health/ready`, { method: 'HEAD' })).status).toBe(503);
  });

  it('is not ready when the question fails or hangs', async () => {
    for (const readiness of [() => Promise.reject(new Error('no')), () => new Promise<boolean>(() => {})]) {
      const sick = await startSmallServer({ readiness, timings: { readinessMs: 20 } });
      expect((await request(`${sick.origin}/health/ready`)).status).toBe(503);
    }
  });
});

describe('Pages of other origins', () => {
  const preflight = (origin: string) =>
    request(small.url, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  it('may call where ALLOWED_ORIGINS names them', async () => {
    const asked = await preflight(friend);
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, friend]);
    expect(asked.headers.get('access-control-allow-headers')).toContain('authorization');
    const answer = await post(small.url, { query: '{ hello }' }, { origin: friend });
    expect([answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([friend, 'Origin']);
  });

  it.each(['https://evil.example.com', 'https://chat.example.com.evil.com', 'http://chat.example.com', 'null'])(
    'may not otherwise: %s',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
      const socket = await refusedSocket(small.socketUrl, { origin });
      expect([socket.status, JSON.parse(socket.body).errors[0].extensions.code]).toEqual([403, 'FORBIDDEN']);
    },
  );

  it('may open a socket where they are allowed, of our own origin, or no pages at all', async () => {
    for (const options of [{ origin: friend }, { origin: small.origin }, {}]) {
      const client = await SocketClient.open(small.socketUrl, options);
      client.terminate();
    }
  });
});

describe('Stopping', () => {
  it('first refuses sockets and readiness, and still serves', async () => {
    const stopping = await startSmallServer();
    const client = await SocketClient.connect(stopping.socketUrl);
    stopping.server.drain();
    expect((await request(`${stopping.origin}/health/ready`)).json).toEqual({ status: 'draining' });
    expect((await refusedSocket(stopping.socketUrl)).status).toBe(503);
    const answer = await post(stopping.url, { query: '{ hello }' });
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    client.subscribe('1', 'subscription { ticks(count: 1) { number } }');
    await client.next('complete', '1');
    await stopping.server.close(1000);
    expect(await client.whenClosed()).toEqual({ code: 1001, reason: 'Going away' });
  });

  it('then lets a request in flight finish, and keeps no connection', async () => {
    const stopping = await startSmallServer();
    const idle = connect(stopping.port, '127.0.0.1');
    idle.resume();
    await until('the idle connection', () => idle.readyState === 'open');
    const slow = post(stopping.url, { query: '{ slow }' });
    await stopping.slowStarted;
    const closed = stopping.server.close(10_000);
    await expect(post(stopping.url, { query: '{ hello }' })).rejects.toThrow();
    stopping.finishSlow();
    expect((await slow).json).toEqual({ data: { slow: 'done' } });
    await closed;
    await until('the idle connection to end', () => idle.destroyed);
  });

  it('and does not wait for a socket whose peer does not close', async () => {
    const clock = new ManualClock();
    const stopping = await startSmallServer({ clock });
    const client = await SocketClient.connect(stopping.socketUrl);
    client.socket.pause();
    const closed = stopping.server.close(500);
    await clock.advance(500);
    await closed;
    client.socket.resume();
    expect((await client.whenClosed()).code).toBe(1001);
  });

  it('and ends, after its grace, what does not', async () => {
    const clock = new ManualClock();
    const stopping = await startSmallServer({ clock });
    const slow = post(stopping.url, { query: '{ slow }' });
    await stopping.slowStarted;
    const closed = stopping.server.close(500);
    await clock.advance(500);
    await closed;
    await expect(slow).rejects.toThrow();
    await stopping.server.close(500);
    expect(clock.timers).toBe(0);
  });
});
