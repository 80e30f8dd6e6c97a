import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Where a connection is cut: before the server has got the statement, or after it has answered it. What is cut long before
 * is on its way until {@link CuttingProxy.arrive}; the server's end of the connection stands until then.
 */
export type CutPlace = 'before it arrives' | 'before its answer arrives' | 'long before it arrives';

/** Stands before a database, and cuts the connection on which a certain statement is sent. */
export class CuttingProxy {
  private readonly sockets = new Set<Socket>();
  private planned: { readonly text: string; readonly place: CutPlace; times: number }[] = [];
  private readonly onTheirWay: (() => void)[] = [];
  /** How many connections were cut so. */
  cuts = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async start(databaseUrl: string): Promise<CuttingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttingProxy(server, new URL(databaseUrl));
  }

  /** The database, through here. */
  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.');
    return Object.assign(new URL(this.target), { host: `127.0.0.1:${address.port}` }).href;
  }

  /**
   * The next time, or so many times, that a message to the server holds `text`, its connection is cut; after all cuts that
   * were planned before.
   */
  cutAt(text: string, place: CutPlace, times = 1): void {
    this.planned.push({ text, place, times });
  }

  /** What was cut off on its way comes to the server. */
  arrive(): void {
    for (const arrive of this.onTheirWay.splice(0)) arrive();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    let answered = () => {};
    /** The server does not know yet. */
    let alone = false;
    client.on('data', (bytes: Buffer) => {
      const [cut] = this.planned;
      if (!cut || !bytes.includes(cut.text)) {
        server.write(bytes);
        return;
      }
      const { place } = cut;
      cut.times -= 1;
      if (cut.times === 0) this.planned.shift();
      this.cuts += 1;
      if (place === 'before it arrives') client.destroy();
      else if (place === 'long before it arrives') {
        alone = true;
        this.onTheirWay.push(() => server.end(bytes));
        client.destroy();
      } else {
        answered = () => client.destroy();
        server.write(bytes);
      }
    });
    server.on('data', (bytes: Buffer) => {
      answered();
      if (!alone) client.write(bytes);
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        if (!alone) other.destroy();
      });
    }
  }
}
