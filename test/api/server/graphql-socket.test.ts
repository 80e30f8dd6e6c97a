import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { unavailable } from '../../../src/errors.js';
import { SocketClient, type SocketClientOptions } from '../../support/socket-client.js';
import { until } from '../../support/until.js';
import { type SmallServer, startSmallServer, stopSmallServers, viewerOf } from './small-server.js';

let small: SmallServer;
const clients: SocketClient[] = [];

beforeAll(async () => {
  small = await startSmallServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  await stopSmallServers(small);
});
afterAll(() => stopSmallServers());

async function connected(server = small, token = 'ada', options: SocketClientOptions = {}): Promise<SocketClient> {
  const client = await SocketClient.connect(server.socketUrl, token, options);
  clients.push(client);
  return client;
}

async function opened(server = small, options: SocketClientOptions = {}): Promise<SocketClient> {
  const client = await SocketClient.open(server.socketUrl, options);
  clients.push(client);
  return client;
}

/** The errors with which a subscription ends. */
async function errorsOf(client: SocketClient, id: string): Promise<{ message: string; extensions: object }[]> {
  const { payload } = await client.next('error', id);
  if (!Array.isArray(payload)) throw new Error('The payload of an error is a list.');
  return payload;
}

describe('The socket', () => {
  it("serves graphql-ws's own client, each subscription with a context of its own", async () => {
    const client = createClient({
      url: small.socketUrl,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: 'Bearer ada' },
    });
    const results: unknown[] = [];
    for (let round = 0; round < 2; round += 1) {
      const query = 'subscription ($count: Int!) { ticks(count: $count) { number requestId } }';
      for await (const { data } of client.iterate({ query, variables: { count: 3 } })) results.push(data?.ticks);
    }
    await client.dispose();
    expect(results).toHaveLength(6);
    expect(new Set(results.map((tick) => JSON.stringify(tick).match(/requestId":"([^"]+)/)?.[1])).size).toBe(2);
  });

  it('is for subscriptions only', async () => {
    const client = await connected();
    client.subscribe('q', '{ hello }');
    client.subscribe('m', 'mutation { note(input: { text: "a" }) }');
    expect(await errorsOf(client, 'q')).toEqual([
      {
        message: 'The socket is for subscriptions; send a query to POST /graphql.',
        extensions: { code: 'BAD_USER_INPUT', field: 'query' },
      },
    ]);
    expect((await errorsOf(client, 'm'))[0]?.message).toContain('send a mutation to POST /graphql');
  });

  it('answers documents that are wrong, and stays open', async () => {
    const client = await connected();
    client.subscribe('syntax', 'subscription { ticks(');
    client.subscribe('field', 'subscription { tick { number } }');
    client.subscribe('variable', 'subscription ($n: Int!) { ticks(count: $n) { number } }', { n: 'many' });
    client.send({
      type: 'subscribe',
      id: 'name',
      payload: { query: 'subscription A { silence { number } }', operationName: 'B' },
    });
    for (const id of ['syntax', 'field', 'name']) {
      expect((await errorsOf(client, id))[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    }
    const { payload } = await client.next('next', 'variable');
    expect(payload).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT', field: 'n' } }] });
    client.subscribe('well', 'subscription { ticks(count: 1) { number } }');
    await client.next('complete', 'well');
  });
});

describe('A socket', () => {
  it.each([
    ['to subscribe before connection_init', { type: 'subscribe', id: '1', payload: { query: '{ hello }' } }, 4401],
    ['what is no JSON', 'hello', 4400],
    ['what is no message', { type: 'shout' }, 4400],
    ['what only servers say', { type: 'next', id: '1', payload: {} }, 4400],
  ])('is closed when it is asked %s', async (_what, message, code) => {
    const before = small.logged.length;
    const client = await opened();
    client.send(message);
    expect((await client.whenClosed()).code).toBe(code);
    expect(small.logged.length).toBe(before);
  });

  it('is closed for a second connection_init, a second use of an id, and no protocol', async () => {
    const other = await opened();
    other.send({ type: 'connection_init', payload: { authorization: 'Bearer ada' } });
    other.send({ type: 'connection_init', payload: { authorization: 'Bearer ada' } });
    expect((await other.whenClosed()).code).toBe(4429);
    const twice = await connected();
    twice.subscribe('1', 'subscription { silence { number } }');
    twice.subscribe('1', 'subscription { silence { number } }');
    expect((await twice.whenClosed()).code).toBe(4409);
    await until('the source to be released', () => small.sources.open === 0);
    const [code] = await once(new WebSocket(small.socketUrl), 'close');
    expect(code).toBe(4406);
  });
});

describe('Who asks, on a socket', () => {
  it.each([
    ['no token', undefined],
    ['a token that is refused', { authorization: 'Bearer mallory' }],
    ['a token that is no text', { authorization: ['Bearer ada'] }],
  ])('%s: closed with 4403', async (_what, payload) => {
    const client = await opened();
    client.send({ type: 'connection_init', payload });
    expect(await client.whenClosed()).toEqual({
      code: 4403,
      reason: 'Send a valid token as "Authorization: Bearer …".',
    });
    expect(client.messages).toEqual([]);
  });

  it('is told to come again where it cannot be told now', async () => {
    const poor = await startSmallServer({ authenticate: () => Promise.reject(unavailable()) });
    const client = await opened(poor);
    client.send({ type: 'connection_init', payload: { authorization: 'Bearer ada' } });
    expect((await client.whenClosed()).code).toBe(4503);
  });

  it('must be said in time', async () => {
    const impatient = await startSmallServer({ limits: { socketInitMs: 50 } });
    const client = await opened(impatient);
    expect(await client.whenClosed()).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  it('takes no token from the address', async () => {
    const client = await SocketClient.open(`${small.socketUrl}?authorization=Bearer%20ada`);
    clients.push(client);
    client.send({ type: 'connection_init' });
    expect((await client.whenClosed()).code).toBe(4403);
  });

  it('never sees that a socket waits for a viewer for ever', async () => {
    let release = () => {};
    const waiting = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = await startSmallServer({
      limits: { socketsPerOwner: 1 },
      authenticate: async (authorization) => {
        if (authorization === 'Bearer slow') await waiting;
        return viewerOf('Bearer ada');
      },
    });
    const gone = await opened(slow);
    gone.send({ type: 'connection_init', payload: { authorization: 'Bearer slow' } });
    gone.terminate();
    await gone.whenClosed();
    release();
    // The one that went away while it was looked up counts for nothing.
    await connected(slow);
  });
});

describe('Errors, on a socket', () => {
  it('of the catalogue come as they are', async () => {
    const client = await connected();
    client.subscribe('1', 'subscription { refusesNow { number } }');
    const { payload } = await client.next('next', '1');
    expect(payload).toMatchObject({
      errors: [{ message: 'There is no such conversation.', path: ['refusesNow'], extensions: { code: 'NOT_FOUND' } }],
    });
    await client.next('complete', '1');
  });

  it('of ours say nothing, in a field and in a source, and are logged once', async () => {
    const client = await connected();
    const before = small.logged.length;
    client.subscribe('field', 'subscription { ticks(count: 1) { number fails requestId } }');
    const { payload } = await client.next('next', 'field');
    const requestId = /"requestId":"([^"]+)"/.exec(JSON.stringify(payload))?.[1];
    expect(payload).toMatchObject({
      data: { ticks: { number: 1, fails: null } },
      errors: [{ message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL', requestId } }],
    });
    client.subscribe('source', 'subscription { failsLate { number } }');
    await client.next('next', 'source');
    const [error] = await errorsOf(client, 'source');
    expect(error).toMatchObject({ message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL' } });
    expect(JSON.stringify([payload, error])).not.toMatch(/hunter2|secret|stack/);
    expect(small.logged.slice(before).map((line) => line.msg)).toEqual(['An operation failed', 'An operation failed']);
    expect(small.logged[before]?.requestId).toBe(requestId);
  });

  it('of a context that cannot be made now are UNAVAILABLE', async () => {
    const poor = await startSmallServer({ makeContext: () => Promise.reject(unavailable()) });
    const client = await connected(poor);
    client.subscribe('1', 'subscription { silence { number } }');
    expect((await errorsOf(client, '1'))[0]?.extensions).toEqual({ code: 'UNAVAILABLE', retryable: true });
  });
});

describe('Limits, the same on a socket', () => {
  const wide = (field: string) => `subscription { ticks(count: 1) { number ${field} } }`;
  const aliases = Array.from({ length: 16 }, (_, i) => `a${i}: __typename`).join(' ');

  it.each([
    ['8 KiB', wide(`#${'x'.repeat(8192)}\n`)],
    ['1,500 tokens', wide('...A '.repeat(800))],
    ['15 aliases', wide(aliases)],
    ['aliases in fragments', `${wide('...A')} fragment A on Tick { ${aliases} }`],
  ])('%s', async (_what, query) => {
    const client = await connected();
    for (const id of ['first', 'again']) {
      client.subscribe(id, query);
      expect((await errorsOf(client, id))[0]?.extensions).toEqual({ code: 'TOO_COMPLEX' });
    }
  });

  it('introspection is off where it is off, and nothing is suggested', async () => {
    const closed = await startSmallServer({ introspection: false });
    const client = await connected(closed);
    client.subscribe('1', 'subscription { __schema { types { name } } }');
    client.subscribe('2', 'subscription { tick { number } }');
    client.subscribe('3', '{ __schema { types { name } } }');
    for (const id of ['1', '2', '3']) {
      const errors = await errorsOf(client, id);
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
      expect(JSON.stringify(errors)).not.toContain('Did you mean');
    }
  });
});
