import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** Two ends of one connection through a line. */
interface Pair {
  readonly client: Socket;
  readonly target: Socket;
}

/** A TCP proxy whose line can be cut, slowed down and made a black hole while it runs; its target may move. */
export class FaultyLine {
  private readonly pairs = new Set<Pair>();
  private delayMs = 0;
  private swallowing = false;

  private constructor(
    private readonly server: Server,
    private targetPort: number,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async start(targetPort = 0): Promise<FaultyLine> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultyLine(server, targetPort);
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The line does not listen.');
    return address.port;
  }

  get connections(): number {
    return this.pairs.size;
  }

  /** Where new connections lead from now on. */
  leadTo(port: number): void {
    this.targetPort = port;
  }

  /** Tears all connections down: half of them with a reset, half as where the process at the other end is gone. */
  cut(): void {
    for (const [index, { client, target }] of [...this.pairs].entries()) {
      for (const socket of [client, target]) {
        if (index % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
    }
  }

  /** From now on every piece takes so much longer, each way. */
  slowDown(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** Nothing comes through any more, and nobody is told. */
  swallow(): void {
    this.swallowing = true;
    for (const { client, target } of this.pairs) for (const socket of [client, target]) socket.pause();
  }

  /** As a line that is whole again: what was sent meanwhile arrives late. */
  heal(): void {
    this.delayMs = 0;
    this.swallowing = false;
    for (const { client, target } of this.pairs) for (const socket of [client, target]) socket.resume();
  }

  async close(): Promise<void> {
    for (const { client, target } of this.pairs) for (const socket of [client, target]) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const target = connect(this.targetPort, '127.0.0.1');
    const pair = { client, target };
    this.pairs.add(pair);
    this.pass(client, target);
    this.pass(target, client);
    if (this.swallowing) for (const socket of [client, target]) socket.pause();
  }

  private pass(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    let line: Promise<void> = Promise.resolve();
    from.on('data', (bytes: Buffer) => {
      const dueMs = performance.now() + this.delayMs;
      line = line.then(async () => {
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) await wait(leftMs);
        if (!to.destroyed) to.write(bytes);
      });
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      for (const pair of this.pairs) if (pair.client === from || pair.target === from) this.pairs.delete(pair);
      // What is still on the line arrives first.
      line.then(() => to.destroy());
    });
  }
}
