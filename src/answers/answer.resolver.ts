import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { MakeConversationLoaders } from '../conversations/conversation.loaders.js';
import type { Scope } from '../identity/scope.js';
import type { MakeMessageLoaders, MessageLoaders } from '../messages/message.loaders.js';
import { Message, MessagePayload } from '../messages/message.types.js';
import { SourceFailure } from '../platform/pulled-source.js';
import { resolverOf } from '../platform/resolver-objects.js';
import type { AnswerService, Sent } from './answer.service.js';
import {
  AnswerDelta,
  AnswerEvent,
  AnswerFinished,
  AppendMessagesPayload,
  answerCursor,
  Model,
  RegenerateAnswerPayload,
  SendMessagePayload,
} from './answer.types.js';
import {
  AppendMessagesInput,
  EditMessageInput,
  RegenerateAnswerInput,
  SendMessageInput,
} from './answer-input.types.js';
import type { FollowEvent } from './follow.js';
import { endOf } from './live-text.js';

/** The arguments of a subscription, as TypeGraphQL hands them to its source. */
interface FollowRequest {
  readonly args: { readonly messageId: string; readonly after?: string | null };
  readonly context: Scope;
  readonly info: GraphQLResolveInfo;
}

@Resolver(() => Message)
export class AnswerResolver {
  constructor(
    readonly service: AnswerService,
    private readonly conversations: MakeConversationLoaders,
    private readonly messages: MakeMessageLoaders,
  ) {}

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'Hand this to Subscription.answer(after:) to continue from the content of this read; null unless STREAMING.',
  })
  streamCursor(@Root() message: Message): string | null {
    return message.row.status === 'STREAMING'
      ? answerCursor(message.scope.keys, message.row.id, message.offsets)
      : null;
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
    return this.sent(fresh, await this.service.send(fresh, input));
  }

  @Mutation(() => SendMessagePayload, {
    description: 'A new sibling of a user message, with a new answer; the old branch stays.',
  })
  async editMessage(
    @Arg('input', () => EditMessageInput, { description: 'Which message, and its new words.' }) input: EditMessageInput,
    @Ctx() scope: Scope,
  ): Promise<SendMessagePayload> {
    const fresh = await scope.fresh();
    return this.sent(fresh, await this.service.edit(fresh, input));
  }

  @Mutation(() => RegenerateAnswerPayload, { description: 'A new sibling of an answer; the old one stays.' })
  async regenerateAnswer(
    @Arg('input', () => RegenerateAnswerInput, { description: 'What to answer once more.' })
    input: RegenerateAnswerInput,
    @Ctx() scope: Scope,
  ): Promise<RegenerateAnswerPayload> {
    const fresh = await scope.fresh();
    const { conversation, message, answer } = await this.service.regenerate(fresh, input);
    const { keep } = fresh.of(this.messages);
    return new RegenerateAnswerPayload(
      fresh.of(this.conversations).keep(conversation),
      message && keep(message),
      keep(answer),
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
    const { keep } = fresh.of(this.messages);
    return new AppendMessagesPayload(
      fresh.of(this.conversations).keep(conversation),
      messages.map((row) => keep(row)),
    );
  }

  @Mutation(() => MessagePayload, {
    description: 'Stops the model at once, on whichever instance it runs. Final answers are returned unchanged.',
  })
  async cancelAnswer(
    @Arg('messageId', () => ID, { description: 'The answer to stop.' }) messageId: string,
    @Ctx() scope: Scope,
  ): Promise<MessagePayload> {
    const fresh = await scope.fresh();
    return new MessagePayload(fresh.of(this.messages).keep(await this.service.cancel(fresh, messageId)));
  }

  @Mutation(() => MessagePayload, {
    description:
      'Takes back what one message says (a pasted password): text, reasoning, metadata and search words are gone, its place stays, the model never sees it again.',
  })
  async eraseMessage(
    @Arg('messageId', () => ID, { description: 'The message to erase.' }) messageId: string,
    @Ctx() scope: Scope,
  ): Promise<MessagePayload> {
    const fresh = await scope.fresh();
    return new MessagePayload(fresh.of(this.messages).keep(await this.service.erase(fresh, messageId)));
  }

  @Subscription(() => AnswerEvent, {
    description:
      'One answer, from the cursor (or from its first character) to its end, then complete. An answer that is already final gives what is missing and AnswerFinished at once.',
    subscribe: ({ args, context, info }: FollowRequest) =>
      resolverOf(info.schema, AnswerResolver).service.follow(context, args.messageId, args.after ?? null),
  })
  answer(
    @Root() event: FollowEvent | SourceFailure,
    @Arg('messageId', () => ID, { description: 'The answer to follow.' }) _messageId: string,
    @Arg('after', () => String, {
      nullable: true,
      description:
        'A cursor of this subscription, or the streamCursor of a read; omit it to begin with the first character.',
    })
    _after: string | null,
  ): AnswerDelta | AnswerFinished {
    if (event instanceof SourceFailure) throw event.error;
    const { row, scope } = event;
    const end = event.type === 'delta' ? endOf(event.piece) : event.end;
    // Most deltas are read without their message: its loaders are made where it is asked for.
    const message: MessageLoaders['keep'] = (...of) => scope.of(this.messages).keep(...of);
    const view = { message, cursor: () => answerCursor(scope.keys, row.id, end) };
    return event.type === 'delta' ? new AnswerDelta(event, view) : new AnswerFinished(event, view);
  }

  private sent(scope: Scope, { conversation, message, answer }: Sent): SendMessagePayload {
    const { keep } = scope.of(this.messages);
    return new SendMessagePayload(scope.of(this.conversations).keep(conversation), keep(message), keep(answer));
  }
}
