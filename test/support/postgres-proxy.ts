import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where a COMMIT is lost: on its way to PostgreSQL, which then rolls back, or its answer on the way back. */
export type LostCommit = 'asked' | 'answered';

/** Stands between a server and its PostgreSQL, and cuts connections during COMMIT. Whoever starts it closes it. */
export class PostgresProxy {
  /** The cuts to come, one for each COMMIT. */
  readonly losses: LostCommit[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  /** On a free port, or again on the one that an earlier proxy had. */
  static async start(databaseUrl: string, port = 0): Promise<PostgresProxy> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new PostgresProxy(server, new URL(databaseUrl));
  }

  /** The same database by way of this proxy. */
  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.');
    const url = new URL(this.target);
    url.port = String(address.port);
    return url.href;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const target = connect(Number(this.target.port), this.target.hostname);
    let lost: LostCommit | null = null;
    // A connection is reset where it breaks, and merely ends where the process at its other end is gone.
    const cut = () => {
      if (lost === 'asked') client.resetAndDestroy();
      else client.end();
      target.destroy();
    };
    client.on('data', (bytes: Buffer) => {
      if (bytes.includes('COMMIT\0')) lost = this.losses.shift() ?? null;
      if (lost === 'asked') cut();
      else target.write(bytes);
    });
    target.on('data', (bytes: Buffer) => {
      if (lost === 'answered') cut();
      else client.write(bytes);
    });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
