import type { SealedConversation } from '../conversations/conversation-input.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { takingPoint } from '../conversations/rated-request.js';
import { requestClaim } from '../conversations/request.js';
import type { RequestClaim } from '../conversations/request.repository.js';
import { badUserInput, notFound } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import type { Limits, Quotas } from '../limits.js';
import { type NewMessage, plainMessage } from '../messages/append.js';
import type { AppendPlace } from '../messages/append.repository.js';
import type { LockedConversation } from '../messages/conversation-lock.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import type { RecentMessages } from '../messages/recent-messages.js';
import { CommitOutcomeUnknown } from '../platform/database.js';
import { newId } from '../platform/ids.js';
import type { Rates } from '../platform/rates.js';
import type { Turns } from '../platform/turns.js';
import type { RunKey } from './answer.repository.js';
import type { WhenBusyValue } from './answer-input.types.js';
import { type AppendFlowDeps, append } from './append-flow.js';
import type { Cancelling } from './cancelling.js';
import type { ModelCatalogue, ModelSettings } from './model/model-catalogue.js';
import { PreparedRun, type PreparedRunDeps } from './prepared-run.js';
import { storedConversation, storedMessages } from './stored.js';

export interface AskingDeps extends PreparedRunDeps {
  readonly limits: Limits;
  readonly rates: Rates;
  readonly turns: Turns;
  /** How many answers a person may have written at a time; null for any number. */
  readonly answersAtATime: number | null;
  readonly quotas: Quotas;
  readonly models: ModelCatalogue;
  readonly cancelling: Cancelling;
  readonly recent: RecentMessages;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
  /** Names this instance in answer_runs. */
  readonly instance: string;
}

/** What a mutation that begins an answer wants, whichever it is. */
export interface AskWish {
  readonly scope: Scope;
  /** The mutation's name, and its whole input as the client gave it. */
  readonly mutation: string;
  readonly input: object;
  readonly idempotencyKey: string | null;
  readonly conversationId: string;
  /** Where the conversation is to be made first. */
  readonly create: SealedConversation | null;
  readonly place: AppendPlace;
  /** The field of the input that named the place. */
  readonly placeField: string;
  readonly whenBusy: WhenBusyValue;
  readonly model: string | null;
  /** What is asked; null where the answer is to what stands at the place already. */
  readonly question: Pick<NewMessage, 'content' | 'metadata'> | null;
}

export interface Asked {
  readonly conversation: ConversationRow;
  /** Null where nothing was asked anew. */
  readonly message: MessageRow | null;
  readonly answer: MessageRow;
}

/** Beginning answers: what sending, editing and regenerating have in common, which is nearly all. */
export class Asking {
  constructor(private readonly deps: AskingDeps) {}

  /**
   * Stores the question and an empty answer, and begins to write it; returns as soon as both are stored.
   * @throws BAD_USER_INPUT, NOT_FOUND, CONFLICT, RATE_LIMITED
   */
  async ask(wish: AskWish): Promise<Asked> {
    const { scope, conversationId, idempotencyKey: clientKey } = wish;
    const ownerId = scope.viewer.id;
    // In this order, which is that of their ids.
    const questionId = newId();
    const key: RunKey = { ownerId, conversationId, messageId: newId(), runId: newId() };
    const asked = wish.question && { message: questionId };
    const made = { conversation: conversationId, ...asked, answer: key.messageId };
    const claim = requestClaim(scope.keys, { mutation: wish.mutation, input: wish.input, clientKey, made });
    const writing = new PreparedRun(this.deps, key, claim);
    try {
      const outcome = await takingPoint(this.deps, { rate: 'sends', claim, clientKey }, () =>
        append(this.appendDeps, {
          ...{ scope, claim, conversationId, create: wish.create, whenBusy: wish.whenBusy },
          ...{ place: wish.place, placeField: wish.placeField, beginsAnswer: true },
          plan: (conversation) => {
            const model = this.chooseModel(wish, conversation);
            writing.prepare(model, conversation);
            const run = { messageId: key.messageId, runId: key.runId, instance: this.deps.instance, model };
            return { messages: messagesOf(wish, questionId, key.messageId, model), run };
          },
        }),
      );
      if (outcome.replayed) return await this.askedBefore(ownerId, outcome.made);
      const { message, answer } = told(outcome.rows);
      writing.start(outcome, answer);
      this.deps.onChanged(ownerId, conversationId);
      return { conversation: await storedConversation(this.deps.database, ownerId, conversationId), message, answer };
    } catch (error) {
      // The person is told now, and may ask again with the key: then the answer had better be under way.
      if (error instanceof CommitOutcomeUnknown) void writing.startWhereCommitted();
      throw error;
    } finally {
      writing.discardUnlessStarted();
    }
  }

  /** What every append needs, one without an answer too. */
  get appendDeps(): AppendFlowDeps {
    const { limits, ...deps } = this.deps;
    return { ...deps, alternativesLimit: limits.alternatives };
  }

  private chooseModel(wish: AskWish, conversation: LockedConversation): ModelSettings {
    const wanted = wish.model ?? conversation.model;
    if (wanted === null) return this.deps.models.default;
    const model = this.deps.models.find(wanted);
    if (model) return model;
    throw badUserInput('input.model', "The conversation's model is not offered any more; name another, or change it.");
  }

  private async askedBefore(ownerId: string, made: RequestClaim['made']): Promise<Asked> {
    const { conversation = '', message, answer = '' } = made;
    const ids = message === undefined ? [answer] : [message, answer];
    const rows = await storedMessages(this.deps.database, ownerId, ids);
    return { conversation: await storedConversation(this.deps.database, ownerId, conversation), ...told(rows) };
  }
}

/** The key is shown on what the client made with it: its question, or the answer where there is none. */
function messagesOf(
  { question, idempotencyKey }: AskWish,
  questionId: string,
  answerId: string,
  model: ModelSettings,
): NewMessage[] {
  const answer = { ...plainMessage(answerId, 'ASSISTANT', ''), status: 'STREAMING', model: model.id } as const;
  if (!question) return [{ ...answer, idempotencyKey }];
  const { content, metadata } = question;
  return [{ ...plainMessage(questionId, 'USER', content), metadata, idempotencyKey }, answer];
}

function told(rows: readonly MessageRow[]): Pick<Asked, 'message' | 'answer'> {
  const answer = rows.at(-1);
  if (!answer) throw notFound('message');
  return { message: rows.length > 1 ? (rows[0] ?? null) : null, answer };
}
