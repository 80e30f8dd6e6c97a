import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../support/manual-clock.js';
import { SocketClient, type SocketClientOptions } from '../../support/socket-client.js';
import { until } from '../../support/until.js';
import { type SmallServer, startSmallServer, stopSmallServers, viewerOf } from './small-server.js';

const dayMs = 86_400_000;
const silence = 'subscription { silence { number } }';

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

/** 40 MB, more than any connection holds. */
const bigCount = 640;
const big = `subscription { ticks(count: ${bigCount}, bytes: 65536) { number text } }`;

describe('The limits of a socket', () => {
  it('50 subscriptions a socket; one that ends makes room', async () => {
    const client = await connected();
    for (let number = 1; number <= 51; number += 1) client.subscribe(`s${number}`, silence);
    const { payload } = await client.next('error', 's51');
    expect(payload).toMatchObject([{ extensions: { code: 'TOO_COMPLEX' } }]);
    await until('50 sources', () => small.sources.open === 50);
    client.send({ type: 'complete', id: 's1' });
    await until('49 sources', () => small.sources.open === 49);
    client.subscribe('s52', silence);
    await until('50 sources again', () => small.sources.open === 50);
    client.terminate();
    await until('all sources to be released', () => small.sources.open === 0);
  });

  it('10 sockets an owner; one that closes makes room, and others have their own', async () => {
    const mine = await Promise.all(Array.from({ length: 10 }, () => connected()));
    await connected(small, 'grace');
    const eleventh = await SocketClient.open(small.socketUrl);
    eleventh.send({ type: 'connection_init', payload: { authorization: 'Bearer ada' } });
    expect((await eleventh.whenClosed()).code).toBe(4503);
    mine[0]?.terminate();
    await until('room for another', async () => {
      const client = await SocketClient.open(small.socketUrl);
      clients.push(client);
      client.send({ type: 'connection_init', payload: { authorization: 'Bearer ada' } });
      return until('an answer', () => client.messages.length > 0 || client.closed).then(() => !client.closed);
    });
  });

  it('64 KiB a message, before anybody has said who asks, too', async () => {
    const stranger = await SocketClient.open(small.socketUrl);
    stranger.send('x'.repeat(65_537));
    expect((await stranger.whenClosed()).code).toBe(1009);
    const client = await connected();
    client.send({ type: 'ping', payload: { text: 'x'.repeat(65_000) } });
    await client.next('pong');
    client.subscribe('x'.repeat(129), silence);
    expect((await client.next('error')).payload).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', field: 'id' } },
    ]);
  });

  it('no compression is agreed on, whatever the client offers', async () => {
    expect((await connected()).socket.extensions).toBe('');
  });
});

describe('A token that ends', () => {
  it.each([
    ['in an hour', dayMs / 24],
    // Longer than a timer of the system can be set for: such a one fires at once.
    ['in 60 days', 60 * dayMs],
  ])('%s closes its sockets then, and not before', async (_when, leftMs) => {
    const clock = new ManualClock();
    const server = await startSmallServer({
      clock,
      authenticate: async (authorization) => viewerOf(authorization, clock.now() + leftMs),
      timings: { socketPingMs: 100 * dayMs, socketSilenceMs: 100 * dayMs },
    });
    const client = await connected(server);
    client.subscribe('1', silence);
    await until('the source', () => server.sources.open === 1);
    await clock.advance(leftMs - 1);
    client.send({ type: 'ping' });
    await client.next('pong');
    await clock.advance(1);
    expect(await client.whenClosed()).toEqual({ code: 4403, reason: 'Token expired' });
    expect(server.sources.open).toBe(0);
    expect(clock.timers).toBe(0);
  });
});

describe('A socket that the server closes', () => {
  it('releases everything at once, whether or not its peer agrees', async () => {
    const clock = new ManualClock();
    const server = await startSmallServer({
      clock,
      authenticate: async (authorization) => viewerOf(authorization, clock.now() + 10_000),
    });
    const client = await connected(server);
    client.subscribe('1', silence);
    client.subscribe('2', big);
    await until('both sources', () => server.sources.open === 2);
    client.socket.pause();
    await clock.advance(10_000);
    expect([server.sources.open, clock.timers]).toEqual([0, 0]);
    client.terminate();
  });
});

