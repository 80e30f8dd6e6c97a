import type { Keyring } from '../identity/keyring.js';
import type { LockedConversation } from '../messages/conversation-lock.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import type { Clock } from '../platform/clock.js';
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

/** A run that can be followed from before the commit on, and is taken back where there is none. */
export class PreparedRun {
  private run: Run | null = null;
  private started = false;
  private place: Omit<PromptSource, 'model'> | null = null;

  constructor(
    private readonly deps: PreparedRunDeps,
    private readonly key: RunKey,
  ) {}

  /** @throws UNAVAILABLE where this instance is shutting down */
  prepare(model: ModelSettings): void {
    this.discardUnlessStarted();
    const { runs, providerOf, database: querier, keyring, clock } = this.deps;
    const read = (signal: AbortSignal) => {
      if (!this.place) throw new Error('A run was started before its place was known.');
      return readPrompt({ querier, keyring, clock }, { ...this.place, model }, signal);
    };
    this.run = runs.prepare(this.key, { model, provider: providerOf(model), readPrompt: read });
  }

  start({ conversation, recent }: PlacedRun, answer: MessageRow): void {
    if (!this.run) throw new Error('A run was started that was not prepared.');
    this.place = {
      ...this.key,
      segment: answer.segment,
      position: answer.position,
      systemPrompt: conversation.system_prompt,
      recent,
    };
    this.started = true;
    this.deps.runs.start(this.run, conversation.expires_at);
  }

  discardUnlessStarted(): void {
    if (this.run && !this.started) this.deps.runs.discard(this.run);
  }
}
