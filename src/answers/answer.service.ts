import { sealConversation } from '../conversations/conversation-input.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { requestClaim } from '../conversations/request.js';
import { badUserInput } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import type { AppendPlace } from '../messages/append.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import type { Offsets } from '../messages/message-texts.js';
import { decodeCursor } from '../platform/cursor.js';
import { newId } from '../platform/ids.js';
import type { SourceFailure } from '../platform/pulled-source.js';
import { readAsking, readBatch, readQuestion, readSend } from './answer-input.js';
import type {
  AppendMessagesInput,
  EditMessageInput,
  RegenerateAnswerInput,
  SendMessageInput,
} from './answer-input.types.js';
import { append } from './append-flow.js';
import { type Asked, Asking, type AskingDeps } from './asking.js';
import { eraseMessage } from './erasing.js';
import { type FollowEvent, follow } from './follow.js';
import { startOfAnswer } from './live-text.js';
import type { ModelCatalogue } from './model/model-catalogue.js';
import type { Replicas } from './replicas.js';
import { namedMessage, storedConversation, storedMessages } from './stored.js';

export interface AnswerServiceDeps extends AskingDeps {
  readonly temporaryHours: number;
  readonly replicas: Replicas;
}

export interface Sent extends Asked {
  readonly message: MessageRow;
}

export interface Appended {
  readonly conversation: ConversationRow;
  readonly messages: readonly MessageRow[];
}

/** Asking, following, cancelling and taking back. */
export class AnswerService {
  private readonly asking: Asking;

  constructor(private readonly deps: AnswerServiceDeps) {
    this.asking = new Asking(deps);
  }

  /**
   * Stores the question and an empty answer, and begins to write it; returns as soon as both are stored.
   * @throws BAD_USER_INPUT, NOT_FOUND, CONFLICT, RATE_LIMITED
   */
  async send(scope: Scope, input: SendMessageInput): Promise<Sent> {
    const { conversationId: existing, newConversation, content, metadata, ...send } = readSend(input, this.inputRules);
    const conversationId = existing ?? newId();
    const asked = await this.asking.ask({
      ...{ scope, input, conversationId, mutation: 'sendMessage', placeField: 'input.parentId', ...send },
      create: existing ? null : sealConversation(scope.keys, conversationId, newConversation),
      question: { content, metadata },
    });
    return withQuestion(asked);
  }

  /** Words a question anew beside the old one, and has it answered. @throws as send does */
  async edit(scope: Scope, input: EditMessageInput): Promise<Sent> {
    const content = readQuestion(input.content, this.deps.limits);
    const how = readAsking(input, this.inputRules);
    const edited = await namedMessage(this.deps.database, scope.viewer.id, input.messageId);
    if (edited.role !== 'USER') throw badUserInput(placeField, 'Only a USER message can be edited.');
    const asked = await this.asking.ask({
      ...{ scope, input, mutation: 'editMessage', create: null, placeField, ...how },
      ...{ conversationId: edited.conversation_id, place: besides(edited) },
      question: { content, metadata: null },
    });
    return withQuestion(asked);
  }

  /** A further answer: beside one that is there, or to a question. @throws as send does */
  async regenerate(scope: Scope, input: RegenerateAnswerInput): Promise<Asked> {
    const { database } = this.deps;
    const ownerId = scope.viewer.id;
    const how = readAsking(input, this.inputRules);
    const named = await namedMessage(database, ownerId, input.messageId);
    if (named.role !== 'USER' && named.role !== 'ASSISTANT') {
      throw badUserInput(placeField, 'Only an ASSISTANT message is answered anew, or a USER message once more.');
    }
    const place = named.role === 'USER' ? ({ kind: 'after', parentId: named.id } as const) : besides(named);
    const asked = await this.asking.ask({
      ...{ scope, input, mutation: 'regenerateAnswer', create: null, placeField, question: null, ...how },
      ...{ conversationId: named.conversation_id, place },
    });
    if (place.kind !== 'after') return asked;
    const [message = null] = await storedMessages(database, ownerId, [place.parentId]);
    return { ...asked, message };
  }

  /** @throws BAD_USER_INPUT, NOT_FOUND, CONFLICT */
  async append(scope: Scope, input: AppendMessagesInput): Promise<Appended> {
    const { idempotencyKey: clientKey, messages, ...batch } = readBatch(input, this.inputRules);
    const { database, onChanged } = this.deps;
    const { conversationId } = batch;
    const { ownerId } = scope.keys;
    const ids = Object.fromEntries(messages.map(({ id }, index) => [String(index), id]));
    const made = { ...ids, conversation: conversationId };
    const claim = requestClaim(scope.keys, { mutation: 'appendMessages', input, clientKey, made });
    const outcome = await append(this.asking.appendDeps, {
      ...{ scope, claim, create: null, beginsAnswer: false, placeField: 'input.parentId', ...batch },
      plan: () => ({ messages, run: null }),
    });
    if (!outcome.replayed) {
      onChanged(ownerId, conversationId);
      return { conversation: await storedConversation(database, ownerId, conversationId), messages: outcome.rows };
    }
    const { conversation: madeIn, ...madeIds } = outcome.made;
    return {
      conversation: await storedConversation(database, ownerId, madeIn ?? ''),
      messages: await storedMessages(database, ownerId, Object.values(madeIds)),
    };
  }

  /** Stops the model; gives the answer as it is then. Final answers are given unchanged. @throws NOT_FOUND */
  async cancel(scope: Scope, publicId: string): Promise<MessageRow> {
    const { database, cancelling } = this.deps;
    const ownerId = scope.viewer.id;
    const found = await namedMessage(database, ownerId, publicId);
    if (found.status !== 'STREAMING') return found;
    await cancelling.cancelAndWait(ownerId, found.id);
    const [row] = await storedMessages(database, ownerId, [found.id]);
    return row ?? found;
  }

  /** Takes back what a message says; see {@link eraseMessage}. @throws NOT_FOUND */
  erase(scope: Scope, publicId: string): Promise<MessageRow> {
    return eraseMessage(this.deps, scope, publicId);
  }

  /** @throws NOT_FOUND, BAD_USER_INPUT for a cursor that is none */
  async follow(
    scope: Scope,
    publicId: string,
    after: string | null,
  ): Promise<AsyncIterableIterator<FollowEvent | SourceFailure>> {
    const { database, runs, replicas, limits } = this.deps;
    const row = await namedMessage(database, scope.viewer.id, publicId);
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
}

/** Where the message to go beside is named. */
const placeField = 'input.messageId';

/** Under the same parent, or as another beginning. */
const besides = ({ parent_id: parentId }: MessageRow): AppendPlace =>
  parentId === null ? { kind: 'beginning' } : { kind: 'after', parentId };

function withQuestion({ message, ...asked }: Asked): Sent {
  if (!message) throw new Error('A question was asked and not stored.');
  return { ...asked, message };
}

function readOffsets(scope: Scope, messageId: string, after: string): Offsets {
  const [content, reasoning] = decodeCursor(scope.keys, 'answer', messageId, after, 'after');
  return { content: Number(content), reasoning: Number(reasoning) };
}
