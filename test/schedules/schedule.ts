import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import type { ManualClock } from '../support/manual-clock.js';
import type { SeededRandom } from '../support/seeded-random.js';
import { type SqlClient, waitingForLocks } from '../support/sql-client.js';

interface Step {
  readonly actor: string;
  readonly what: string;
  readonly release: () => void;
}

/** More than any schedule takes that comes to an end. */
const mostSteps = 20_000;
/** How long a statement may take before PostgreSQL is asked whether it waits for a lock. */
const answerMs = 3;
/** How long, and how often, nobody needs to come before it is said that nobody will. */
const inVainMs = 10;
/** How much sooner than time whoever hurries goes on. */
const quick = 5;
const mostInVain = 300;

/**
 * Decides in which order everything goes on that waits for the world: whoever is about to wait for a statement, a
 * message, a timer or a model stands here first, and one at a time is let go, chosen by the seed. A statement that waits
 * for a lock of PostgreSQL is left waiting, and others go on.
 */
export class Schedule {
  /** What was let go, in order: what one reads when an invariant is broken. */
  readonly trace: string[] = [];
  private readonly waiting: Step[] = [];
  private readonly clocks = new Map<string, ManualClock>();
  private readonly weights = new Map<string, number>();
  private readonly timeWeight: number;
  private underWay = 0;
  private someEnded = () => {};
  private inVain = 0;
  private free = false;
  private hurrying = false;

  constructor(
    readonly random: SeededRandom,
    private readonly sql: SqlClient,
  ) {
    this.timeWeight = random.of(0.02, 0.1, 0.4);
  }

  /** Lets the time of this clock pass between the steps. */
  addClock(actor: string, clock: ManualClock): void {
    this.clocks.set(actor, clock);
  }

  /** Resolves when it is this one's turn. */
  async pause(actor: string, what: string): Promise<void> {
    if (this.free) await turn();
    else await new Promise<void>((release) => this.waiting.push({ actor, what, release }));
  }

  /** A wait for PostgreSQL begins; the result says that it has ended. */
  ask(): () => void {
    let asking = true;
    this.underWay += 1;
    return () => {
      if (!asking) return;
      asking = false;
      this.underWay -= 1;
      this.someEnded();
    };
  }

  /** What goes to the database without a pause: others wait until it has come back, unless it waits for a lock. */
  async aside<T>(work: () => Promise<T>): Promise<T> {
    return await work().finally(this.ask());
  }

  /** Runs `program` to its end, step by step. */
  async run(program: () => Promise<void>): Promise<void> {
    let ended = false;
    const running = program().finally(() => {
      ended = true;
    });
    running.catch(() => undefined);
    try {
      for (await this.quiet(); !ended; await this.quiet()) await this.goOn();
    } catch (error) {
      this.letGo();
      throw error;
    }
    await running;
  }

  /** Nobody is slow from now on: for what only has to be brought to its end. */
  hurry(): void {
    this.hurrying = true;
  }

  /** Nobody waits here any more: for what is to be closed after a failure. */
  letGo(): void {
    this.free = true;
    for (const { release } of this.waiting.splice(0)) release();
  }

  /** Everything that was let go has come to its next wait; what waits for a lock stays. */
  private async quiet(): Promise<void> {
    for (;;) {
      for (let turns = 0; turns < 3; turns += 1) await turn();
      if (this.underWay === 0) return;
      const ended = await this.endsSoon();
      if (!ended && (await waitingForLocks(this.sql)) >= this.underWay) return;
    }
  }

  private async endsSoon(): Promise<boolean> {
    const before = this.underWay;
    const bound = new AbortController();
    const late = wait(answerMs, undefined, { signal: bound.signal }).catch(() => undefined);
    await Promise.race([new Promise<void>((resolve) => (this.someEnded = resolve)), late]);
    bound.abort();
    return this.underWay < before;
  }

  private async goOn(): Promise<void> {
    if (this.trace.length > mostSteps) throw new Error(`It has not ended after ${mostSteps} steps.`);
    const steps = this.waiting.map((step) => ({ weight: this.weightOf(step.actor), step }));
    const times = [...this.clocks].filter(([, { timers }]) => timers > 0);
    const clocks = times.map(([actor, clock]) => ({ weight: this.timeWeight, actor, clock }));
    const choice = this.choose([...steps, ...clocks]);
    if (choice === null) return await this.untilSomeoneComes();
    this.inVain = 0;
    if ('step' in choice) {
      const { actor, what, release } = choice.step;
      this.waiting.splice(this.waiting.indexOf(choice.step), 1);
      this.trace.push(`${actor}: ${what}`);
      release();
    } else {
      this.trace.push(`${choice.actor}: time passes to ${Math.round(await choice.clock.toNextTimer())} ms`);
    }
  }

  private choose<T extends { readonly weight: number }>(choices: readonly T[]): T | null {
    let left = this.random.next() * choices.reduce((sum, { weight }) => sum + weight, 0);
    for (const choice of choices) {
      left -= choice.weight;
      if (left < 0) return choice;
    }
    return choices.at(-1) ?? null;
  }

  /** Some are slow in one schedule and quick in another: a paused instance, a late message, a slow database. */
  private weightOf(actor: string): number {
    if (this.hurrying) return quick;
    const known = this.weights.get(actor);
    if (known !== undefined) return known;
    const weight = this.random.of(0.03, 0.3, 1, 1, 3);
    this.weights.set(actor, weight);
    return weight;
  }

  /**
   * Only statements that wait for locks are left, or work that gives the event loop a turn now and then: somebody comes
   * soon, or somebody waits for ever.
   */
  private async untilSomeoneComes(): Promise<void> {
    this.inVain += 1;
    if (this.inVain > mostInVain)
      throw new Error('Somebody waits for ever: nothing is under way, and no timer is set.');
    await wait(inVainMs);
  }
}
