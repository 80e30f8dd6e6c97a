import type { Clock } from './clock.js';
import type { RedisConnection } from './redis.redis.js';

const beatMs = 500;
/** Unanswered beats after which a connection is given up; fewer may be a moment in which this process had no time. */
const mostMissed = 3;

/**
 * Asks a connection for a sign of life, again and again, and replaces one that gives none. A connection that something
 * on the way has dropped says nothing: whoever only listens on it would not learn of that for minutes, and whoever
 * speaks would wait on it each time.
 */
export class RedisPulse {
  private missed = 0;
  private cancel: () => void;

  constructor(
    private readonly redis: RedisConnection,
    private readonly clock: Clock,
  ) {
    this.cancel = clock.after(beatMs, () => this.beat());
    redis.on('ready', () => {
      this.missed = 0;
    });
  }

  /** Did it answer when it was last asked? */
  get isFelt(): boolean {
    return this.redis.status === 'ready' && this.missed === 0;
  }

  close(): void {
    this.cancel();
  }

  private beat(): void {
    this.cancel = this.clock.after(beatMs, () => this.beat());
    if (this.redis.status !== 'ready') return;
    this.redis.ping().then(
      () => {
        this.missed = 0;
      },
      () => this.miss(),
    );
  }

  private miss(): void {
    this.missed += 1;
    if (this.missed >= mostMissed && this.redis.status === 'ready') this.redis.disconnect(true);
  }
}
