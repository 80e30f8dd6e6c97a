import type { MessageRow } from '../messages/message-row.js';
import { type AnswerText, type Offsets, sealChunk } from '../messages/message-texts.js';
import type { Clock } from '../platform/clock.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { estimateTokens } from '../platform/estimate-tokens.js';
import type { Log } from '../platform/log.js';
import { orAborted } from '../platform/or-aborted.js';
import type { Checkpoint, RunKey } from './answer.repository.js';
import { LiveText, sameOffsets, startOfAnswer } from './live-text.js';
import { ModelError, type ModelEvent, type ModelProvider, type PromptMessage } from './model/model.js';
import { costMicroUsd, type ModelSettings } from './model/model-catalogue.js';
import { cancelled, type Ending, interrupted, type Measures } from './settle.js';
import { WholeCharacters } from './whole-characters.js';

/** Why a run is stopped from outside. */
export type StopReason = 'cancel' | 'shutdown' | 'fenced' | 'tooLong';

const endingOf: Readonly<Record<Exclude<StopReason, 'fenced'>, Ending>> = {
  cancel: cancelled,
  shutdown: interrupted('SHUTDOWN', 'The server was restarted while it answered; ask again to get a new answer.'),
  tooLong: {
    status: 'FAILED',
    finishReason: null,
    fault: { code: 'ANSWER_TOO_LONG', message: 'The answer grew too long and was cut off.', retryable: false },
  },
};

const endedEarly = interrupted(
  'PROVIDER_ENDED_EARLY',
  'The model stopped in the middle; ask again to get a new answer.',
);

const failed = (code: string, message: string, retryable: boolean): Ending => ({
  status: 'FAILED',
  finishReason: null,
  fault: { code, message, retryable },
});

/** New text that is worth a checkpoint before its time, in code units. */
const earlyCheckpoint = 2048;
/** A run without new text is written this often, so that its lease lives and a cancel is heard. */
const renewEveryMs = 1000;
/** A writer that has not reached the database for so long delivers nothing more until it does. */
const holdAfterMs = 8000;

export interface RunDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly provider: ModelProvider;
  readonly model: ModelSettings;
  /** The prompt; tried until it can be read, or the run is stopped. */
  readonly readPrompt: (signal: AbortSignal) => Promise<readonly PromptMessage[]>;
  readonly answerBytes: number;
  /** Called when the text grew; `early` when it is worth a checkpoint now. */
  readonly onGrowth: (early: boolean) => void;
}

/** The one attempt to write an answer: asks the model, keeps the text, and knows how much of it is durable. */
export class Run {
  readonly live = new LiveText();
  private readonly abort = new AbortController();
  private readonly content = new WholeCharacters();
  private readonly reasoning = new WholeCharacters();
  private durable: Offsets = startOfAnswer;
  private lastWrittenMs: number;
  private lastSuccessMs: number;
  private startedMs: number;
  private firstTokenMs: number | null = null;
  private promptTokens: number | null = null;
  private completionTokens: number | null = null;
  private promptTokensSent = 0;
  private finishReason: string | null = null;
  private bytes = 0;
  private stopReason: StopReason | null = null;
  private turn: Promise<void> | null = null;

