import { unavailable } from '../errors.js';
import type { Keyring } from '../identity/keyring.js';
import { greatestLimit } from '../limits.js';
import { findMessage } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import { type Clock, pause } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { Log } from '../platform/log.js';
import type { PubSub, Subscription } from '../platform/pubsub.js';
import type { RunKey } from './answer.repository.js';
import { channelOf, decodeMessage } from './channel.js';
import type { LiveText } from './live-text.js';
import { Publisher } from './publisher.js';
import type { FollowedText } from './replicas.js';
import { Run, type RunDeps } from './run.js';
import { type Ending, settle } from './settle.js';
import { Upkeep } from './upkeep.js';

export interface RunsDeps {
  /** Of its own: settling and upkeep do not queue behind requests. */
  readonly database: Database;
  readonly pubsub: PubSub;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  readonly deltaCodeUnits: number;
  readonly answerBytes: number;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
  /** Told after the commit that an answer which was written here is final. Must not throw. */
  readonly onFinished: (run: RunKey, final: MessageRow) => void;
}

/** What only the sender knows of a run. */
export type RunSource = Pick<RunDeps, 'model' | 'provider' | 'readPrompt'>;

const firstRetryMs = 250;
const lastRetryMs = 2000;
/** At a stop: how long followers here get to read the end of their answers. */
const readMs = 1000;

interface Entry {
  readonly run: Run;
  readonly publisher: Publisher;
  subscription: Subscription | null;
  started: boolean;
  cancelExpiry: () => void;
  /** Resolves when it is written and settled, or when its transaction did not commit. */
  readonly ended: PromiseWithResolvers<void>;
}

/** The answers that this instance writes: from the send's commit until they are final. */
export class Runs {
  private readonly entries = new Map<string, Entry>();
  private readonly upkeep: Upkeep;
  private readonly closing = new AbortController();
  private draining = false;
  private followers = 0;
  private onUnfollowed: () => void = () => {};

  constructor(private readonly deps: RunsDeps) {
    const { database, keyring, clock, log } = deps;
    const onTick = (run: Run) => this.entries.get(run.key.messageId)?.publisher.alive();
    this.upkeep = new Upkeep({ database, keyring, clock, log, onTick });
  }

  /**
   * Makes a run that can be followed but does not write yet: its transaction has not committed.
   * @throws UNAVAILABLE where this instance is shutting down
   */
  prepare(key: RunKey, source: RunSource): Run {
    if (this.draining) throw unavailable();
    const { clock, log, answerBytes } = this.deps;
    const run: Run = new Run(key, {
      ...source,
      clock,
      log,
      answerBytes,
      onGrowth: (early) => {
        this.entries.get(key.messageId)?.publisher.grown();
        if (early) this.upkeep.soon();
      },
    });
    const publisher = new Publisher(key.ownerId, key.messageId, run.live, this.deps);
    const ended = Promise.withResolvers<void>();
    this.entries.set(key.messageId, {
      run,
      publisher,
      subscription: null,
      started: false,
      cancelExpiry: () => {},
      ended,
    });
    return run;
  }

  /** The transaction did not commit: there is no such answer. */
  discard(run: Run): void {
    const entry = this.entries.get(run.key.messageId);
    if (entry?.run !== run) return;
    this.entries.delete(run.key.messageId);
    run.finish(null);
    entry.ended.resolve();
  }

  /** Whether the transaction committed was not learned in time: followers are told to come back, not that it is gone. */
  giveUp(run: Run): void {
    const entry = this.entries.get(run.key.messageId);
    if (entry?.run !== run || entry.started) return;
    this.entries.delete(run.key.messageId);
    run.live.giveUp();
    entry.ended.resolve();
  }

  /** Aborted when a stop gives up waiting: PostgreSQL is closed next. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /**
   * The transaction has committed: asks the model, once. After `expiresInMs` the conversation is gone, and the answer with
   * it: the model is stopped, though no row of it was removed yet.
   */
  start(run: Run, expiresInMs: number | null): void {
    const entry = this.entries.get(run.key.messageId);
    if (!entry || entry.started) return;
    entry.started = true;
    if (expiresInMs !== null) {
      entry.cancelExpiry = this.deps.clock.after(Math.min(expiresInMs, greatestLimit), () => run.stop('fenced'));
    }
    entry.subscription = this.deps.pubsub.subscribe(channelOf(run.key.messageId), {
      message: (text) => this.hear(entry, text),
      renewed: () => entry.publisher.alive(),
    });
    this.upkeep.add(run);
    this.write(entry)
      .catch((error: unknown) => this.deps.log.error({ error }, 'writing an answer failed'))
      .finally(() => entry.ended.resolve());
  }

