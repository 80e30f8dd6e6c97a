import { unavailable } from '../errors.js';
import type { Clock } from './clock.js';

/** Where somebody waits for a turn, how long, and what it is told then. */
export interface TurnWish {
  readonly line: string;
  /** How many of the line are let through at a time. */
  readonly width: number;
  readonly waitMs: number;
  readonly late: () => Error;
  /** After which errors those that wait need not try, and get the same: it took its time, and would each time. */
  readonly endsLine?: (error: unknown) => boolean;
}

/** How many may wait in one line; whoever comes then is UNAVAILABLE. */
const longestLine = 1000;

interface Waiting {
  go(): void;
  fail(error: unknown): void;
}

interface Line {
  running: number;
  readonly waiting: Set<Waiting>;
}

/**
 * Lines for what must happen one after the other anyway, each let through in the order of arrival. Whoever waits here
 * holds nothing meanwhile, where a lock of the database is waited for with one of its connections in hand.
 */
export class Turns {
  private readonly lines = new Map<string, Line>();

  constructor(private readonly clock: Clock) {}

  /** @throws UNAVAILABLE where the line is too long; what `late` makes where it moves too slowly. */
  async take<T>(wish: TurnWish, work: () => Promise<T>): Promise<T> {
    const line = this.lines.get(wish.line) ?? { running: 0, waiting: new Set() };
    this.lines.set(wish.line, line);
    if (line.running < wish.width) line.running += 1;
    else await this.wait(line, wish);
    try {
      return await work();
    } catch (error) {
      if (wish.endsLine?.(error)) for (const waiting of [...line.waiting]) waiting.fail(error);
      throw error;
    } finally {
      this.leave(wish.line, line);
    }
  }

  /** How many lines there are: one that nobody stands in is forgotten. */
  get count(): number {
    return this.lines.size;
  }

  private wait(line: Line, { waitMs, late }: TurnWish): Promise<void> {
    if (line.waiting.size >= longestLine) throw unavailable();
    return new Promise((resolve, reject) => {
      const leaveLine = () => {
        cancel();
        line.waiting.delete(waiting);
      };
      const waiting: Waiting = {
        go: () => {
          leaveLine();
          resolve();
        },
        fail: (error) => {
          leaveLine();
          reject(error);
        },
      };
      const cancel = this.clock.after(waitMs, () => waiting.fail(late()));
      line.waiting.add(waiting);
    });
  }

  /** The place of whoever leaves is the next one's. */
  private leave(name: string, line: Line): void {
    const [next] = line.waiting;
    if (next) {
      next.go();
      return;
    }
    line.running -= 1;
    if (line.running === 0) this.lines.delete(name);
  }
}
