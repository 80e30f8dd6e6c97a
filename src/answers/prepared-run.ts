import { claimRequest, type RequestClaim } from '../conversations/request.repository.js';
import { isParleyError, notFound } from '../errors.js';
import type { Keyring } from '../identity/keyring.js';
import type { LockedConversation } from '../messages/conversation-lock.repository.js';
import { findMessage } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import { type Clock, pause } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { RunKey } from './answer.repository.js';
import type { ModelProvider } from './model/model.js';
import type { ModelSettings } from './model/model-catalogue.js';
import { type PromptSource, readPrompt } from './prompt.js';
import type { Run } from './run.js';
import type { Runs } from './runs.js';

export interface PreparedRunDeps {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly runs: Runs;
  readonly providerOf: (model: ModelSettings) => ModelProvider;
}

/** Where it was placed. */
export interface PlacedRun extends Pick<PromptSource, 'recent'> {
  readonly conversation: LockedConversation;
}

/** How often it is looked whether a commit was carried out. */
const lookEveryMs = 500;

/** A run that can be followed from before the commit on, and is taken back where there is none. */
export class PreparedRun {
  private run: Run | null = null;
  private conversation: LockedConversation | null = null;
  private started = false;
  private inDoubt = false;
  private place: Omit<PromptSource, 'model'> | null = null;

  constructor(
    private readonly deps: PreparedRunDeps,
    private readonly key: RunKey,
    /** What its transaction claims. */
    private readonly claim: RequestClaim,
  ) {}

  /** @throws UNAVAILABLE where this instance is shutting down */
  prepare(model: ModelSettings, conversation: LockedConversation): void {
    this.discardUnlessStarted();
    this.conversation = conversation;
    const { runs, providerOf, database: querier, keyring, clock } = this.deps;
    const read = (signal: AbortSignal) => {
      if (!this.place) throw new Error('A run was started before its place was known.');
      return readPrompt({ querier, keyring, clock }, { ...this.place, model }, signal);
    };
    this.run = runs.prepare(this.key, { model, provider: providerOf(model), readPrompt: read });
  }

  start({ conversation, recent }: PlacedRun, answer: MessageRow): void {
    if (!this.run) throw new Error('A run was started that was not prepared.');
    // Its commit was learned late, and somebody has settled it meanwhile.
    if (answer.status !== 'STREAMING') {
      this.deps.runs.giveUp(this.run);
      return;
    }
    this.place = {
      ...this.key,
      segment: answer.segment,
      position: answer.position,
      systemPrompt: conversation.system_prompt,
      recent,
    };
    this.started = true;
    this.deps.runs.start(this.run, conversation.expires_in_ms);
  }

  /**
   * Whether the transaction committed could not be learned: finds it out, and begins to write its answer where it is there.
   * Nobody else would, and it would be given up as lost. While PostgreSQL is away nobody gives it up either, since that
   * takes two looks at a lease that has run out. Never rejects.
   */
  async startWhereCommitted(): Promise<void> {
    const { run, conversation } = this;
    if (!run || !conversation || this.started) return;
    this.inDoubt = true;
    const answer = await this.findAnswer(run);
    this.inDoubt = false;
    if (answer) this.start({ conversation, recent: Promise.resolve(null) }, answer);
    else this.deps.runs.giveUp(run);
  }

  discardUnlessStarted(): void {
    if (this.run && !this.started && !this.inDoubt) this.deps.runs.discard(this.run);
  }

  /** One that was cancelled meanwhile is looked for all the same: where it is there, somebody has to settle it. */
  private async findAnswer(run: Run): Promise<MessageRow | null> {
    const { clock, runs } = this.deps;
    while (!runs.closed.aborted && run.stopped !== 'fenced') {
      const found = await this.look().catch((error: unknown) =>
        isParleyError(error, 'UNAVAILABLE') ? undefined : null,
      );
      if (found !== undefined) return found;
      await pause(clock, lookEveryMs, runs.closed);
    }
    return null;
  }

  /** A claim of its key waits for a transaction that may still commit, and is rolled back where there is none. */
  private look(): Promise<MessageRow | null> {
    return this.deps.database.transaction(async (tx) => {
      if ((await claimRequest(tx, this.claim)).claimed) throw notFound('message');
      return await findMessage(tx, this.key.ownerId, this.key.messageId);
    });
  }
}
