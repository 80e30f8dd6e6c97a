import type { Clock } from '../platform/clock.js';
import { type Answer, jsonAnswer } from './http-answer.js';

export interface HealthOptions {
  readonly clock: Clock;
  /** Can this instance serve? A rejection means no. */
  readonly readiness: () => Promise<boolean>;
  /** Longer than that means no. */
  readonly timeoutMs: number;
}

/** Anybody may ask, so what the question costs is asked this often at most. */
const freshMs = 1000;

/** Whether the process lives, and whether it should be sent work. */
export class Health {
  private draining = false;
  private last: { readonly askedAtMs: number; readonly ready: Promise<boolean> } | null = null;

  constructor(private readonly options: HealthOptions) {}

  drain(): void {
    this.draining = true;
  }

  live(): Answer {
    return jsonAnswer(200, { status: 'live' });
  }

  async ready(): Promise<Answer> {
    if (this.draining) return jsonAnswer(503, { status: 'draining' });
    return (await this.isReady()) ? jsonAnswer(200, { status: 'ready' }) : jsonAnswer(503, { status: 'not ready' });
  }

  private isReady(): Promise<boolean> {
    const nowMs = this.options.clock.monotonic();
    if (this.last && nowMs - this.last.askedAtMs < freshMs) return this.last.ready;
    const ready = this.ask();
    this.last = { askedAtMs: nowMs, ready };
    return ready;
  }

  private ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(this.options.timeoutMs, () => resolve(false));
      const answer = (ready: boolean) => {
        cancel();
        resolve(ready);
      };
      this.options.readiness().then(answer, () => answer(false));
    });
  }
}
