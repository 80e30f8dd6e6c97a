import { findConversation } from '../conversations/conversation.repository.js';
import { sealConversation } from '../conversations/conversation-input.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { takingPoint } from '../conversations/rated-request.js';
import { requestFingerprint, requestKey } from '../conversations/request.js';
import type { RequestClaim } from '../conversations/request.repository.js';
import { badUserInput, notFound } from '../errors.js';
import type { Keyring } from '../identity/keyring.js';
import type { Scope } from '../identity/scope.js';
import type { Limits, Quotas } from '../limits.js';
import { plainMessage } from '../messages/append.js';
import type { LockedConversation } from '../messages/conversation-lock.repository.js';
import { findMessage, findMessages } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import type { Offsets } from '../messages/message-texts.js';
import type { Clock } from '../platform/clock.js';
import { decodeCursor } from '../platform/cursor.js';
import type { Database } from '../platform/database.js';
import { fromPublicId, newId } from '../platform/ids.js';
import type { SourceFailure } from '../platform/pulled-source.js';
import type { Rates } from '../platform/rates.js';
import type { Turns } from '../platform/turns.js';
import type { RunKey } from './answer.repository.js';
import { type Batch, readBatch, readSend, type Send } from './answer-input.js';
import type { AppendMessagesInput, SendMessageInput } from './answer-input.types.js';
import { type AppendOutcome, type AppendWish, append } from './append-flow.js';
import type { Cancelling } from './cancelling.js';
import { type FollowEvent, follow } from './follow.js';
import { startOfAnswer } from './live-text.js';
import type { ModelProvider } from './model/model.js';
import type { ModelCatalogue, ModelSettings } from './model/model-catalogue.js';
import { type PromptSource, readPrompt } from './prompt.js';
import type { Replicas } from './replicas.js';
import type { Run } from './run.js';
import type { Runs } from './runs.js';

export interface AnswerServiceDeps {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly rates: Rates;
  readonly turns: Turns;
  /** How many answers a person may have written at a time; null for any number. */
  readonly answersAtATime: number | null;
  readonly quotas: Quotas;
  readonly models: ModelCatalogue;
  readonly temporaryHours: number;
  readonly providerOf: (model: ModelSettings) => ModelProvider;
  readonly runs: Runs;
  readonly replicas: Replicas;
  readonly cancelling: Cancelling;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
  /** Names this instance in answer_runs. */
  readonly instance: string;
}

export interface Sent {
  readonly conversation: ConversationRow;
  readonly message: MessageRow;
  readonly answer: MessageRow;
}

export interface Appended {
  readonly conversation: ConversationRow;
  readonly messages: readonly MessageRow[];
}

/** Asking, following and cancelling. */
export class AnswerService {
  constructor(private readonly deps: AnswerServiceDeps) {}

  /**
   * Stores the question and an empty answer, and begins to write it; returns as soon as both are stored.
   * @throws BAD_USER_INPUT, NOT_FOUND, CONFLICT, RATE_LIMITED
   */
  async send(scope: Scope, input: SendMessageInput): Promise<Sent> {
    const send = readSend(input, this.inputRules);
    const conversationId = send.conversationId ?? newId();
    // In this order, which is that of their ids.
    const questionId = newId();
    const key: RunKey = { ownerId: scope.viewer.id, conversationId, messageId: newId(), runId: newId() };
    const made = { conversation: conversationId, message: questionId, answer: key.messageId };
    const claim = this.claim(scope, 'sendMessage', input, send.idempotencyKey, made);
    const writing = new PreparedRun(this.deps, key);
    try {
      const rated = { rate: 'sends', claim, clientKey: send.idempotencyKey } as const;
      const outcome = await takingPoint(this.deps, rated, () =>
        append(this.appendDeps, {
          ...{ scope, claim, conversationId, parentId: send.parentId, whenBusy: send.whenBusy },
          beginsAnswer: true,
          create: send.conversationId ? null : sealConversation(scope.keys, conversationId, send.newConversation),
          plan: (conversation) => {
            const model = this.chooseModel(send, conversation);
            writing.prepare(model);
            const run = { messageId: key.messageId, runId: key.runId, instance: this.deps.instance, model };
            return { messages: this.questionAndAnswer(send, questionId, key.messageId, model), run };
          },
        }),
      );
      if (outcome.replayed) return await this.sentBefore(scope, outcome.made);
      const [message, answer] = outcome.rows;
      if (!message || !answer) throw new Error('A send made less than two messages.');
      writing.start(outcome.conversation, answer);
      this.deps.onChanged(claim.ownerId, conversationId);
      return { conversation: await this.conversation(scope, conversationId), message, answer };
    } finally {
      writing.discardUnlessStarted();
    }
  }

  /** @throws BAD_USER_INPUT, NOT_FOUND, CONFLICT */
  async append(scope: Scope, input: AppendMessagesInput): Promise<Appended> {
    const batch: Batch = readBatch(input, this.inputRules);
    const { conversationId, messages, parentId, whenBusy } = batch;
    const made = Object.fromEntries(messages.map(({ id }, index) => [String(index), id]));
    const claim = this.claim(scope, 'appendMessages', input, batch.idempotencyKey, {
      ...made,
      conversation: conversationId,
    });
    const wish: AppendWish = {
      ...{ scope, claim, conversationId, parentId, whenBusy, create: null, beginsAnswer: false },
      plan: () => ({ messages, run: null }),
    };
    const outcome: AppendOutcome = await append(this.appendDeps, wish);
    if (!outcome.replayed) {
      this.deps.onChanged(claim.ownerId, conversationId);
      return { conversation: await this.conversation(scope, conversationId), messages: outcome.rows };
    }
    const { conversation: madeIn, ...ids } = outcome.made;
    return {
      conversation: await this.conversation(scope, madeIn ?? ''),
      messages: await this.messages(scope, Object.values(ids)),
    };
  }

