import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { seldom } from './seldom.js';

/** Runs `work` again and again, a jittered `everyMs` after it last ended; what it throws is logged, now and then. */
export class Periodic {
  private cancel: (() => void) | null = null;
  private running: Promise<void> | null = null;
  private readonly closing = new AbortController();
  private readonly report = seldom((error) =>
    this.deps.log.warn({ error, work: this.name }, 'periodic work failed, tried again soon'),
  );

  constructor(
    private readonly name: string,
    private readonly everyMs: number,
    /** Ends soon after the signal, for which a stop waits. */
    private readonly work: (signal: AbortSignal) => Promise<void>,
    private readonly deps: { readonly clock: Clock; readonly log: Log },
  ) {}

  start(): void {
    // Instances that were started together do not stay in step.
    const waitMs = this.everyMs * (0.75 + Math.random() / 2);
    this.cancel = this.deps.clock.after(waitMs, () => {
      this.now().finally(() => {
        if (!this.closing.signal.aborted) this.start();
      });
    });
  }

  /** Runs it now; where it is under way, waits for that instead. Never rejects; does nothing any more after a stop. */
  now(): Promise<void> {
    if (this.closing.signal.aborted) return Promise.resolve();
    this.running ??= this.work(this.closing.signal)
      .catch(this.report)
      .finally(() => {
        this.running = null;
      });
    return this.running;
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.cancel?.();
    await this.running;
  }
}
