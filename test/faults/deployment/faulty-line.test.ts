import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../../support/until.js';
import { FaultyLine } from './faulty-line.js';

let echo: Server;
let line: FaultyLine;
const clients: Client[] = [];

/** Says things, and hears its own words again. */
class Client {
  heard = '';
  closed = false;

  constructor(readonly socket: Socket) {
    clients.push(this);
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.heard += text;
    });
    socket
      .on('error', () => undefined)
      .on('close', () => {
        this.closed = true;
      });
  }

  static async open(): Promise<Client> {
    const socket = connect(line.port, '127.0.0.1');
    await once(socket, 'connect');
    return new Client(socket);
  }

  async says(text: string): Promise<void> {
    this.socket.write(text);
    await until(`"${text}" comes back`, () => this.heard.endsWith(text));
  }
}

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  line = await FaultyLine.start(typeof address === 'object' && address ? address.port : 0);
});
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await line.close();
  echo.close();
});

describe('A faulty line', () => {
  it('passes on what is said, and each piece so much later where it is slow, one no later than another', async () => {
    const client = await Client.open();
    await client.says('at once');
    line.slowDown(150);
    const startMs = performance.now();
    for (let number = 1; number <= 20; number += 1) client.socket.write(`${number},`);
    await client.says('late');
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(290);
    expect(tookMs).toBeLessThan(3000);
    line.heal();
    await client.says('at once again');
  });

  it('swallows what is said while it is a black hole, tells nobody, and gives it late', async () => {
    const before = await Client.open();
    await before.says('one');
    line.swallow();
    const meanwhile = await Client.open();
    for (const client of [before, meanwhile]) client.socket.write('two');
    const startMs = performance.now();
    await until('time passes', () => performance.now() - startMs > 200);
    expect([before.heard, before.closed, meanwhile.heard, meanwhile.closed]).toEqual(['one', false, '', false]);
    line.heal();
    await until('both hear it', () => before.heard === 'onetwo' && meanwhile.heard === 'two');
  });

  it('is cut on both sides, and takes new connections', async () => {
    const all = [await Client.open(), await Client.open()];
    for (const client of all) await client.says('one');
    expect(line.connections).toBe(2);
    line.cut();
    await until('both are told', () => all.every(({ closed }) => closed));
    await until('none is left', () => line.connections === 0);
    await (await Client.open()).says('two');
  });
});