  constructor(
    readonly key: RunKey,
    private readonly deps: RunDeps,
  ) {
    const now = deps.clock.monotonic();
    this.lastWrittenMs = now;
    this.lastSuccessMs = now;
    this.startedMs = now;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get stopped(): StopReason | null {
    return this.stopReason;
  }

  /** Stops the model; the first reason counts. What the model finished before that stays finished. */
  stop(reason: StopReason): void {
    if (reason === 'fenced') this.stopReason = reason;
    this.stopReason ??= reason;
    this.abort.abort();
  }

  /** Asks the model and takes what it says, to the end; never throws. */
  async listen(): Promise<Ending> {
    this.startedMs = this.deps.clock.monotonic();
    const ending = await this.ask();
    this.append({ content: this.content.end(), reasoning: this.reasoning.end() });
    return ending;
  }

  private async ask(): Promise<Ending> {
    const { provider, model, readPrompt, log } = this.deps;
    try {
      // A read that takes its time holds up neither a cancel nor a stop.
      const messages = await orAborted(readPrompt(this.signal), this.signal);
      const request = { model: model.id, messages, maxOutputTokens: model.maxOutputTokens, signal: this.signal };
      if (!this.signal.aborted) {
        this.promptTokensSent = messages.reduce((sum, { content }) => sum + estimateTokens(content), 0);
        for await (const event of provider.answer(request)) this.take(event);
      }
    } catch (error) {
      if (!this.signal.aborted) return this.endingOf(error);
      log.debug({ error }, 'the model was stopped');
    }
    if (this.finishReason !== null && this.stopReason !== 'tooLong') {
      return { status: 'COMPLETE', finishReason: this.finishReason, fault: null };
    }
    if (this.stopReason === null || this.stopReason === 'fenced') return endedEarly;
    return endingOf[this.stopReason];
  }

  private endingOf(error: unknown): Ending {
    if (error instanceof ModelError) {
      this.deps.log.info({ code: error.code, status: error.status }, 'the model failed');
      return failed(error.code, error.message, error.retryable);
    }
    this.deps.log.error({ error }, 'an answer failed');
    return failed('INTERNAL', 'Something went wrong on our side; ask again to get a new answer.', true);
  }

  private take(event: ModelEvent): void {
    if (event.type === 'finish') this.finishReason = event.reason;
    if (event.type === 'usage') {
      this.promptTokens = event.promptTokens;
      this.completionTokens = event.completionTokens;
    }
    if (this.signal.aborted) return;
    if (event.type === 'text') this.append({ content: this.content.push(event.text), reasoning: '' });
    if (event.type === 'reasoning') this.append({ content: '', reasoning: this.reasoning.push(event.text) });
  }

  private append(added: AnswerText): void {
    if (added.content === '' && added.reasoning === '') return;
    this.firstTokenMs ??= Math.round(this.deps.clock.monotonic() - this.startedMs);
    this.bytes += Buffer.byteLength(added.content) + Buffer.byteLength(added.reasoning);
    if (this.bytes > this.deps.answerBytes) {
      this.stop('tooLong');
      return;
    }
    // Not at ticks alone: after a process stood still, the model's words come before its timers.
    this.checkHold();
    this.live.append(added);
    this.deps.onGrowth(this.urgent);
  }

  /** Is a statement about this run under way? */
  get busy(): boolean {
    return this.turn !== null;
  }

  /** Checkpoint and settle take turns; the result gives the turn back. Only where the run is not busy. */
  takeTurn(): () => void {
    let release = () => {};
    this.turn = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      this.turn = null;
      release();
    };
  }

  async waitForTurn(): Promise<() => void> {
    while (this.turn) await this.turn;
    return this.takeTurn();
  }

  get text(): AnswerText {
    return this.live.readAll(startOfAnswer);
  }

  get measures(): Measures {
    const { promptTokens, completionTokens, firstTokenMs } = this;
    return {
      promptTokens,
      completionTokens,
      costMicroUsd: costMicroUsd(this.deps.model, promptTokens, completionTokens),
      firstTokenMs,
      latencyMs: Math.round(this.deps.clock.monotonic() - this.startedMs),
    };
  }

  /** About how many tokens the model was shown; none where it was never asked. */
  get promptEstimate(): number {
    return this.promptTokensSent;
  }

  /** Is there something to write, or has nothing been written for too long? */
  get due(): boolean {
    if (this.busy || this.stopReason === 'fenced') return false;
    const idleMs = this.deps.clock.monotonic() - this.lastWrittenMs;
    return idleMs >= renewEveryMs || !sameOffsets(this.durable, this.live.end);
  }

  /** Is a checkpoint worth it before the next tick? */
  get urgent(): boolean {
    const { end } = this.live;
    const pending = end.content - this.durable.content + end.reasoning - this.durable.reasoning;
    return this.due && (pending >= earlyCheckpoint || this.lastWrittenMs === Number.NEGATIVE_INFINITY);
  }

  /** Is it still ours? A checkpoint is due at once, new text or not. */
  doubt(): void {
    this.lastWrittenMs = Number.NEGATIVE_INFINITY;
  }

  /** What the next checkpoint says; without keys to seal new text with, that the lease lives. */
  checkpoint(keys: OwnerKeys | null): Checkpoint {
    const from = this.durable;
    const to = keys ? this.live.end : from;
    const isNew = keys !== null && !sameOffsets(from, to);
    const sealed = isNew ? sealChunk(keys, this.key.messageId, from, this.live.readAll(from)) : null;
    return { run: this.key, from, to, sealed };
  }

  isDurableTo(end: Offsets): boolean {
    return sameOffsets(this.durable, end);
  }

  /** The lease alone was renewed: no success, since the text is no more durable than before. */
  renewed(): void {
    this.lastWrittenMs = this.deps.clock.monotonic();
  }

  /**
   * A checkpoint succeeded, or the database said how far it has the text; what it says is as old as the asking. After a
   * process stood still, its answer may have lain there for longer than the lease lived.
   */
  madeDurable(to: Offsets, askedMs: number): void {
    this.durable = to;
    this.lastWrittenMs = this.deps.clock.monotonic();
    this.lastSuccessMs = askedMs;
    if (!this.inDoubt) this.live.release();
  }

  /** Holds delivery where the database was not reached for too long: the answer may be somebody else's by now. */
  checkHold(): void {
    if (this.inDoubt) this.live.hold();
  }

  private get inDoubt(): boolean {
    return this.deps.clock.monotonic() - this.lastSuccessMs >= holdAfterMs;
  }

  /** The answer is final: `final` as stored, null where it is gone. */
  finish(final: MessageRow | null): void {
    this.live.finish(final);
  }
}
