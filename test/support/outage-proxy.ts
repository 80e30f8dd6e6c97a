import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

type Weather =
  | { readonly passes: true; readonly delayMs: number }
  /** What comes is dropped; connections stay open. */
  | { readonly passes: false };

const clear: Weather = { passes: true, delayMs: 0 };

/** Stands before what a server needs, and takes it away as networks and dying machines do. Whoever starts it closes it. */
export class OutageProxy {
  private readonly sockets = new Set<Socket>();
  private readonly targets = new Set<Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Each connection's own, from its opening on: what has lost bytes once is never of use again. */
  private readonly weathers = new Set<{ now: Weather }>();
  private weather: Weather = clear;

  private constructor(
    private server: Server,
    private readonly port: number,
    private readonly target: URL,
  ) {}

  static async start(target: string): Promise<OutageProxy> {
    const server = await listen(0);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.');
    const proxy = new OutageProxy(server, address.port, new URL(target));
    proxy.serve(server);
    return proxy;
  }

  /** The same target by way of this proxy. */
  get url(): string {
    return Object.assign(new URL(this.target), { host: `127.0.0.1:${this.port}` }).href;
  }

  /** How many connections to the target are open. */
  get connections(): number {
    return this.targets.size;
  }

  /** All connections are reset, and new ones refused. */
  async refuse(): Promise<void> {
    this.server.close();
    this.cut();
    await once(this.server, 'close');
  }

  /** All connections are reset; new ones are taken. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Nothing gets through any more, and nobody is told; connections are taken, and stay silent. */
  silence(): void {
    this.changeTo({ passes: false });
  }

  /** What the target says takes so long to arrive. */
  slow(delayMs: number): void {
    this.changeTo({ passes: true, delayMs });
  }

  /** New connections work. Those that were silent lost what was said on them, and stay so. */
  async restore(): Promise<void> {
    this.weather = clear;
    for (const weather of this.weathers) if (weather.now.passes) weather.now = clear;
    if (this.server.listening) return;
    this.server = await listen(this.port);
    this.serve(this.server);
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    for (const socket of this.sockets) socket.destroy();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private changeTo(weather: Weather): void {
    this.weather = weather;
    for (const one of this.weathers) if (one.now.passes) one.now = weather;
  }

  private serve(server: Server): void {
    server.on('connection', (client) => this.join(client));
  }

  private join(client: Socket): void {
    const target = connect({ port: Number(this.target.port), host: this.target.hostname, allowHalfOpen: true });
    this.targets.add(target);
    target.once('close', () => this.targets.delete(target));
    const weather = { now: this.weather };
    this.weathers.add(weather);
    client.on('data', (bytes: Buffer) => {
      if (weather.now.passes) target.write(bytes);
    });
    target.on('data', (bytes: Buffer) => this.pass(bytes, client, weather.now));
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      // To an end that is said into silence nobody says anything, either.
      socket.on('end', () => {
        if (weather.now.passes) {
          socket.end();
          other.end();
        } else if (socket === client) target.destroy();
      });
      socket.on('close', () => {
        this.sockets.delete(socket);
        this.weathers.delete(weather);
        // A silent one does not tell its client even that the target is gone.
        if (weather.now.passes || socket === client) other.destroy();
      });
    }
  }

  private pass(bytes: Buffer, client: Socket, weather: Weather): void {
    if (!weather.passes) return;
    if (weather.delayMs === 0) {
      client.write(bytes);
      return;
    }
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      client.write(bytes);
    }, weather.delayMs);
    this.timers.add(timer);
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
