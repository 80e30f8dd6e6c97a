import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { MakeConversationLoaders } from '../conversations/conversation.loaders.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import type { Scope } from '../identity/scope.js';
import { Message, MessagePayload } from '../messages/message.types.js';
import type { MessageRow } from '../messages/message-row.js';
import { resolverOf } from '../platform/resolver-objects.js';
import type { AnswerService } from './answer.service.js';
import {
  AnswerDelta,
  AnswerEvent,
  AnswerFinished,
  AppendMessagesPayload,
  answerCursor,
  Model,
  SendMessagePayload,
} from './answer.types.js';
import { AppendMessagesInput, SendMessageInput } from './answer-input.types.js';
import type { FollowEvent } from './follow.js';

/** The arguments of a subscription, as TypeGraphQL hands them to its source. */
interface FollowRequest {
  readonly args: { readonly messageId: string; readonly after?: string | null };
  readonly context: Scope;
  readonly info: GraphQLResolveInfo;
}

@Resolver(() => Message)
export class AnswerResolver {
  constructor(
    private readonly service: AnswerService,
    private readonly conversationLoaders: MakeConversationLoaders,
  ) {}

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'Hand this to Subscription.answer(after:) to continue from the content of this read; null unless STREAMING.',
  })
  streamCursor(@Root() message: Message): string | null {
    return message.row.status === 'STREAMING' ? answerCursor(message, message.offsets) : null;
  }

  @Query(() => [Model], { description: 'The models that answer here.' })
  models(): Model[] {
    const { models } = this.service;
    return models.all().map((model) => new Model(model, model === models.default));
  }

  @Mutation(() => SendMessagePayload, {
    description:
      'Returns as soon as the question and the empty answer are stored; the answer is then written whether or not anyone listens.',
  })
  async sendMessage(
    @Arg('input', () => SendMessageInput, { description: 'What to ask, and where.' }) input: SendMessageInput,
    @Ctx() scope: Scope,
  ): Promise<SendMessagePayload> {
    const fresh = await scope.fresh();
    const { conversation, message, answer } = await this.service.send(fresh, input);
    return new SendMessagePayload(
      this.view(fresh, conversation),
      new Message(message, fresh),
      new Message(answer, fresh),
    );
  }

  @Mutation(() => AppendMessagesPayload, {
    description: 'For applications that call the model themselves and keep the history here.',
  })
  async appendMessages(
    @Arg('input', () => AppendMessagesInput, { description: 'What to append, and where.' }) input: AppendMessagesInput,
    @Ctx() scope: Scope,
  ): Promise<AppendMessagesPayload> {
    const fresh = await scope.fresh();
    const { conversation, messages } = await this.service.append(fresh, input);
    const views = messages.map((row: MessageRow) => new Message(row, fresh));
    return new AppendMessagesPayload(this.view(fresh, conversation), views);
  }

  @Mutation(() => MessagePayload, {
    description: 'Stops the model at once, on whichever instance it runs. Final answers are returned unchanged.',
  })
  async cancelAnswer(
    @Arg('messageId', () => ID, { description: 'The answer to stop.' }) messageId: string,
    @Ctx() scope: Scope,
  ): Promise<MessagePayload> {
    const fresh = await scope.fresh();
    return new MessagePayload(new Message(await this.service.cancel(fresh, messageId), fresh));
  }

  @Subscription(() => AnswerEvent, {
    description:
      'One answer, from the cursor (or from its first character) to its end, then complete. An answer that is already final gives what is missing and AnswerFinished at once.',
    subscribe: ({ args, context, info }: FollowRequest) =>
      resolverOf(info.schema, AnswerResolver).follow(args.messageId, args.after ?? null, context),
  })
  answer(
    @Root() event: FollowEvent,
    @Arg('messageId', () => ID, { description: 'The answer to follow.' }) _messageId: string,
    @Arg('after', () => String, {
      nullable: true,
      description:
        'A cursor of this subscription, or the streamCursor of a read; omit it to begin with the first character.',
    })
    _after: string | null,
  ): AnswerDelta | AnswerFinished {
    if (event.type === 'delta') return new AnswerDelta(event);
    if (event.type === 'finished') return new AnswerFinished(event);
    throw event.error;
  }

  /** The source of the subscription. */
  follow(messageId: string, after: string | null, scope: Scope): Promise<AsyncIterableIterator<FollowEvent>> {
    return this.service.follow(scope, messageId, after);
  }

  private view(scope: Scope, row: ConversationRow) {
    return scope.of(this.conversationLoaders).keep(row);
  }
}
