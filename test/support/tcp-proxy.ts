import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How a connection is cut: its ends are told, or merely find that nothing answers any more. */
export interface Cut {
  /** How many bytes go through before it, both ways counted together. */
  readonly afterBytes: number;
  readonly how: 'end' | 'reset';
}

/** Stands between clients and a server on the loopback, and cuts connections in the middle of a byte stream. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    /** Asked for each connection. */
    private readonly nextTarget: () => string,
    /** Asked for each connection; null lets it live. */
    private readonly nextCut: () => Cut | null,
    private readonly onCut: () => void,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async start(
    target: string | (() => string),
    nextCut: () => Cut | null = () => null,
    onCut: () => void = () => undefined,
  ): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, typeof target === 'string' ? () => target : target, nextCut, onCut);
  }

  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const target = connect(Number(new URL(this.nextTarget()).port), '127.0.0.1');
    const cut = this.nextCut();
    let leftBytes = cut?.afterBytes ?? Number.POSITIVE_INFINITY;
    const pass = (to: Socket) => (bytes: Buffer) => {
      if (leftBytes <= 0) return;
      const part = bytes.subarray(0, leftBytes);
      leftBytes -= bytes.length;
      to.write(part, () => {
        if (cut && leftBytes <= 0) this.cut([client, target], cut);
      });
    };
    client.on('data', pass(target));
    target.on('data', pass(client));
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

  private cut(sockets: readonly Socket[], { how }: Cut): void {
    if (sockets.some((socket) => socket.destroyed)) return;
    this.onCut();
    for (const socket of sockets) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}
