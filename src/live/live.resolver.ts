import type { GraphQLResolveInfo } from 'graphql';
import { Arg, FieldResolver, ID, Resolver, Root, Subscription } from 'type-graphql';
import { AnswerDelta, AnswerFinished } from '../answers/answer.types.js';
import { startOfAnswer } from '../answers/live-text.js';
import type { MakeConversationLoaders } from '../conversations/conversation.loaders.js';
import { Conversation } from '../conversations/conversation.types.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { isParleyError } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import type { MakeMessageLoaders, MessageLoaders } from '../messages/message.loaders.js';
import type { Message } from '../messages/message.types.js';
import type { Offsets } from '../messages/message-texts.js';
import { SourceFailure } from '../platform/pulled-source.js';
import { resolverOf } from '../platform/resolver-objects.js';
import type { ConversationLiveEvent } from './follow-conversation.js';
import type { ListLiveEvent } from './follow-list.js';
import type { LiveService } from './live.service.js';
import {
  ConversationChanged,
  ConversationDeleted,
  ConversationEvent,
  ConversationListEvent,
  ConversationListReady,
  MessageChanged,
  syncCursorAfter,
} from './live.types.js';
import { allOf, justBefore, type SyncState, writeSyncCursor } from './sync-cursor.js';

/** What TypeGraphQL hands to the source of a subscription. */
interface SourceRequest {
  readonly args: { readonly id: string; readonly after?: string | null };
  readonly context: Scope;
  readonly info: GraphQLResolveInfo;
}

@Resolver(() => Conversation)
export class LiveResolver {
  constructor(
    readonly service: LiveService,
    private readonly conversationLoaders: MakeConversationLoaders,
    private readonly messages: MakeMessageLoaders,
  ) {}

  @FieldResolver(() => String, {
    description: 'Hand this to Subscription.conversation(after:) to hear of everything that changes from this read on.',
  })
  async syncCursor(@Root() { row, scope }: Conversation): Promise<string> {
    const loaders = scope.of(this.messages);
    if (row.active_answer_id !== null) await loaders.byId.load(row.active_answer_id);
    // The same object that the operation shows: one length of a running answer wherever it is read.
    return writeSyncCursor(scope.keys, row.id, stateOf(row, loaders.running(row.id)));
  }

  @Subscription(() => ConversationEvent, {
    description:
      'All that changes in a conversation, its answers included, from the cursor on, on every device and instance.',
    subscribe: ({ args, context, info }: SourceRequest) =>
      resolverOf(info.schema, LiveResolver).service.followConversation(context, args.id, args.after ?? null),
  })
  conversation(
    @Root() event: ConversationLiveEvent | SourceFailure,
    @Arg('id', () => ID, { description: 'The conversation to follow.' }) _id: string,
    @Arg('after', () => String, {
      nullable: true,
      description: 'A syncCursor, or a cursor of this subscription; omit it to begin with now.',
    })
    _after: string | null,
  ): typeof ConversationEvent {
    if (event instanceof SourceFailure) throw event.error;
    if (event.type === 'message') {
      return new MessageChanged(event, event.scope.of(this.messages).keep(event.row, event.text ?? undefined));
    }
    if (event.type === 'changed')
      return new ConversationChanged(event, event.scope.of(this.conversationLoaders).keep(event.row));
    if (event.type === 'deleted') return new ConversationDeleted(event.conversationId);
    const { scope, row } = event;
    // Most deltas are read without their message: its loaders are made where it is asked for.
    const message: MessageLoaders['keep'] = (...of) => scope.of(this.messages).keep(...of);
    const view = { message, cursor: () => syncCursorAfter(event, row.conversation_id) };
    return event.type === 'delta' ? new AnswerDelta(event, view) : new AnswerFinished(event, view);
  }

  @Subscription(() => ConversationListEvent, {
    description: 'For the list beside the chat: conversations that appear, change or go.',
    subscribe: ({ context, info }: SourceRequest) => resolverOf(info.schema, LiveResolver).service.followList(context),
  })
  conversations(@Root() event: ListLiveEvent | SourceFailure): typeof ConversationListEvent {
    if (event instanceof SourceFailure) throw event.error;
    if (event.type === 'ready') return new ConversationListReady(event.atMs);
    if (event.type === 'changed')
      return new ConversationChanged(event, event.scope.of(this.conversationLoaders).keep(event.row));
    return new ConversationDeleted(event.conversationId);
  }
}

/** Where somebody stands who has read this header, and with it this answer as running. */
function stateOf(header: ConversationRow, answer: Message | null): SyncState {
  if (!answer) return allOf(header.revision);
  const { row } = answer;
  const running = { messageId: row.id, offsets: offsetsOf(answer) };
  // It had ended when the header was read, or began after that: what came in between is still to be told.
  if (row.id !== header.active_answer_id) return allOf(Math.min(row.revision, header.revision), running);
  if (row.visible) return allOf(header.revision, running);
  // On a branch that is not shown: whoever read the pages does not have it, and is given it first.
  return row.revision <= header.revision
    ? { ...allOf(header.revision), seen: justBefore(row) }
    : allOf(header.revision);
}

/** From its first character where it cannot be opened: its deltas may still come. */
function offsetsOf(answer: Message): Offsets {
  try {
    return answer.offsets;
  } catch (error) {
    if (isParleyError(error, 'DATA_INTEGRITY')) return startOfAnswer;
    throw error;
  }
}
