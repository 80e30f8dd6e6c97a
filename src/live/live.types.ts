import { createUnionType, ID, ObjectType } from 'type-graphql';
import { AnswerDelta, AnswerFinished } from '../answers/answer.types.js';
import { Conversation } from '../conversations/conversation.types.js';
import { Message } from '../messages/message.types.js';
import { toPublicId } from '../platform/ids.js';
import { type Instant, instantFromMs } from '../platform/instant.js';
import { ObjectField } from '../platform/object-field.types.js';
import { DateTime } from '../platform/scalars.js';
import type { ConversationLiveEvent } from './follow-conversation.js';
import { writeSyncCursor } from './sync-cursor.js';

/** The cursor after an event, of the subscription to a conversation. */
export const syncCursorAfter = ({ scope, state }: ConversationLiveEvent, conversationId: string): string =>
  writeSyncCursor(scope.keys, conversationId, state);

@ObjectType({
  simpleResolvers: true,
  description:
    'A message is new, or changed in any way but by a delta, by finishing (AnswerFinished) or in visible alone (ConversationChanged.branchChanged). One that cannot be opened is passed over.',
})
export class MessageChanged {
  @ObjectField(() => Message, { description: 'The message as it is now.' })
  readonly message: Message;

  constructor(
    private readonly event: Extract<ConversationLiveEvent, { type: 'message' }>,
    message: Message,
  ) {
    this.message = message;
  }

  @ObjectField(() => String, { description: 'For after of the subscription that sent it, and no other.' })
  get cursor(): string {
    return syncCursorAfter(this.event, this.event.row.conversation_id);
  }
}

@ObjectType({ simpleResolvers: true, description: 'Title, pin, archive, branch, model or counters changed.' })
export class ConversationChanged {
  @ObjectField(() => Conversation, { description: 'The conversation as it is now.' })
  readonly conversation: Conversation;

  constructor(
    private readonly event: Extract<ConversationLiveEvent, { type: 'changed' }>,
    conversation: Conversation,
  ) {
    this.conversation = conversation;
  }

  @ObjectField(() => Boolean, {
    description:
      'Another branch became visible since the cursor: pages of Conversation.messages and Message.visible read before are stale, read them again.',
  })
  get branchChanged(): boolean {
    return this.event.branchChanged;
  }

  @ObjectField(() => String, {
    description: 'For Subscription.conversation(after:) of this conversation, as syncCursor.',
  })
  get cursor(): string {
    return syncCursorAfter(this.event, this.event.row.id);
  }
}

@ObjectType({ simpleResolvers: true, description: 'A conversation is gone.' })
export class ConversationDeleted {
  @ObjectField(() => ID, { description: 'The id that it had.' })
  readonly conversationId: string;

  constructor(conversationId: string) {
    this.conversationId = toPublicId('cnv', conversationId);
  }
}

@ObjectType({
  simpleResolvers: true,
  description:
    'The first event of every subscription and re-subscription: from here on nothing is missed. Read the list now.',
})
export class ConversationListReady {
  @ObjectField(() => DateTime, { description: 'When that was.' })
  readonly at: Instant;

  constructor(atMs: number) {
    this.at = instantFromMs(atMs);
  }
}

export const ConversationEvent = createUnionType({
  name: 'ConversationEvent',
  description: 'What a follower of a conversation is told.',
  types: () => [AnswerDelta, AnswerFinished, MessageChanged, ConversationChanged, ConversationDeleted] as const,
});

export const ConversationListEvent = createUnionType({
  name: 'ConversationListEvent',
  description: 'What a follower of the list is told.',
  types: () => [ConversationListReady, ConversationChanged, ConversationDeleted] as const,
});
