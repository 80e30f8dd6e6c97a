import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { request } from './http-client.js';

const checkMs = 100;

interface Backend {
  readonly url: string;
  ready: boolean;
}

/** Hands connections to those instances that say they are ready, in turn. Whoever starts it closes it. */
export class LoadBalancer {
  private readonly backends = new Map<string, Backend>();
  private readonly sockets = new Set<Socket>();
  private readonly checking: Promise<void>;
  private closed = false;
  private wake = () => {};
  private next = 0;

  private constructor(private readonly server: Server) {
    server.on('connection', (client) => this.join(client, this.ready));
    this.checking = this.checkAgainAndAgain();
  }

  static async start(): Promise<LoadBalancer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LoadBalancer(server);
  }

  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The load balancer does not listen.');
    return `http://127.0.0.1:${address.port}`;
  }

  add(url: string): void {
    this.backends.set(url, { url, ready: false });
  }

  remove(url: string): void {
    this.backends.delete(url);
  }

  isReady(url: string): boolean {
    return this.backends.get(url)?.ready ?? false;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
    await this.checking;
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private get ready(): readonly Backend[] {
    const ready = [...this.backends.values()].filter((backend) => backend.ready);
    this.next += 1;
    const first = this.next % Math.max(ready.length, 1);
    return [...ready.slice(first), ...ready.slice(0, first)];
  }

  /** The first that takes the connection; a client that none takes is cut. */
  private join(client: Socket, [backend, ...others]: readonly Backend[]): void {
    this.keep(client);
    if (!backend || client.destroyed) {
      client.destroy();
      return;
    }
    const target = connect(Number(new URL(backend.url).port), '127.0.0.1');
    target.once('error', () => {
      if (target.connecting || target.bytesWritten === 0) this.join(client, others);
    });
    target.once('connect', () => {
      this.keep(target);
      client.pipe(target);
      target.pipe(client);
      client.once('close', () => target.destroy());
      target.once('close', () => client.destroy());
    });
  }

  private keep(socket: Socket): void {
    if (this.sockets.has(socket)) return;
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
  }

  private async checkAgainAndAgain(): Promise<void> {
    while (!this.closed) {
      await Promise.all([...this.backends.values()].map((backend) => this.check(backend)));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, checkMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private async check(backend: Backend): Promise<void> {
    const answer = await request(`${backend.url}/health/ready`).catch(() => null);
    backend.ready = answer?.status === 200;
  }
}
