import { systemClock } from './clock.js';
import {
  endLeftoverPostmaster,
  type Postmaster,
  type PostmasterEnd,
  type PostmasterOptions,
  startPostmaster,
} from './embedded-postgres-process.js';

/** One that ends by itself more often than so within a minute does not live, whatever is done. */
const restartsPerMinute = 3;
const minuteMs = 60_000;

export interface KeeperOptions extends PostmasterOptions {
  /** Called once, when it has ended by itself and cannot be started again. Unset: it is not started again at all. */
  readonly onLost: ((error: unknown) => void) | undefined;
}

/** A PostgreSQL that is started again where it ends by itself, on the same port: who was connected to it connects again. */
export class PostmasterKeeper {
  private readonly options: KeeperOptions;
  private readonly kept: Promise<void>;
  private current: Postmaster;
  private stopped = false;
  private endsMs: number[] = [];

  private constructor(first: Postmaster, options: KeeperOptions) {
    this.current = first;
    this.options = options;
    this.kept = this.keep().catch((error: unknown) => {
      const { log, logFile, onLost } = options;
      log.fatal({ error, logFile }, 'the embedded PostgreSQL does not stay up');
      onLost?.(error);
    });
  }

  static async start(options: KeeperOptions): Promise<PostmasterKeeper> {
    return new PostmasterKeeper(await startPostmaster(options), options);
  }

  get pid(): number {
    return this.current.pid;
  }

  get port(): number {
    return this.current.port;
  }

  /** Waits for a start that is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.current.stop();
    await this.kept;
    await this.current.stop();
  }

  private async keep(): Promise<void> {
    while (!this.stopped) {
      const end = await this.current.ended;
      if (end === null || this.stopped) return;
      this.options.log.error({ ...end, again: this.isKept }, 'the embedded PostgreSQL ended by itself');
      if (!this.isKept) return;
      await this.startAgain(end);
    }
  }

  private get isKept(): boolean {
    return this.options.onLost !== undefined;
  }

  private async startAgain({ code, signal }: PostmasterEnd): Promise<void> {
    const { data, log } = this.options;
    const nowMs = systemClock.monotonic();
    this.endsMs = [...this.endsMs.filter((endMs) => nowMs - endMs < minuteMs), nowMs];
    if (this.endsMs.length > restartsPerMinute) {
      throw new Error(`The embedded PostgreSQL ended ${this.endsMs.length} times in a minute, by ${signal ?? code}.`);
    }
    await endLeftoverPostmaster(data, log);
    this.current = await startPostmaster({ ...this.options, port: this.port });
    log.info({ port: this.port, pid: this.pid }, 'the embedded PostgreSQL is ready again');
  }
}
