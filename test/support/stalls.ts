import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * How long this machine let timers wait, at most: no bound in milliseconds holds without it where many processes share
 * few cores. Whoever starts it ends it.
 */
export class Stalls {
  private readonly delay = monitorEventLoopDelay({ resolution: 10 });

  start(): void {
    this.delay.enable();
  }

  end(): void {
    this.delay.disable();
  }

  get mostMs(): number {
    return this.delay.max / 1e6;
  }
}