  /** The live text of an answer that is written here. */
  liveText(messageId: string): LiveText | null {
    return this.entries.get(messageId)?.run.live ?? null;
  }

  /** The same for a follower, who gives it back after its last event. */
  take(messageId: string): FollowedText | null {
    const live = this.liveText(messageId);
    if (!live) return null;
    this.followers += 1;
    let released = false;
    return {
      live,
      release: () => {
        if (released) return;
        released = true;
        this.followers -= 1;
        if (this.followers === 0) this.onUnfollowed();
      },
    };
  }

  /** Stops an answer that is written here at once; false where it is not. */
  cancel(messageId: string): boolean {
    const run = this.entries.get(messageId)?.run;
    run?.stop('cancel');
    return run !== undefined;
  }

  /** The row of the run is gone: its conversation was deleted. */
  fence(messageId: string): void {
    this.entries.get(messageId)?.run.stop('fenced');
  }

  get count(): number {
    return this.entries.size;
  }

  /**
   * Gives running answers `graceMs` to finish, interrupts the rest, and waits `settleMs` at most for them to settle.
   * Then followers get a moment to be told, since their sockets close next.
   */
  async drain(graceMs: number, settleMs: number): Promise<void> {
    this.draining = true;
    await this.allDone(graceMs);
    for (const { run } of this.entries.values()) run.stop('shutdown');
    await this.allDone(settleMs);
    this.closing.abort();
    for (const { run } of this.entries.values()) this.upkeep.remove(run);
    if (this.followers > 0) await this.within(readMs, new Promise<void>((resolve) => (this.onUnfollowed = resolve)));
    // Who has read the end is told in this turn of the event loop that there is no more; a socket that closed first would
    // have it ask again.
    await new Promise((resolve) => setImmediate(resolve));
  }

  private allDone(withinMs: number): Promise<void> {
    return this.within(withinMs, Promise.all([...this.entries.values()].map(({ ended }) => ended.promise)));
  }

  private async within(ms: number, work: Promise<unknown>): Promise<void> {
    const bound = new AbortController();
    await Promise.race([work, pause(this.deps.clock, ms, bound.signal)]);
    bound.abort();
  }

  private async write(entry: Entry): Promise<void> {
    const { run, publisher } = entry;
    const ending = await run.listen();
    entry.cancelExpiry();
    const final = await this.settleSurely(run, ending);
    this.upkeep.remove(run);
    // Given up at a stop: followers are told nothing, and hear from another instance what became of it.
    if (final !== 'unsettled') {
      run.finish(final);
      publisher.settled();
    }
    // Of one that is gone, whoever made it so has told.
    if (final && final !== 'unsettled') {
      this.deps.onChanged(run.key.ownerId, run.key.conversationId);
      this.deps.onFinished(run.key, final);
    }
    this.entries.delete(run.key.messageId);
    await entry.subscription?.unsubscribe();
  }

  /** Tries until the answer is final: by us, or by whoever fenced us. Gives what was stored, null where it is gone. */
  private async settleSurely(run: Run, ending: Ending): Promise<MessageRow | null | 'unsettled'> {
    const measures = run.measures;
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, lastRetryMs)) {
      const release = await run.waitForTurn();
      try {
        const final = (await this.settleOnce(run, ending, measures)) ?? (await this.stored(run.key));
        // Else its owner is being erased: nobody may write, and soon it is gone.
        if (final?.status !== 'STREAMING') return final;
      } catch (error) {
        this.deps.log.warn({ error }, 'settling an answer failed, trying again');
      } finally {
        release();
      }
      if (this.closing.signal.aborted) return 'unsettled';
      await pause(this.deps.clock, waitMs, this.closing.signal);
    }
  }

  private async settleOnce(run: Run, ending: Ending, measures: Run['measures']): Promise<MessageRow | null> {
    if (run.stopped === 'fenced') return null;
    const keys = await this.deps.keyring.of(run.key.ownerId);
    const settlement = { run: run.key, keys, ending, text: run.text, measures, promptEstimate: run.promptEstimate };
    return await this.deps.database.transaction((tx) => settle(tx, settlement));
  }

  private stored(key: RunKey): Promise<MessageRow | null> {
    return findMessage(this.deps.database, key.ownerId, key.messageId);
  }

  private hear(entry: Entry, text: string): void {
    const message = decodeMessage(text);
    if (message?.type === 'ask') entry.publisher.asked({ content: message.content, reasoning: message.reasoning });
    if (message?.type === 'cancel') entry.run.stop('cancel');
    if (message?.type !== 'settled') return;
    // Somebody else settled it, or says so: a checkpoint will tell.
    entry.run.doubt();
    this.upkeep.soon();
  }
}
