import { conversationPlace } from '../conversations/conversation-row.js';
import { automaticTitle, showsNothing, titleTerms } from '../conversations/title.js';
import { badUserInput, notFound } from '../errors.js';
import type { Transaction } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { estimateTokens } from '../platform/estimate-tokens.js';
import type { Instant } from '../platform/instant.js';
import { type AppendPlace, type PlacedMessage, type Surroundings, type Writing, write } from './append.repository.js';
import type { LockedConversation } from './conversation-lock.repository.js';
import { endOfBranch } from './message.repository.js';
import type { MessageRow, Role, Status } from './message-row.js';
import { messageTerms } from './message-terms.js';
import { messagePlace, type TextColumn } from './message-texts.js';

/** A message to append, in clear, before it has a place. */
export interface NewMessage {
  readonly id: string;
  readonly role: Role;
  readonly status: Status;
  readonly content: string;
  readonly reasoning: string | null;
  /** A JSON object as text; null for the empty one. */
  readonly metadata: string | null;
  readonly idempotencyKey: string | null;
  readonly model: string | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costMicroUsd: number | null;
  readonly latencyMs: number | null;
  /** When it was said; null for now, by the database's clock. */
  readonly createdAt: Instant | null;
}

/** A message of nothing but a role and a text; what else there is to say is laid over it. */
export const plainMessage = (id: string, role: Role, content: string): NewMessage => ({
  id,
  role,
  status: 'COMPLETE',
  content,
  reasoning: null,
  metadata: null,
  idempotencyKey: null,
  model: null,
  promptTokens: null,
  completionTokens: null,
  costMicroUsd: null,
  latencyMs: null,
  createdAt: null,
});

export interface Append {
  readonly keys: OwnerKeys;
  readonly conversation: LockedConversation;
  /** Null where the conversation was made by this transaction: nothing stands around. */
  readonly surroundings: Surroundings | null;
  readonly place: AppendPlace;
  /** Each follows the one before it. */
  readonly messages: readonly NewMessage[];
  readonly run: Writing['run'];
  /** Null where answers among the messages are not to count, as imported ones. */
  readonly usage: Writing['usage'];
  /** How many messages may follow one and the same, or begin the conversation; and the field that named the place. */
  readonly alternatives: { readonly limit: number; readonly field: string };
}

/**
 * The one way by which messages join a conversation: places them at the end of the visible branch, after a parent or as
 * another beginning, opens a segment where that forks, moves the visible branch there, and takes one revision. Needs
 * the conversation's lock.
 * @throws NOT_FOUND where the parent is not in this conversation, BAD_USER_INPUT where it has too many alternatives.
 */
export async function appendMessages(tx: Transaction, append: Append): Promise<MessageRow[]> {
  const { conversation, keys } = append;
  const place = choosePlace(append);
  const firstPosition = conversation.last_position + 1;
  const revision = conversation.revision + 1;
  const messages: PlacedMessage[] = [];
  for (const [index, message] of append.messages.entries()) {
    const at = {
      parentId: append.messages[index - 1]?.id ?? place.parentId,
      position: firstPosition + index,
      depth: place.depth + 1 + index,
    };
    messages.push(await placed(keys, message, at));
  }
  return write(tx, {
    ownerId: keys.ownerId,
    conversationId: conversation.id,
    revision,
    segment: place.segment ?? firstPosition,
    messages,
    branch: place.branch,
    opens: place.opens,
    run: append.run,
    usage: append.usage,
    title: titleOf(append),
  });
}

interface ChosenPlace {
  readonly parentId: string | null;
  readonly depth: number;
  /** The segment to join; null where one begins. */
  readonly segment: number | null;
  readonly branch: Writing['branch'];
  readonly opens: Writing['opens'];
}

const noFork = { parentSegment: null, forkPosition: null };

function choosePlace(append: Append): ChosenPlace {
  const { conversation, surroundings, place } = append;
  const { leaf_id: leafId, leaf_segment: leafSegment, message_count: depth } = conversation;
  if (leafId === null && place.kind !== 'after') {
    return { parentId: null, depth: 0, segment: null, branch: null, opens: noFork };
  }
  if (place.kind === 'end' || (place.kind === 'after' && place.parentId === leafId)) {
    return { parentId: leafId, depth, segment: leafSegment, branch: null, opens: null };
  }
  if (place.kind === 'after') return placeAfter(append, place.parentId);
  checkAlternatives(append, surroundings?.alternatives ?? 0);
  return { parentId: null, depth: 0, segment: null, branch: { from: null, visibleTo: endOfBranch }, opens: noFork };
}

function placeAfter(append: Append, parentId: string): ChosenPlace {
  const { surroundings } = append;
  const segment = surroundings?.parent_segment ?? null;
  const position = surroundings?.parent_position ?? null;
  if (!surroundings || segment === null || position === null) throw notFound('parent message in this conversation');
  checkAlternatives(append, surroundings.alternatives);
  const after = { parentId, depth: surroundings.parent_depth ?? 0 };
  // What ends its segment is continued in it, also where it is hidden; anything else forks.
  if (surroundings.parent_ends_segment) {
    return { ...after, segment, branch: { from: segment, visibleTo: endOfBranch }, opens: null };
  }
  return {
    ...after,
    segment: null,
    branch: { from: segment, visibleTo: position },
    opens: { parentSegment: segment, forkPosition: position },
  };
}

function checkAlternatives({ alternatives: { limit, field } }: Append, count: number): void {
  if (count >= limit) throw badUserInput(field, `A message has ${limit} alternatives at most; choose one of them.`);
}

async function placed(
  keys: OwnerKeys,
  message: NewMessage,
  at: { readonly parentId: string | null; readonly position: number; readonly depth: number },
): Promise<PlacedMessage> {
  const sealed = (column: TextColumn, text: string | null) =>
    text === null ? null : keys.seal(messagePlace(message.id, column), text);
  return {
    ...at,
    id: message.id,
    role: message.role,
    status: message.status,
    sealedContent: sealed('content', message.content === '' ? null : message.content),
    sealedReasoning: sealed('reasoning', message.reasoning),
    sealedMetadata: sealed('metadata', message.metadata),
    sealedIdempotencyKey: sealed('idempotency_key', message.idempotencyKey),
    terms: await messageTerms(keys, message.role, message.content),
    model: message.model,
    tokenEstimate: estimateTokens(message.content),
    promptTokens: message.promptTokens,
    completionTokens: message.completionTokens,
    costMicroUsd: message.costMicroUsd,
    latencyMs: message.latencyMs,
    createdAt: message.createdAt,
  };
}

/** The first words that a person says give a conversation its automatic title; a title of their own stays shown. */
function titleOf({ keys, conversation, messages }: Append): Writing['title'] {
  if (conversation.has_automatic_title) return null;
  const first = messages.find((message) => message.role === 'USER' && !showsNothing(message.content));
  if (!first) return null;
  const title = automaticTitle(first.content);
  const sealed = keys.seal(conversationPlace(conversation.id, 'automatic_title'), title);
  return { sealed, terms: conversation.has_title ? null : titleTerms(keys, title) };
}
