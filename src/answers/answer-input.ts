import { type NewConversation, readModel, readNewConversation } from '../conversations/conversation-input.js';
import { readIdempotencyKey } from '../conversations/request.js';
import { badUserInput, notFound } from '../errors.js';
import type { Limits } from '../limits.js';
import { type NewMessage, plainMessage } from '../messages/append.js';
import type { AppendPlace } from '../messages/append.repository.js';
import type { Clock } from '../platform/clock.js';
import { fromPublicId, newId } from '../platform/ids.js';
import { type Instant, instantFromMs } from '../platform/instant.js';
import { writeJsonObject } from '../platform/json-object.js';
import { checkText } from '../platform/unicode.js';
import type {
  AppendMessageInput,
  AppendMessagesInput,
  AskingInput,
  SendMessageInput,
  WhenBusyValue,
} from './answer-input.types.js';

/** What the checks of an input know beside it. */
export interface AnswerInputRules {
  readonly limits: Limits;
  readonly knownModels: readonly string[];
  readonly temporaryHours: number;
  readonly clock: Clock;
}

/** A send, checked. */
export interface Send {
  /** Null: a new conversation. */
  readonly conversationId: string | null;
  readonly newConversation: NewConversation;
  readonly place: AppendPlace;
  readonly content: string;
  readonly model: string | null;
  readonly metadata: string | null;
  readonly idempotencyKey: string | null;
  readonly whenBusy: WhenBusyValue;
}

/** @throws BAD_USER_INPUT naming the field; NOT_FOUND for an id that names nothing */
export function readSend(input: SendMessageInput, rules: AnswerInputRules): Send {
  const { limits } = rules;
  // An empty id names nothing; it is not one that was left out.
  const { conversationId = null, newConversation = null, parentId = null } = input;
  if (conversationId !== null && newConversation) {
    throw badUserInput('input.newConversation', 'Give conversationId or newConversation, not both.');
  }
  if ((newConversation?.idempotencyKey ?? null) !== null) {
    throw badUserInput('input.newConversation.idempotencyKey', 'Give the key of the send: input.idempotencyKey.');
  }
  if (parentId !== null && conversationId === null) {
    throw badUserInput('input.parentId', 'parentId names a message of conversationId; give both, or neither.');
  }
  return {
    conversationId: conversationId === null ? null : idOf('cnv', conversationId, 'conversation'),
    newConversation: readNewConversation(newConversation ?? {}, 'input.newConversation', rules),
    place: readPlace(parentId),
    content: readQuestion(input.content, limits),
    metadata: writeJsonObject('input.metadata', input.metadata, limits.metadataBytes),
    ...readAsking(input, rules),
  };
}

/** How an answer is asked for, checked. */
export type AskedHow = Pick<Send, 'model' | 'idempotencyKey' | 'whenBusy'>;

/** @throws BAD_USER_INPUT naming the field */
export function readAsking(input: AskingInput, rules: AnswerInputRules): AskedHow {
  const { limits, knownModels } = rules;
  return {
    model: readModel('input.model', input.model, knownModels),
    idempotencyKey: readIdempotencyKey('input.idempotencyKey', input.idempotencyKey, limits.idempotencyKeyCodeUnits),
    whenBusy: input.whenBusy,
  };
}

/** @throws BAD_USER_INPUT for one that is empty, or too long */
export function readQuestion(content: string, limits: Limits): string {
  if (content === '') throw badUserInput('input.content', 'input.content is empty; say something.');
  return checkText('input.content', content, limits.questionCodeUnits);
}

const readPlace = (parentId: string | null): AppendPlace =>
  parentId === null ? { kind: 'end' } : { kind: 'after', parentId: idOf('msg', parentId, parentMessage) };

/** An append, checked. */
export interface Batch {
  readonly conversationId: string;
  readonly place: AppendPlace;
  readonly messages: readonly NewMessage[];
  readonly idempotencyKey: string | null;
  readonly whenBusy: WhenBusyValue;
}

/** @throws BAD_USER_INPUT naming the field; NOT_FOUND for an id that names nothing */
export function readBatch(input: AppendMessagesInput, rules: AnswerInputRules): Batch {
  const { limits } = rules;
  const { messages, parentId = null } = input;
  if (messages.length === 0 || messages.length > limits.appendedMessages) {
    throw badUserInput('input.messages', `Append 1 to ${limits.appendedMessages} messages at once.`);
  }
  return {
    conversationId: idOf('cnv', input.conversationId, 'conversation'),
    place: readPlace(parentId),
    messages: messages.map((message, index) => readAppended(message, `input.messages.${index}`, rules)),
    idempotencyKey: readIdempotencyKey('input.idempotencyKey', input.idempotencyKey, limits.idempotencyKeyCodeUnits),
    whenBusy: input.whenBusy,
  };
}

const parentMessage = 'parent message in this conversation';
const modelCodeUnits = 255;

function readAppended(input: AppendMessageInput, path: string, { limits, clock }: AnswerInputRules): NewMessage {
  const content = readBytes(`${path}.content`, input.content, limits.messageBytes);
  const reasoning = input.reasoning ? readBytes(`${path}.reasoning`, input.reasoning, limits.messageBytes) : null;
  const createdMs = readCreatedAt(`${path}.createdAt`, input.createdAt, clock);
  return {
    // An id's time begins in 1970.
    ...plainMessage(newId(Math.max(0, createdMs ?? clock.now())), input.role, content),
    reasoning,
    metadata: writeJsonObject(`${path}.metadata`, input.metadata, limits.metadataBytes),
    model: input.model ? checkText(`${path}.model`, input.model, modelCodeUnits) : null,
    promptTokens: readCount(`${path}.promptTokens`, input.promptTokens),
    completionTokens: readCount(`${path}.completionTokens`, input.completionTokens),
    costMicroUsd: readCount(`${path}.costMicroUsd`, input.costMicroUsd),
    latencyMs: readCount(`${path}.latencyMs`, input.latencyMs),
    createdAt: createdMs === null ? null : instantFromMs(createdMs),
  };
}

/** The first instant that PostgreSQL tells in the way that all others are told: its year before this one is 1 BC. */
const firstYearMs = Date.parse('0001-01-01T00:00:00.000Z');

/** Clocks of two machines are apart by less: what was said just now on the one is not in the future on the other. */
const clockToleranceMs = 1000;

function readCreatedAt(field: string, createdAt: Instant | null | undefined, clock: Clock): number | null {
  if (createdAt === null || createdAt === undefined) return null;
  const [createdMs, nowMs] = [Date.parse(createdAt), clock.now()];
  if (createdMs > nowMs + clockToleranceMs) {
    throw badUserInput(field, `${field} is in the future; a message was said before it is kept.`);
  }
  if (createdMs < firstYearMs) throw badUserInput(field, `${field} is before the year 1.`);
  return Math.min(createdMs, nowMs);
}

function readBytes(field: string, text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) > maxBytes) throw badUserInput(field, `${field} is larger than ${maxBytes} bytes.`);
  return checkText(field, text, maxBytes);
}

function readCount(field: string, count: number | null | undefined): number | null {
  if (count === null || count === undefined) return null;
  if (count < 0) throw badUserInput(field, `${field} is less than zero; omit it where it is unknown.`);
  return count;
}

function idOf(prefix: 'cnv' | 'msg', publicId: string, what: string): string {
  const id = fromPublicId(prefix, publicId);
  if (id === null) throw notFound(what);
  return id;
}