describe('A reader that stops reading', () => {
  it('is pulled for no further than its connection takes, reads on later, and misses nothing', async () => {
    const server = await startSmallServer();
    const client = await connected(server);
    client.socket.pause();
    client.subscribe('1', big);
    await until('the source to be pulled', () => server.sources.pulled > 0);
    let before = -1;
    await until('the pulls to stand still', async () => {
      const stands = before === server.sources.pulled;
      before = server.sources.pulled;
      for (let turn = 0; turn < 20; turn += 1) await setImmediate();
      return stands;
    });
    expect(server.sources.pulled).toBeLessThan(bigCount / 2);
    client.socket.resume();
    await client.next('complete', '1');
    const numbers = client.messages.map((message) => Object(message.payload).data.ticks.number);
    expect(numbers).toEqual(Array.from({ length: bigCount }, (_, index) => index + 1));
  });
});

describe('A reader that has stopped', () => {
  it('holds a few events in memory, however many subscriptions it has', async () => {
    const server = await startSmallServer();
    const client = await connected(server);
    client.socket.pause();
    client.subscribe('big', big);
    let before = -1;
    await until('its connection to be full', async () => {
      const stands = before > 0 && before === server.sources.pulled;
      before = server.sources.pulled;
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
      return stands;
    });
    const executedBefore = server.sources.executed;
    for (let number = 0; number < 40; number += 1) {
      client.subscribe(`s${number}`, 'subscription { ticks(count: 3, bytes: 65536) { number text } }');
    }
    await until(
      'every source to be pulled',
      () => server.sources.opened === 41 && server.sources.pulled >= before + 40,
    );
    for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    expect(server.sources.executed - executedBefore).toBeLessThanOrEqual(2);
    client.socket.resume();
    for (let number = 0; number < 40; number += 1) await client.next('complete', `s${number}`);
    await client.next('complete', 'big');
    expect(client.messages.filter((message) => message.type === 'next')).toHaveLength(bigCount + 120);
  });

  it('is let go after two minutes without any sign of it, and everything is released', async () => {
    const clock = new ManualClock();
    const server = await startSmallServer({ clock });
    const client = await connected(server);
    client.socket.pause();
    client.subscribe('1', big);
    client.subscribe('2', silence);
    await until('both sources', () => server.sources.open === 2);
    await clock.advance(110_000);
    expect(server.sources.open).toBe(2);
    await clock.advance(24_000);
    await until('both sources to be released', () => server.sources.open === 0);
    client.socket.resume();
    expect((await client.whenClosed()).code).toBe(1006);
    expect(clock.timers).toBe(0);
  });
});

describe('A reader that is slow', () => {
  it('is not let go while it answers pings, or takes what waits for it', async () => {
    const clock = new ManualClock();
    const server = await startSmallServer({ clock });
    const idle = await connected(server);
    const slow = await connected(server, 'grace', { autoPong: false });
    slow.socket.pause();
    slow.subscribe('1', big);
    for (let step = 0; step < 25; step += 1) {
      const pinged = new Promise((resolve) => idle.socket.once('ping', resolve));
      await clock.advance(12_000);
      await pinged;
      const { pulled } = server.sources;
      if (step % 8 === 7) {
        slow.socket.resume();
        await until('the reader to take something', () => server.sources.pulled > pulled);
        slow.socket.pause();
      }
    }
    expect([idle.closed, slow.closed]).toEqual([null, null]);
    const closed = server.server.close(0);
    await clock.advance(0);
    await closed;
  });

  it('is not read either: what it asks for does not pile up', async () => {
    const client = await connected();
    client.socket.pause();
    const text = 'x'.repeat(60_000);
    for (let count = 0; count < 1000; count += 1) client.send({ type: 'ping', payload: { text } });
    await until('the server to stop reading', async () => {
      const waiting = client.socket.bufferedAmount;
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
      return waiting > 0 && waiting === client.socket.bufferedAmount;
    });
    expect(client.socket.bufferedAmount).toBeGreaterThan(20_000_000);
    client.socket.resume();
    await until('every answer', () => client.messages.length === 1000);
  });
});