  /** Stops the model; gives the answer as it is then. Final answers are given unchanged. @throws NOT_FOUND */
  async cancel(scope: Scope, publicId: string): Promise<MessageRow> {
    const id = fromPublicId('msg', publicId);
    const ownerId = scope.viewer.id;
    const found = id && (await findMessage(this.deps.database, ownerId, id));
    if (!found) throw notFound('message');
    if (found.status !== 'STREAMING') return found;
    await this.deps.cancelling.cancelAndWait(ownerId, found.id);
    const [row] = await this.messages(scope, [found.id]);
    return row ?? found;
  }

  /** @throws NOT_FOUND, BAD_USER_INPUT for a cursor that is none */
  async follow(
    scope: Scope,
    publicId: string,
    after: string | null,
  ): Promise<AsyncIterableIterator<FollowEvent | SourceFailure>> {
    const { database, runs, replicas, limits } = this.deps;
    const id = fromPublicId('msg', publicId);
    const row = id && (await findMessage(database, scope.viewer.id, id));
    if (!row) throw notFound('message');
    return follow({
      scope,
      row,
      after: after === null ? startOfAnswer : readOffsets(scope, row.id, after),
      deltaCodeUnits: limits.deltaCodeUnits,
      take: () => runs.take(row.id) ?? replicas.take(scope.viewer.id, row.id),
    });
  }

  get models(): ModelCatalogue {
    return this.deps.models;
  }

  private get inputRules() {
    const { limits, clock, models, temporaryHours } = this.deps;
    return { limits, clock, temporaryHours, knownModels: models.all().map(({ id }) => id) };
  }

  private get appendDeps() {
    const { database, cancelling, clock, turns, limits, answersAtATime, quotas } = this.deps;
    return { database, cancelling, clock, turns, alternativesLimit: limits.alternatives, answersAtATime, quotas };
  }

  private claim(
    scope: Scope,
    mutation: string,
    input: object,
    clientKey: string | null,
    made: RequestClaim['made'],
  ): RequestClaim {
    const { keys } = scope;
    return {
      ownerId: keys.ownerId,
      key: requestKey(keys, clientKey),
      fingerprint: requestFingerprint(keys, mutation, input),
      made,
    };
  }

  private chooseModel(send: Send, conversation: LockedConversation): ModelSettings {
    const wanted = send.model ?? conversation.model;
    if (wanted === null) return this.deps.models.default;
    const model = this.deps.models.find(wanted);
    if (model) return model;
    throw badUserInput('input.model', "The conversation's model is not offered any more; name another, or change it.");
  }

  private questionAndAnswer(send: Send, questionId: string, answerId: string, model: ModelSettings) {
    const { content, metadata, idempotencyKey } = send;
    return [
      { ...plainMessage(questionId, 'USER', content), metadata, idempotencyKey },
      { ...plainMessage(answerId, 'ASSISTANT', ''), status: 'STREAMING', model: model.id },
    ] as const;
  }

  private async sentBefore(scope: Scope, made: RequestClaim['made']): Promise<Sent> {
    const [message, answer] = await this.messages(scope, [made.message ?? '', made.answer ?? '']);
    const conversation = await this.conversation(scope, made.conversation ?? '');
    if (!message || !answer) throw notFound('message');
    return { conversation, message, answer };
  }

  private async conversation(scope: Scope, id: string): Promise<ConversationRow> {
    const row = await findConversation(this.deps.database, scope.viewer.id, id);
    if (!row) throw notFound('conversation');
    return row;
  }

  /** In the order given. @throws NOT_FOUND where one was deleted */
  private async messages(scope: Scope, ids: readonly string[]): Promise<MessageRow[]> {
    const rows = await findMessages(this.deps.database, scope.viewer.id, ids);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => {
      const row = byId.get(id);
      if (!row) throw notFound('conversation');
      return row;
    });
  }
}

function readOffsets(scope: Scope, messageId: string, after: string): Offsets {
  const [content, reasoning] = decodeCursor(scope.keys, 'answer', messageId, after, 'after');
  return { content: Number(content), reasoning: Number(reasoning) };
}

/** A run that can be followed from before the commit on, and is taken back where there is none. */
class PreparedRun {
  private run: Run | null = null;
  private started = false;
  private place: Omit<PromptSource, 'model'> | null = null;

  constructor(
    private readonly deps: Pick<AnswerServiceDeps, 'runs' | 'providerOf' | 'database' | 'keyring' | 'clock'>,
    private readonly key: RunKey,
  ) {}

  prepare(model: ModelSettings): void {
    this.discardUnlessStarted();
    const { runs, providerOf, database: querier, keyring, clock } = this.deps;
    const read = (signal: AbortSignal) => {
      if (!this.place) throw new Error('A run was started before its place was known.');
      return readPrompt({ querier, keyring, clock }, { ...this.place, model }, signal);
    };
    this.run = runs.prepare(this.key, { model, provider: providerOf(model), readPrompt: read });
  }

  start(conversation: LockedConversation, answer: MessageRow): void {
    if (!this.run) throw new Error('A run was started that was not prepared.');
    this.place = {
      ...this.key,
      segment: answer.segment,
      position: answer.position,
      systemPrompt: conversation.system_prompt,
    };
    this.started = true;
    this.deps.runs.start(this.run, conversation.expires_at);
  }

  discardUnlessStarted(): void {
    if (this.run && !this.started) this.deps.runs.discard(this.run);
  }
}
