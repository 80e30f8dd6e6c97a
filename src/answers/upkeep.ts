import type { Keyring } from '../identity/keyring.js';
import { type Clock, pause } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { Log } from '../platform/log.js';
import { seldom } from '../platform/seldom.js';
import { checkpoint, findDurableEnds } from './answer.repository.js';
import type { Run } from './run.js';

const tickMs = 500;
/** How long all wait for the keys of one, who then gets no more than a renewed lease. */
const keysMs = 250;

export interface UpkeepDeps {
  /** Of its own, so that a crowd of requests cannot make leases run out. */
  readonly database: Database;
  readonly keyring: Pick<Keyring, 'of'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called for each run at each tick. */
  readonly onTick: (run: Run) => void;
}

/** Writes the checkpoints of all of an instance's runs, in one statement a tick. */
export class Upkeep {
  private readonly runs = new Set<Run>();
  private cancelTimer: (() => void) | null = null;
  private early = false;
  /** The last write failed: the next is the tick's, so that a database that is away is not asked at every token. */
  private failed = false;
  private readonly report = seldom((error) =>
    this.deps.log.warn({ error }, 'writing checkpoints failed, tried again at each tick'),
  );

  constructor(private readonly deps: UpkeepDeps) {}

  add(run: Run): void {
    this.runs.add(run);
    this.cancelTimer ??= this.deps.clock.after(tickMs, () => this.tick());
  }

  remove(run: Run): void {
    this.runs.delete(run);
    if (this.runs.size > 0) return;
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  /**
   * Writes what is urgent at the end of this turn of the event loop, not only at the next tick. Nothing else: each answer
   * would be cut into as many pieces as all others call for.
   */
  soon(): void {
    if (this.early || this.failed) return;
    this.early = true;
    setImmediate(() => {
      this.early = false;
      this.write((run) => run.urgent).catch(this.report);
    });
  }

  private tick(): void {
    this.cancelTimer = this.deps.clock.after(tickMs, () => this.tick());
    for (const run of this.runs) {
      run.checkHold();
      this.deps.onTick(run);
    }
    this.write((run) => run.due).catch(this.report);
  }

  private async write(isWanted: (run: Run) => boolean): Promise<void> {
    const due = [...this.runs].filter(isWanted);
    if (due.length === 0) return;
    const releases = due.map((run) => run.takeTurn());
    this.failed = true;
    try {
      this.failed = !(await this.checkpoint(due));
    } finally {
      for (const release of releases) release();
    }
  }

  /** False where somebody held the row of a run, so that it was passed over. */
  private async checkpoint(due: readonly Run[]): Promise<boolean> {
    const keys = await this.keysAtHand(due);
    const checkpoints = due.map((run, index) => run.checkpoint(keys[index] ?? null));
    const askedMs = this.deps.clock.monotonic();
    const results = await checkpoint(this.deps.database, checkpoints);
    const byMessage = new Map(results.map((result) => [result.message_id, result]));
    let complete = true;
    for (const [index, run] of due.entries()) {
      const result = byMessage.get(run.key.messageId);
      const made = checkpoints[index];
      if (!result) complete = (await this.resync(run)) && complete;
      else if (keys[index] && made) run.madeDurable(made.to, askedMs);
      else run.renewed();
      if (result?.cancel_requested) run.stop('cancel');
    }
    return complete;
  }

  /** Null for owners whose keys cannot be opened now: their leases must live all the same, and only the text waits. */
  private async keysAtHand(due: readonly Run[]): Promise<(OwnerKeys | null)[]> {
    const { keyring, clock, log } = this.deps;
    const bound = new AbortController();
    const late = pause(clock, keysMs, bound.signal).then(() => null);
    const keys = await Promise.all(
      due.map((run) => Promise.race([keyring.of(run.key.ownerId).catch(() => null), late])),
    );
    bound.abort();
    const without = keys.filter((one) => one === null).length;
    if (without > 0) log.warn({ runs: without }, 'no keys at hand for checkpoints, their leases alone are renewed');
    return keys;
  }

  /**
   * Nothing was written: the run is somebody else's, or the database has the text up to somewhere else. False where
   * neither is so: somebody held its row.
   */
  private async resync(run: Run): Promise<boolean> {
    const askedMs = this.deps.clock.monotonic();
    const ends = await findDurableEnds(this.deps.database, run.key);
    if (ends && run.isDurableTo(ends)) return false;
    if (ends) run.madeDurable(ends, askedMs);
    else run.stop('fenced');
    return true;
  }
}
