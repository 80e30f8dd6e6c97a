import { Args, FieldResolver, Resolver, Root } from 'type-graphql';
import { Conversation } from '../conversations/conversation.types.js';
import { notFound } from '../errors.js';
import { PageArguments } from '../platform/page.types.js';
import { beginningOf } from '../platform/unicode.js';
import type { MakeMessageLoaders } from './message.loaders.js';
import type { MessageService } from './message.service.js';
import { Message } from './message.types.js';
import { MessageConnection } from './message-connection.types.js';

const previewCodeUnits = 160;

/** What a conversation shows of its messages. */
@Resolver(() => Conversation)
export class ConversationMessagesResolver {
  constructor(
    private readonly service: MessageService,
    private readonly loaders: MakeMessageLoaders,
  ) {}

  @FieldResolver(() => MessageConnection, {
    description: 'The visible branch, oldest first. With none of first and last: the newest 50.',
  })
  async messages(
    @Root() { row, scope }: Conversation,
    @Args(() => PageArguments) page: PageArguments,
  ): Promise<MessageConnection> {
    const bounds = this.service.pageBounds(scope, row.id, page);
    const found = await scope.of(this.loaders).page.load({ header: row, bounds });
    // Deleted between two statements of this operation.
    if (!found) throw notFound('conversation');
    return new MessageConnection(found);
  }

  @FieldResolver(() => Message, {
    nullable: true,
    description: 'The newest message of the visible branch; null while there is none.',
  })
  lastMessage(@Root() { row, scope }: Conversation): Promise<Message | null> | null {
    return row.leaf_id === null ? null : scope.of(this.loaders).byId.load(row.leaf_id);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: 'The beginning of the newest visible message, at most 160 characters; null while there is none.',
  })
  async preview(@Root() conversation: Conversation): Promise<string | null> {
    const last = await this.lastMessage(conversation);
    return last === null ? null : beginningOf(last.content, previewCodeUnits);
  }

  @FieldResolver(() => Message, { nullable: true, description: 'The answer being written now, if any.' })
  async activeAnswer(@Root() { row, scope }: Conversation): Promise<Message | null> {
    if (row.active_answer_id === null) return null;
    const answer = await scope.of(this.loaders).byId.load(row.active_answer_id);
    // It may have ended since the conversation was read.
    return answer?.status === 'STREAMING' ? answer : null;
  }
}
