import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What is waited for here takes so many turns, each of which may come late. */
const turns = 3;

/**
 * How long this machine lets timers wait: no bound in milliseconds holds without it where many processes share few
 * cores. Whoever starts it ends it.
 */
export class Stalls {
  private readonly delay = monitorEventLoopDelay({ resolution: 10 });

  start(): void {
    this.delay.reset();
    this.delay.enable();
  }

  end(): void {
    this.delay.disable();
  }

  /** What a bound is to be exceeded by at most: next to nothing where the machine has time. */
  get mostMs(): number {
    return (turns * this.delay.max) / 1e6;
  }
}
