import type { WebSocket as ProtocolSocket } from 'graphql-ws';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../platform/clock.js';

export interface SocketConnectionOptions {
  readonly clock: Clock;
  readonly pingMs: number;
  readonly silenceMs: number;
  /** Messages of the client that may be worked on at once, its subscriptions included; then none is read for a while. */
  readonly maxMessagesAtWork: number;
  /** Called once with what went wrong in the handling of a message; the connection has been closed with 4500. */
  readonly onFault: (error: unknown) => void;
}

/** While more than this waits to be taken by the client, none of its messages is read. */
const maxWaitingBytes = 1024 * 1024;
/** A send that took this long waited for the peer: that it went out shows that somebody is there. */
const waitedMs = 1000;
/** What a closing frame has room for. */
const maxReasonBytes = 123;

/**
 * One WebSocket as graphql-ws wants it, with what it does not look after: a send resolves only when the bytes went
 * out, so that a source is pulled no faster than its reader reads; nothing is read from a client that does not read;
 * a dead peer is found; and once it ends, for whatever reason, everything that hangs on it is released at once.
 */
export class SocketConnection implements ProtocolSocket {
  readonly protocol: string;
  private ended = false;
  private messagesAtWork = 0;
  private pongDue = false;
  private lastHeardMs: number;
  private cancelPing: () => void;
  private readonly sending = new Set<() => void>();
  private readonly releases: ((code: number, reason: string) => void)[] = [];

  constructor(
    private readonly socket: WebSocket,
    private readonly options: SocketConnectionOptions,
  ) {
    this.protocol = socket.protocol;
    this.lastHeardMs = options.clock.monotonic();
    this.cancelPing = options.clock.after(options.pingMs, () => this.ping());
    socket.on('pong', () => {
      this.pongDue = false;
      this.heard();
    });
    // Frames that are too long or no WebSocket at all; ws closes with the code that fits.
    socket.on('error', () => {});
    socket.once('close', (code, reason) => this.release(code, reason.toString()));
  }

  /** Calls `release` when the connection ends, or now if it has. */
  onEnd(release: (code: number, reason: string) => void): void {
    if (this.ended) release(1006, '');
    else this.releases.push(release);
  }

  onMessage(handle: (data: string) => Promise<void>): void {
    this.socket.on('message', (data: RawData) => {
      this.heard();
      if (this.ended) return;
      this.messagesAtWork += 1;
      handle(data.toString())
        .catch((error: unknown) => this.fault(error))
        .finally(() => {
          this.messagesAtWork -= 1;
          this.regulate();
        });
      this.regulate();
    });
  }

  send(data: string): Promise<void> {
    if (this.ended) return Promise.resolve();
    return new Promise((resolve) => {
      const sentMs = this.options.clock.monotonic();
      this.sending.add(resolve);
      this.socket.send(data, (error) => {
        this.sending.delete(resolve);
        resolve();
        if (error) this.terminate();
        else if (this.options.clock.monotonic() - sentMs > waitedMs) this.heard();
        this.regulate();
      });
    });
  }

  close(code = 1000, reason = ''): void {
    if (this.ended) return;
    const fits = Buffer.byteLength(reason) <= maxReasonBytes;
    this.socket.close(code, fits ? reason : '');
    this.release(code, reason);
  }

  /** Ends without a closing frame. */
  terminate(): void {
    this.socket.terminate();
    this.release(1006, '');
  }

  private release(code: number, reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.cancelPing();
    for (const resolve of this.sending) resolve();
    this.sending.clear();
    for (const release of this.releases) release(code, reason);
    // What the client still sends is read, and dropped, until it has closed too.
    this.socket.resume();
  }

  private fault(error: unknown): void {
    if (this.ended) return;
    // graphql-ws throws for a message of a type that only servers send.
    if (error instanceof Error && error.message.startsWith('Unexpected message of type')) {
      this.close(4400, 'Unexpected message');
    } else {
      this.close(4500, 'Internal server error');
      this.options.onFault(error);
    }
  }

  private heard(): void {
    this.lastHeardMs = this.options.clock.monotonic();
  }

  private ping(): void {
    const { clock, pingMs, silenceMs } = this.options;
    if (clock.monotonic() - this.lastHeardMs >= silenceMs) {
      this.terminate();
      return;
    }
    if (!this.pongDue) {
      this.pongDue = true;
      this.socket.ping();
    }
    this.cancelPing = clock.after(pingMs, () => this.ping());
  }

  private regulate(): void {
    if (this.ended) return;
    const isFull =
      this.messagesAtWork >= this.options.maxMessagesAtWork || this.socket.bufferedAmount > maxWaitingBytes;
    if (isFull === this.socket.isPaused) return;
    if (isFull) this.socket.pause();
    else this.socket.resume();
  }
}
